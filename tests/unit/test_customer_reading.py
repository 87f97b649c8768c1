"""Files as people have them: delimiters, encodings, quotes, ragged rows, workbooks, JSON by lines."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from notifier.customers.reading import RawRow, Table
from notifier.customers.reading.table import name_columns
from notifier.errors import BadInput
from tests.imports import table_of


def rows(table: Table) -> list[list[str]]:
    return [row.cells for row in table.rows()]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    """The one that cuts the rows evenly wins, even where cells hold another one."""
    text = f"number{delimiter}name\n1{delimiter}Person A. Example\n2{delimiter}Person, B\n".replace(
        "Person, B", '"Person, B"'
    )
    table = table_of(tmp_path, text)
    assert table.headers == ("number", "name")
    assert rows(table)[1] == ["2", "Person, B"]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]
)
def test_the_encoding_is_found(tmp_path: Path, encoding: str) -> None:
    """Byte-order marks, UTF-16 without one, and Western Windows text are read right."""
    text = "Nummer;Name;Straße\n" + "".join(f"{n};Jörg Müller;Große Gärtnerstraße {n}\n" for n in range(50))
    table = table_of(tmp_path, text.encode(encoding))
    assert table.headers == ("Nummer", "Name", "Straße")
    assert rows(table)[7] == ["7", "Jörg Müller", "Große Gärtnerstraße 7"]


def test_odd_bytes_far_down_do_not_change_the_encoding(tmp_path: Path) -> None:
    """A few damaged characters in a UTF-8 file stay damaged cells; the others are read right."""
    good = "".join(f"{n},Jörg\n" for n in range(1000)).encode()
    table = table_of(tmp_path, b"number,name\n" + good + b"1000,J\xf6rg\n")
    found = rows(table)
    assert found[999] == ["999", "Jörg"]
    assert found[1000][1] == "J\udcf6rg"


def test_few_letters_do_not_hide_that_it_is_utf8(tmp_path: Path) -> None:
    """One damaged character beside one good one leaves the good one as it is."""
    table = table_of(tmp_path, "number,name\n1,Jörg\n".encode() + b"2,M\xfcller\n")
    assert (rows(table), table.guessed_encoding) == ([["1", "Jörg"], ["2", "M\udcfcller"]], "")


@pytest.mark.parametrize("text", ["Łukasz Żółty", "Иван Петров", "山田太郎", "陳大文", "김철수"])
def test_other_encodings_are_told_as_guesses(tmp_path: Path, text: str) -> None:
    """Nothing in such a file says which encoding it has, unless the operator does."""
    encoding = {"Ł": "cp1250", "И": "cp1251", "山": "shift_jis", "陳": "big5", "김": "euc_kr"}[text[0]]
    content = ("number,name\n" + "".join(f"{n},{text}\n" for n in range(50))).encode(encoding)
    guessed = table_of(tmp_path, content)
    assert guessed.guessed_encoding
    assert "(guessed)" in guessed.form
    given = table_of(tmp_path, content, encoding=encoding)
    assert (given.guessed_encoding, rows(given)[0][1]) == ("", text)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Jérôme", "cp1252"),
        ("Łukasz Żółty", "cp1250"),
        ("Иван Петров", "cp1251"),
        ("ABC株式会社", "shift_jis"),
    ],
)
def test_one_name_is_enough_to_guess_its_script(tmp_path: Path, text: str, encoding: str) -> None:
    """A short list is not taken for one of another continent."""
    table = table_of(tmp_path, f"number,name\n1,{text}\n".encode(encoding))
    assert (rows(table), table.guessed_encoding) == ([["1", text]], encoding)


@pytest.mark.parametrize(
    ("text", "encoding", "doubtful"),
    [
        ("Jörg Müller", "cp1252", False),
        ("L\u2019Hôpital d\u2019Été", "cp1252", False),
        ("Łukasz Żółty", "cp1250", False),
        ("Jörg Schröder", "cp850", True),
        ("Hélène Lefèvre", "mac_roman", True),
    ],
)
def test_a_guess_that_tears_words_apart_is_doubtful(
    tmp_path: Path, text: str, encoding: str, doubtful: bool
) -> None:
    """A sign or a capital where a small letter belongs shows that the file has another encoding."""
    table = table_of(tmp_path, ("number,name\n" + f"1,{text}\n" * 50).encode(encoding))
    assert (bool(table.guessed_encoding), table.doubtful) == (True, doubtful)


@pytest.mark.parametrize(("name", "advised"), [("utf-16", "utf-16-be"), ("UTF_32", "utf-32-le")])
def test_an_encoding_without_its_byte_order_is_refused(tmp_path: Path, name: str, advised: str) -> None:
    """Without a mark at the file's beginning nobody can tell the order; the one that fits is advised."""
    text = "number,name\n1,Anna\n"
    with pytest.raises(BadInput, match="byte-order mark") as caught:
        table_of(tmp_path, text.encode(advised), encoding=name)
    assert f"--encoding {advised}" in caught.value.advice()
    assert rows(table_of(tmp_path, text.encode(name), encoding=name)) == [["1", "Anna"]]


