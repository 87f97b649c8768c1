"""The mail house's return file as receipts: which letters were printed, posted, or came back, and why.

CSV of any delimiter and encoding, XLSX or JSON by lines. A row that cannot be read is reported with its line
and holds no other back. The same file read twice gives the same receipts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo
from pathlib import Path

from notifier.channels.letter import return_words
from notifier.channels.letter.return_words import KINDS, RowFault
from notifier.channels.receipts import Receipt
from notifier.customers.faults import Faulty
from notifier.customers.normalise.dates import DateOrder, day
from notifier.customers.reading import Options, open_table
from notifier.errors import BadInput
from notifier.references import read_reference
from notifier.rendering.lines import clean

_LARGEST = 64 << 20
_MOST = 500_000
_LONGEST_CELL = 500


@dataclass(frozen=True, slots=True)
class Returned:
    """What a return file said. ``repeated`` rows said what an earlier one had said already."""

    receipts: tuple[Receipt, ...]
    faults: tuple[RowFault, ...]
    rows: int
    repeated: int
    statuses: Mapping[str, int]
    """How many letters have each status: printed, dispatched, delivered, returned, failed."""


def read_returns(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    statuses: Mapping[str, str] | None = None,
    dates: DateOrder = "",
    zone: tzinfo = UTC,
    options: Options | None = None,
) -> Returned:
    """Read a return file; one that is no table, or too large, is ``BadInput``.

    ``columns`` maps our fields (reference, status, date, reason, carrier_id) to the file's columns where
    their names are not recognised; ``statuses`` maps the house's own words to ours. ``dates`` says whether
    the day or the month stands first where both are possible. A day without a time begins in ``zone``.
    """
    try:
        size = path.stat().st_size
    except OSError:
        size = 0  # Opening it says what is wrong.
    if size > _LARGEST:
        raise BadInput(f"{path.name} is larger than 64 MB", advice="Split it.")
    reader = _Reader(
        path,
        columns=columns or {},
        statuses=return_words.own_words(statuses or {}),
        dates=dates,
        zone=zone,
        options=options or Options(),
    )
    receipts: dict[str, Receipt] = {}
    rows = 0
    for receipt in reader.receipts():
        rows += 1
        receipts.setdefault(receipt.key, receipt)
    refused = len({fault.line for fault in reader.faults if not fault.used})
    return Returned(
        receipts=tuple(receipts.values()),
        faults=tuple(reader.faults),
        rows=rows + refused,
        repeated=rows - len(receipts),
        statuses=dict(Counter(key.split(":")[2] for key in receipts)),
    )


class _Reader:
    def __init__(
        self,
        path: Path,
        *,
        columns: Mapping[str, str],
        statuses: Mapping[str, str],
        dates: DateOrder,
        zone: tzinfo,
        options: Options,
    ) -> None:
        self._table = open_table(path, options)
        self._name = path.name
        self._places = return_words.columns(self._table.headers, columns)
        self._statuses = statuses
        self._dates: DateOrder = dates
        self._zone = zone
        self.faults: list[RowFault] = []

    def receipts(self) -> Iterator[Receipt]:
        """Yield what the good rows say; what is wrong with the others is in ``faults``."""
        for count, row in enumerate(self._table.rows(), 1):
            if count > _MOST:
                raise BadInput(f"{self._name} has more than {_MOST} rows", advice="Split it.")
            whole = len(row.cells) > max(self._places.values())
            if row.fault and not (row.fault == "row-short" and whole):
                self._refuse(row.line, "", "row-broken")
            elif receipt := self._receipt(row.line, row.cells):
                yield receipt

    def _receipt(self, line: int, cells: list[str]) -> Receipt | None:
        written = self._cell(cells, "reference")
        reference = read_reference(written)
        if not reference:
            self._refuse(line, "reference", "reference-unreadable" if written else "reference-missing")
            return None
        said = self._cell(cells, "status")
        meaning = return_words.status(said, self._statuses)
        if not meaning:
            self._refuse(line, "status", "status-unknown" if said else "status-missing")
            return None
        text = self._cell(cells, "reason")
        happened = self._moment(line, self._cell(cells, "date"))
        when = happened.isoformat() if happened else ""
        return Receipt(
            kind=KINDS[meaning],
            key=f"letter:{reference}:{meaning}:{when}",
            reference=reference,
            carrier_id=self._cell(cells, "carrier_id"),
            occurred_at=happened,
            reason=return_words.reason(text or said, meaning),
            text=text,
        )

    def _moment(self, line: int, written: str) -> datetime | None:
        if not written:
            return None
        try:
            moment = datetime.fromisoformat(written)
        except ValueError:
            try:
                moment = datetime.combine(day(written, self._dates), time())
            except Faulty:
                self._refuse(line, "date", "date-unreadable")
                return None
        try:
            return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(UTC)
        except OverflowError:
            self._refuse(line, "date", "date-unreadable")
            return None

    def _cell(self, cells: list[str], field: str) -> str:
        place = self._places.get(field, -1)
        return clean(cells[place][:_LONGEST_CELL]) if 0 <= place < len(cells) else ""

    def _refuse(self, line: int, field: str, code: str) -> None:
        column = self._table.headers[self._places[field]] if field else ""
        self.faults.append(RowFault(line, column, code))
