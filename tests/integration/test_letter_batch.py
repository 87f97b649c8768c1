"""A print batch: whole or not there, counted, checkable, without a name outside the letters."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import zipfile
from pathlib import Path

import pypdf
import pytest

from notifier.channels.letter.batch import Batch, NothingPrinted, write_batch
from notifier.customers.values import PostalAddress
from notifier.errors import BadInput, Conflict, Refused
from notifier.notices import Person, grouped
from tests.letters import ADDRESSES, NAMES, letter, renderer
from tests.notice_facts import LOCALES

NOWHERE = PostalAddress("", "50667", "Köln", "", "DE")


def letters(count: int = 6):
    """Yield letters in all languages in turn, every fourth in large print."""
    for number in range(count):
        locale = LOCALES[number % len(LOCALES)]
        yield letter(locale, reference=f"{number:016X}", large_print=number % 4 == 3)


def written(folder: Path, *more, **options) -> Batch:
    """Write a batch of six letters and ``more``."""
    return write_batch(folder / "batch.zip", [*letters(), *more], renderer(), name="INC-1", **options)


@pytest.fixture(scope="module")
def batch(tmp_path_factory) -> Batch:
    """A batch of six letters and one that cannot be printed."""
    folder = tmp_path_factory.mktemp("batch")
    return written(folder, letter(reference="F" * 16, address=NOWHERE))


def test_every_letter_is_printed_or_set_aside(batch: Batch) -> None:
    """One address that cannot be used holds no other letter back."""
    assert batch.totals.letters == len(batch.printed) == 6
    assert [one.reference for one in batch.printed] == [f"{number:016X}" for number in range(6)]
    assert [(one.reference, one.findings[0].code) for one in batch.set_aside] == [
        ("F" * 16, "address-incomplete")
    ]


def test_the_check_totals_are_those_of_the_pages(batch: Batch) -> None:
    """Letters, pages, sheets and countries, counted again from the PDFs themselves."""
    with zipfile.ZipFile(batch.path) as archive:
        pages = [len(pypdf.PdfReader(io.BytesIO(archive.read(one.file))).pages) for one in batch.printed]
        made = json.loads(archive.read("manifest.json"))
    assert [one.pages for one in batch.printed] == pages
    assert batch.totals.pages == sum(pages)
    assert batch.totals.sheets == sum((count + 1) // 2 for count in pages)
    assert batch.totals.countries == {"DE": 1, "ES": 1, "FR": 1, "IN": 1, "SA": 1, "US": 1}
    assert batch.totals.envelopes == {"din-5008-b": 5, "us-10": 1}
    assert made["totals"] == batch.totals.as_json()
    assert made["batch"] == "INC-1"


def test_both_manifests_list_the_same_letters_and_no_person(batch: Batch) -> None:
    """File, reference, pages and envelope; neither a name nor a line of an address."""
    with zipfile.ZipFile(batch.path) as archive:
        table = archive.read("manifest.csv").decode()
        listed = json.loads(archive.read("manifest.json"))["letters"]
        rest = table + json.dumps(listed, ensure_ascii=False) + "".join(archive.namelist())
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["reference"] for row in rows] == [one["reference"] for one in listed]
    assert rows[3]["large_print"] == "yes"
    assert rows[0]["reference"] == grouped("0" * 16)
    for locale in LOCALES:
        assert NAMES[locale] not in rest
        assert ADDRESSES[locale].city not in rest
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_the_checksums_hold(batch: Batch, tmp_path: Path) -> None:
    """``sha256sum --check`` accepts the archive, and every file in it once unpacked."""
    for path, folder in ((batch.checksum_path, batch.path.parent), (tmp_path / "SHA256SUMS", tmp_path)):
        if folder == tmp_path:
            with zipfile.ZipFile(batch.path) as archive:
                archive.extractall(tmp_path)
        done = subprocess.run(
            ["sha256sum", "--check", "--strict", path], cwd=folder, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert hashlib.sha256(batch.path.read_bytes()).hexdigest() == batch.sha256
    assert len((tmp_path / "SHA256SUMS").read_text().splitlines()) == 8


def test_the_same_letters_give_the_same_archive(batch: Batch, tmp_path: Path) -> None:
    """Here or in processes of their own, today or tomorrow."""
    again = written(tmp_path, processes=2)
    assert again.sha256 == batch.sha256


def test_only_its_owner_can_read_a_batch(batch: Batch) -> None:
    """The files are personal."""
    for path in (batch.path, batch.checksum_path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_batch_is_never_overwritten(batch: Batch) -> None:
    """It may have been printed already."""
    with pytest.raises(Conflict):
        written(batch.path.parent)
    assert hashlib.sha256(batch.path.read_bytes()).hexdigest() == batch.sha256


def test_where_files_need_names_it_is_the_same(
    batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every file system has files without names; nothing else is left then either."""
    monkeypatch.delattr("os.O_TMPFILE")
    assert written(tmp_path).sha256 == batch.sha256
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batch.zip", "batch.zip.sha256"]
    assert (tmp_path / "batch.zip").stat().st_mode & 0o777 == 0o600


def test_one_reference_is_printed_once(tmp_path: Path) -> None:
    """A letter that comes twice is set aside the second time."""
    made = written(tmp_path, letter(reference="0" * 16))
    assert made.totals.letters == 6
    assert made.set_aside[0].findings[0].code == "reference-repeated"


def _broken():
    yield from letters(3)
    raise BadInput("the list of letters ends here")


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [([letter(address=NOWHERE)], NothingPrinted), ([], NothingPrinted), (_broken(), BadInput)],
)
def test_a_refused_batch_leaves_nothing(tmp_path: Path, wanted, refusal) -> None:
    """Neither an archive nor a part of one."""
    with pytest.raises(refusal):
        write_batch(tmp_path / "batch.zip", wanted, renderer(), name="x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    """No stack trace for a mistyped path."""
    with pytest.raises(Refused, match="cannot be written"):
        write_batch(tmp_path / "none" / "batch.zip", letters(1), renderer(), name="x")


def test_one_person_without_facts_holds_nobody_back(tmp_path: Path) -> None:
    """Somebody with no data category is set aside; the names of what is missing say why."""
    made = written(tmp_path, letter(reference="E" * 16, person=Person("Mia Muster")))
    assert made.totals.letters == 6
    assert "person.categories" in made.set_aside[0].findings[0].detail
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batch.zip", "batch.zip.sha256"]
