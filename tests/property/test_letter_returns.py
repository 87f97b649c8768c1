"""Whatever a return file holds: rows are read or reported, never lost, never fatal."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.channels.letter.returns import Returned, read_returns
from notifier.errors import BadInput
from notifier.notices import grouped

# A file with zero bytes is no text, and is refused as a whole.
TEXT = st.text(st.characters(exclude_characters="\x00"), max_size=30)
REFERENCES = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016X}")
STATUSES = st.sampled_from(["printed", "Dispatched", "zurück", "distribué", "RTS", "failed", "eaten", ""])
DATES = st.one_of(st.sampled_from(["2026-03-07", "", "31.12.9999", "0001-01-01T00:00:00+14:00", "x"]), TEXT)
CELLS = st.one_of(
    TEXT,
    st.sampled_from(["=cmd|' /C calc'!A0", '"', "a,b;c\td", "\ud800", "9" * 900]),
)
ROWS = st.lists(st.tuples(st.one_of(REFERENCES, CELLS), STATUSES, DATES, CELLS), max_size=12)


def read(content: bytes) -> Returned:
    """Read a return file with this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "returns.csv"
        path.write_bytes(content)
        return read_returns(path)


def table(rows, delimiter: str) -> bytes:
    """Return rows as a CSV file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([("reference", "status", "date", "reason"), *rows])
    return text.getvalue().encode("utf-8", "replace")


@settings(max_examples=150)
@given(ROWS, st.sampled_from(",;\t|"))
def test_every_row_is_a_receipt_or_a_fault(rows, delimiter: str) -> None:
    """What is counted is what stands there: receipts, repetitions and refused rows are all rows."""
    made = read(table(rows, delimiter))
    refused = {fault.line for fault in made.faults if not fault.used}
    assert made.rows == len(made.receipts) + made.repeated + len(refused)
    assert len({one.key for one in made.receipts}) == len(made.receipts)
    assert all(len(one.text) <= 500 and "\n" not in one.text for one in made.receipts)


@given(st.lists(REFERENCES, min_size=1, max_size=8, unique=True), st.sampled_from(",;\t|"))
def test_a_good_file_is_read_whole(references: list[str], delimiter: str) -> None:
    """Each reference as the manifest has it comes back as the one that was printed."""
    made = read(table([(grouped(one), "dispatched", "2026-03-07", "") for one in references], delimiter))
    assert [one.reference for one in made.receipts] == references
    assert made.faults == ()


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_refused(content: bytes) -> None:
    """No other way out, whatever is handed in."""
    try:
        made = read(content)
    except BadInput:
        return
    assert made.rows >= len(made.receipts)


@given(ROWS, st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_damage_in_one_place_does_not_stop_the_reading(rows, place: int, damage: bytes) -> None:
    """A file cut or overwritten somewhere gives what is still whole."""
    content = table([("0F9A-02BC-77D1-E04B", "printed", "2026-03-07", ""), *rows], ",")
    place = 60 + place % max(1, len(content) - 60)
    try:
        read(content[:place] + damage + content[place + 1 :])
    except BadInput:
        return