def test_line_breaks_inside_quotes_keep_line_numbers_right(tmp_path: Path) -> None:
    """A row is named by the line it begins on; U+2028 ends no line."""
    table = table_of(tmp_path, 'number,name\r\n1,"two\r\nlines"\r\n\r\n2,a\u2028b\r\n')
    assert list(table.rows()) == [RawRow(2, ["1", "two\r\nlines"]), RawRow(5, ["2", "a\u2028b"])]


def test_a_stray_quote_spoils_one_row_only(tmp_path: Path) -> None:
    """What an unclosed quote would swallow is read as rows of its own."""
    body = "".join(f'{n},"fine"\n' for n in range(3, 300))
    table = table_of(tmp_path, f'number,name\n1,a\n2,"open\n{body}')
    found = list(table.rows())
    assert found[1].fault == "row-quote"
    assert [row.line for row in found] == list(range(2, 301))
    assert not any(row.fault for row in found[2:])


def test_two_stray_quotes_swallow_nobody(tmp_path: Path) -> None:
    """A quote that the next customer's row happens to close refuses both rows; the others are read."""
    text = 'number,email,name\n1,lea@x.test,"Lea\n2,ben@x.test,Ben"\n3,cy@x.test,Cy\n'
    found = list(table_of(tmp_path, text).rows())
    assert [(row.line, row.fault) for row in found] == [(2, "row-stray"), (3, "row-stray"), (4, "")]
    text = 'number,name\nC-1,"Lea\nC-12,Ben\nC-3,Cy"\n'
    found = list(table_of(tmp_path, text).rows())
    assert [(row.line, row.fault) for row in found] == [(2, "row-stray"), (3, ""), (4, "row-stray")]


def test_cells_of_several_lines_stay_cells(tmp_path: Path) -> None:
    """Addresses with commas are no rows; where it cannot be told, the row is used and reported."""
    text = 'number,email,address\n1,a@x.test,"Street 1\n12, Ulm"\n2,b@x.test,"Street 1\n12,Ulm,DE"\n'
    found = list(table_of(tmp_path, text).rows())
    assert [(row.line, row.fault) for row in found] == [(2, ""), (4, "row-lines")]
    assert found[1].cells[2] == "Street 1\n12,Ulm,DE"
    assert rows(table_of(tmp_path, 'number,address\n1,"A Street\nUlm, DE"\n')) == [["1", "A Street\nUlm, DE"]]


def test_quotes_inside_cells_are_read_leniently(tmp_path: Path) -> None:
    """Text behind a closing quote is no reason to refuse a row."""
    assert rows(table_of(tmp_path, 'number,name\n1,"The" Person\n2,b\n'))[0] == ["1", "The Person"]


def test_ragged_rows_are_told(tmp_path: Path) -> None:
    """Too many cells refuse a row, unless they are empty; too few are worth a look."""
    found = list(table_of(tmp_path, "number,name,city\n1,a,b,c\n2,a,b,,\n3,a\n").rows())
    assert [row.fault for row in found] == ["row-long", "", "row-short"]
    assert found[1].cells == ["2", "a", "b"]


def test_an_endless_line_spoils_one_row_only(tmp_path: Path) -> None:
    """A row of megabytes is refused and the next one is read."""
    found = list(table_of(tmp_path, "number,name\n1," + "x" * 3_000_000 + "\n2,b\n").rows())
    assert [(row.line, row.fault) for row in found] == [(2, "row-huge"), (3, "")]


@pytest.mark.parametrize(
    "cell",
    ["x\n" * 5000, "Dear all, it rains.\n\n" * 200, "x" * 2_000_000 + "\nmore\n", ("y" * 20_000 + "\n") * 90],
)
def test_a_huge_cell_of_many_lines_spoils_one_row_only(tmp_path: Path, cell: str) -> None:
    """Its lines are no rows: the row is refused as one, and the next one is read at its own line."""
    text = f'number,name,email\n1,"{cell}",a@x.test\n2,Bo,b@x.test\n'
    found = list(table_of(tmp_path, text).rows())
    last = 3 + cell.count("\n")
    assert [(row.line, row.fault) for row in found] == [(2, "row-huge"), (last, "")]
    assert max(map(len, found[0].cells)) <= 100


