"""``notifier customers`` as people type it."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner, Result

from incidents.app import app

PERSON = "number,name,email\n7,Maximiliane Example,maximiliane@example.com\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A fresh installation."""
    folder = tmp_path / "home"
    assert CliRunner().invoke(app, ["--home", str(folder), "init"]).exit_code == 0
    return folder


def notifier(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *words])


def written(home: Path, text: str) -> str:
    path = home / "customers.csv"
    path.write_text(text)
    return str(path)


def test_an_import_shows_its_mapping_and_names_nobody(home: Path) -> None:
    """The columns' meaning comes first, counts at the end, and no value of a customer in between."""
    result = notifier(home, "customers", "import", written(home, PERSON))
    assert result.exit_code == 0
    assert "1 added" in result.output
    assert "guessed" in result.output
    assert "aximiliane" not in result.output


def test_bad_rows_end_with_exit_code_3(home: Path) -> None:
    """Problems are told by line and kind, not by value."""
    result = notifier(
        home, "customers", "import", written(home, PERSON + "8,Secretname,broken-address\n,X,\n")
    )
    assert result.exit_code == 3
    assert "2 added, 0 changed, 0 unchanged, 1 refused" in result.output
    assert "e-mail without @" in result.output
    assert "Line 3" in result.output
    assert not any(word in result.output for word in ("Secretname", "broken-address"))


def test_refused_json_lines_stand_in_the_problems_file_alone(home: Path) -> None:
    """The file has the originals, no cell a formula; the screen names none of them."""
    file, problems = home / "people.jsonl", home / "problems.csv"
    file.write_text('{"number": "J1"}\n=secret(1)\n{"number":"J3secret","number":"J4"}\n')
    result = notifier(home, "customers", "import", str(file), "--yes", "--problems", str(problems))
    assert result.exit_code == 3
    assert "secret" not in result.output
    with problems.open(encoding="utf-8-sig", newline="") as text:
        found = [(row["number"], row["problem_original"]) for row in csv.DictReader(text)]
    assert found == [("", "'=secret(1)"), ("", '{"number":"J3secret","number":"J4"}')]
    again = notifier(home, "--json", "customers", "import", str(problems), "--yes")
    assert json.loads(again.stdout)["refused"] == 2


def test_a_guessed_encoding_is_told(home: Path) -> None:
    """Whoever imports a file in an older encoding is told to look at the names."""
    file = Path(written(home, ""))
    file.write_bytes("number,name\n1,Łukasz Żółty\n2,Jörg Müller\n".encode("cp1250"))
    told = notifier(home, "--json", "customers", "import", "--dry-run", str(file))
    assert "which is a guess" in " ".join(told.stderr.split())
    done = notifier(home, "customers", "import", str(file))
    assert (done.exit_code, "--encoding" in done.stdout.splitlines()[-1]) == (0, True)
    sure = notifier(home, "customers", "import", "--dry-run", "--encoding", "cp1250", str(file))
    assert "guess" not in sure.stdout


@pytest.mark.parametrize("rehearsal", [(), ("--dry-run",)])
def test_a_guess_that_damages_names_ends_with_exit_code_3(home: Path, rehearsal: tuple[str, ...]) -> None:
    """The import is done, and somebody must look before anybody is written to by a wrong name."""
    file = Path(written(home, ""))
    file.write_bytes("number,name\n1,Hélène Lefèvre\n2,Jérôme Étienne\n".encode("mac_roman"))
    done = notifier(home, "customers", "import", str(file), *rehearsal)
    assert (done.exit_code, "look damaged" in " ".join(done.stdout.split())) == (3, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--map", "email=Nothing"), "has no column"),
        (("--map", "shoe=name"), "no field shoe"),
        (("--map", "email"), "field=Column"),
        (("--delimiter", "ab"), "one character"),
        (("--encoding", "klingon-8"), "no text encoding"),
        (("--default-country", "Atlantis"), "no country"),
        (("--date-order", "ymd"), "dmy or mdy"),
        (("--ignore", "number"), "no column holds the customer number"),
    ],
)
def test_wrong_options_are_wrong_input_and_leave_nothing(
    home: Path, options: tuple[str, ...], words: str
) -> None:
    """Each is told in a sentence with exit code 2, and the store stays empty."""
    problems = home / "problems.csv"
    result = notifier(
        home, "customers", "import", written(home, PERSON), *options, "--problems", str(problems)
    )
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
    assert not problems.exists()
    assert json.loads(notifier(home, "--json", "customers", "count").stdout)["customers"] == 0


def test_a_dry_run_reports_and_changes_nothing(home: Path) -> None:
    """Every row is checked, none is written."""
    result = notifier(home, "--json", "customers", "import", "--dry-run", written(home, PERSON + "9,,bad\n"))
    report = json.loads(result.stdout)
    assert (result.exit_code, report["usable"], report["problems"][0]["code"]) == (3, 2, "email-at")
    assert json.loads(notifier(home, "--json", "customers", "count").stdout)["customers"] == 0


def test_a_selectable_attribute_stays_selectable_unless_it_is_sealed(home: Path) -> None:
    """Importing again without the option changes nobody and says so; sealing it is said before it happens."""
    file = written(home, "number,name,plan\n1,Anna,pro\n2,Bo,free\n")

    def imported(*options: str) -> tuple[str, dict[str, int]]:
        result = notifier(home, "--json", "customers", "import", file, *options)
        return " ".join(result.stderr.split()), json.loads(result.stdout)

    assert imported("--selectable", "plan")[1]["added"] == 2
    told, done = imported()
    assert "Kept in the clear, as imported before: plan." in told
    assert done["unchanged"] == 2
    assert "attribute, in the clear as before" in " ".join(
        notifier(home, "customers", "import", "--dry-run", file).stderr.split()
    )
    told, done = imported("--seal", "plan")
    assert "Encrypted from now on: plan." in told
    assert done["changed"] == 2
    told, done = imported()
    assert ("Kept" in told, done["unchanged"]) == (False, 2)


def test_a_file_that_breaks_off_ends_with_exit_code_3(home: Path) -> None:
    """A cell that cannot be read at all ends the import at its row, which is told with what to do."""
    book = openpyxl.Workbook()
    for row in (["number", "name"], ["1", "Anna"], [2, "Bo"]):
        book.active.append(row)
    memory = io.BytesIO()
    book.save(memory)
    file = home / "customers.xlsx"
    with zipfile.ZipFile(memory) as sound, zipfile.ZipFile(file, "w") as bad:
        for name in sound.namelist():
            part = sound.read(name)
            bad.writestr(name, part.replace(b"<v>2</v></c><c", b"<v>two</v></c><c"))
    result = notifier(home, "customers", "import", str(file))
    said = " ".join(result.output.split())
    assert (result.exit_code, "1 added" in said) == (3, True)
    assert "The file broke off at line 3: what stands before is in, nothing behind. Mend the file" in said
    assert "1 place where the file cannot be read any further." in said


def test_a_sample_is_the_same_for_the_same_seed_and_can_be_imported(home: Path) -> None:
    """Invented customers, messy on purpose, go in; duplicates wait for review, masked."""
    first, second = home / "a.csv", home / "b.csv"
    for path in (first, second):
        assert (
            notifier(home, "customers", "sample", str(path), "--count", "400", "--seed", "5").exit_code == 0
        )
    assert first.read_bytes() == second.read_bytes()
    assert notifier(home, "customers", "sample", str(first)).exit_code == 2
    done = json.loads(notifier(home, "--json", "customers", "import", str(first)).stdout)
    assert done["added"] + done["refused"] == done["rows"] == 400
    shown = json.loads(notifier(home, "--json", "customers", "duplicates", "list").stdout)
    assert len(shown) == done["duplicates_open"] > 0
    assert not any("customer." in each["first_masked"] for each in shown)