def test_rows_behind_an_open_quote_and_much_text_are_read(tmp_path: Path) -> None:
    """A quote that is never closed ends where lines are rows again, however late."""
    body = "".join(f"{n},Person,p{n}@x.test\n" for n in range(3, 300))
    text = 'number,name,email\n1,a,a@x.test\n2,"' + "text\n" * 350 + body
    found = list(table_of(tmp_path, text).rows())
    assert found[1].fault == "row-quote"
    assert [row.cells[0] for row in found if not row.fault] == ["1", *map(str, range(3, 300))]
    open_end = list(table_of(tmp_path, 'number,name\n1,"' + "text\n" * 350).rows())
    assert [(row.line, row.fault) for row in open_end] == [(2, "row-quote")]


def test_excels_delimiter_line_and_doubled_names(tmp_path: Path) -> None:
    """``sep=;`` is no header, and every column gets a name of its own."""
    table = table_of(tmp_path, "sep=;\r\nnumber;mail;mail;;\r\n1;a;b;c\r\n")
    assert table.headers == ("number", "mail", "mail (2)")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\x1f\x8b\x08rest", "gzip"),
        (b"\xd0\xcf\x11\xe0rest", "password-protected"),
        (b"PK\x03\x04 broken", "damaged"),
        (b"\x7fELF" + bytes(200), "no text"),
        (b"a@example.com,b\nc@example.com,d\n", "column names"),
        (b'[{"number": 1}]', "JSON array"),
    ],
)
def test_unusable_files_say_what_they_are(tmp_path: Path, content: bytes, words: str) -> None:
    """Whatever is no table is refused in one sentence."""
    with pytest.raises(BadInput, match=words):
        rows(table_of(tmp_path, content))


def test_json_lines_are_flattened_and_bad_lines_told(tmp_path: Path) -> None:
    """Nested objects become dotted columns, lists become lines of a cell, broken lines faults."""
    table = table_of(
        tmp_path,
        '{"number": 7, "email": ["a@example.com", "b@example.com"], "address": {"city": "Ulm"}}\n'
        "not json\n[1]\n\n" + '{"number": "8", "minor": true, "email": null}\n',
    )
    assert table.headers == ("number", "email", "address.city", "minor")
    assert [(row.line, row.fault) for row in table.rows()] == [
        (1, ""),
        (2, "row-json"),
        (3, "row-json"),
        (5, ""),
    ]
    assert rows(table)[0] == ["7", "a@example.com\nb@example.com", "Ulm", ""]


def test_a_json_object_with_a_key_twice_is_refused(tmp_path: Path) -> None:
    """No value is chosen silently, in nested objects neither; colons in values are no keys."""
    table = table_of(
        tmp_path,
        '{"number": "7", "name": "a: b"}\n{"number": "8", "number": "9", "name": "c"}\n'
        '{"number": "10", "name": "d", "x": [{"y": 1, "y": 2}]}\n',
    )
    assert [row.fault for row in table.rows()] == ["", "row-json-twice", "row-json-twice"]
    deep = '{"number": ":", "x": ' + "[" * 1000 + "]" * 1000 + "}"
    assert [row.fault for row in table_of(tmp_path, '{"number": 1}\n' + deep).rows()][1] == "row-json"


@pytest.mark.parametrize(
    "line", ["not json", "[1]", '{"number":"J3","number":"J4"}', '{"number":5,"n":1e400}', '{"number":"5"']
)
def test_a_refused_json_line_keeps_its_original(tmp_path: Path, line: str) -> None:
    """Beside its cells: in none of them could it be taken for a value."""
    refused = list(table_of(tmp_path, '{"number": "7", "n": 1}\n' + line + "\n").rows())[1]
    assert refused.fault.startswith("row-json")
    assert (refused.cells, refused.original) == ([], line)


def test_a_json_line_too_long_keeps_its_beginning(tmp_path: Path) -> None:
    """Enough to find it by; the rows behind it are read."""
    long = '{"number": "' + "9" * (1 << 20) + '"}'
    found = list(table_of(tmp_path, '{"number": "7"}\n' + long + '\n{"number": "8"}\n').rows())
    assert found[1].original == long[:100]
    assert found[2].cells == ["8"]


def test_odd_json_objects_spoil_one_row_only(tmp_path: Path) -> None:
    """A key without a name is a late one; what is nested deeper than can be written again is refused."""
    deep = '{"number": 9, "n": ' + "[" * 300 + "]" * 300 + "}"
    table = table_of(tmp_path, '{"number": "7", "n": 1, "": "x"}\n' + deep + "\n")
    assert table.headers == ("number", "n")
    assert [(row.fault, row.cells) for row in table.rows()] == [
        ("column-late", ["7", "1"]),
        ("row-json", []),
    ]


@pytest.mark.parametrize("number", ["1e400", "-1E999", "NaN", "[Infinity]"])
def test_a_json_number_out_of_range_is_told_as_that(tmp_path: Path, number: str) -> None:
    """The line is an object; what is wrong with it is one number."""
    odd = f'{{"number": "8", "n": {number}}}'
    table = table_of(tmp_path, '{"number": "7", "n": 1}\n' + odd + '\n{"n": 1e400\n')
    assert [row.fault for row in table.rows()] == ["", "row-json-number", "row-json"]


def workbook(fill) -> bytes:
    book = openpyxl.Workbook()
    fill(book.active)
    memory = io.BytesIO()
    book.save(memory)
    return memory.getvalue()


def test_a_workbook_is_read_as_people_see_it(tmp_path: Path) -> None:
    """Whole numbers have no point, zero-padded formats keep their zeros, days are ISO dates."""

    def fill(sheet) -> None:
        sheet.append(["number", "plz", "born", "name", "minor"])
        sheet.append([42.0, 1067, date(1980, 12, 31), "  A  ", True])
        sheet["B2"].number_format = "00000"
        sheet.append([])
        sheet.append(["0043", None, None, "B", None])

    table = table_of(tmp_path, workbook(fill), "c.xlsx")
    assert rows(table) == [["42", "01067", "1980-12-31", "  A  ", "yes"], ["0043", "", "", "B", ""]]
    assert [row.line for row in table.rows()] == [2, 4]


def test_a_formula_without_result_is_told(tmp_path: Path) -> None:
    """A workbook that no spreadsheet program has calculated holds no value for a formula."""

    def fill(sheet) -> None:
        sheet.append(["number", "name"])
        sheet.append(["1", '=CONCAT("a","b")'])

    (row,) = table_of(tmp_path, workbook(fill), "c.xlsx").rows()
    assert (row.fault, row.column, row.cells) == ("cell-formula", "name", ["1", ""])


def edited(content: bytes, old: bytes, new: bytes) -> bytes:
    """Return a workbook with something in its first sheet replaced."""
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(memory, "w") as after:
        for entry in before.infolist():
            part = before.read(entry)
            after.writestr(entry, part.replace(old, new) if entry.filename.endswith("sheet1.xml") else part)
    return memory.getvalue()


@pytest.mark.parametrize(
    ("old", "new"), [(b"</sheetData>", b"<row"), (b"<worksheet", b"<!DOCTYPE x><worksheet"), (b"</row>", b"")]
)
def test_a_workbook_damaged_anywhere_is_refused_before_its_rows(
    tmp_path: Path, old: bytes, new: bytes
) -> None:
    """No half of it is used: broken XML in the last row is found when it is opened."""
    content = edited(workbook(lambda sheet: [sheet.append(["number"]), sheet.append(["1"])]), old, new)
    with pytest.raises(BadInput, match="damaged"):
        table_of(tmp_path, content, "c.xlsx")


def test_a_sheet_can_be_chosen(tmp_path: Path) -> None:
    """The first visible sheet is read unless another is named; a wrong name says which there are."""

    def fill(sheet) -> None:
        sheet.append(["number"])
        other = sheet.parent.create_sheet("Second")
        other.append(["number", "name"])
        other.append(["1", "A"])

    content = workbook(fill)
    assert table_of(tmp_path, content, "c.xlsx", sheet="Second").headers == ("number", "name")
    with pytest.raises(BadInput, match="no sheet"):
        table_of(tmp_path, content, "c.xlsx", sheet="Third")


@pytest.mark.timeout(20)
def test_a_header_of_very_many_names_is_named_in_time() -> None:
    """A file of one endless first row costs no more than its length; before, this took hours."""
    named = name_columns(["a", "a (2)", *["a"] * 50_000, *map(str, range(50_000)), "b"], "list.csv")
    assert len(set(named)) == len(named) == 100_003
    assert named[:3] == ("a", "a (2)", "a (3)")
