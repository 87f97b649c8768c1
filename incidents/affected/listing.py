"""Read a list of affected people: a table with named columns, or plain lines, in any form people have.

Columns are known by their names: number, email, phone (the first that is filled in names the person),
categories (which of this person's data was exposed), records, ``hint CATEGORY`` (such as the last four
digits), and for people who are no customers name, locale and country.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from notifier.categories import CODES
from notifier.customers.normalise.cells import folded
from notifier.customers.reading import Options, open_table
from notifier.customers.reading.probe import probe
from notifier.errors import BadInput
from notifier.store import Transaction

Kind = Literal["number", "email", "phone"]
KINDS: tuple[Kind, ...] = ("number", "email", "phone")
MAX_CELL = 4000
MAX_DETAIL = 300_000
"""Of a cell with records: a thousand of them, each of the longest."""
_CHUNK = 500
_PART = 1 << 20
_VALUE = re.compile(r"[^\s,;|%\x00-\x1f\x7f-\x9f]{1,254}|\+?[0-9][0-9 ()./-]{3,40}")
"""One value alone on a line: a number, an e-mail address, or a phone number with its spaces."""
_CALLED = {
    "number": "number; customer number; customer id; customer; id; customer no; kundennummer; numéro client; "
    "número de cliente; ग्राहक संख्या; رقم العميل",
    "email": "email; e-mail; mail; email address; e-mail address; e-mail-adresse; courriel; adresse e-mail; "
    "correo; correo electrónico; ईमेल; البريد الإلكتروني",
    "phone": "phone; telephone; mobile; phone number; telefon; handy; téléphone; teléfono; फ़ोन; هاتف",
    "categories": "categories; data categories; category; exposed; exposed data; data; datenkategorien; "
    "catégories; categorías; श्रेणियाँ; الفئات",
    "records": "records; record; datensätze; enregistrements; registros",
    "name": "name; full name; nom; nombre; नाम; الاسم",
    "locale": "locale; language; sprache; langue; idioma; भाषा; اللغة",
    "country": "country; land; pays; país; देश; البلد",
}
_MEANING = {folded(name): meaning for meaning, names in _CALLED.items() for name in names.split(";")}
_HINT = "hint "
_MEANING |= {folded(f"{_HINT}{code}"): f"{_HINT}{code}" for code in CODES}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a list. ``cells`` is the row as it stood, for the report."""

    line: int
    cells: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""

    def key(self) -> tuple[Kind, str] | None:
        """Return what names the person, if anything does."""
        return next(((kind, self.values[kind]) for kind in KINDS if self.values.get(kind)), None)


class PeopleList:
    """A list in a file; ``entries`` reads it anew at each call, in flat memory."""

    def __init__(self, path: Path, options: Options | None = None) -> None:
        self._path = path
        self._options = options or Options()
        plain = _plain(path, self._options)
        self._plain_encoding = plain or ""
        if plain:
            self.headers: tuple[str, ...] = ("value",)
            self.ignored: tuple[str, ...] = ()
            return
        self._table = open_table(path, self._options)
        self.headers = self._table.headers
        self._meanings = [_MEANING.get(folded(header), "") for header in self.headers]
        self.ignored = tuple(
            header for header, meaning in zip(self.headers, self._meanings, strict=True) if not meaning
        )
        if not set(KINDS) & set(self._meanings):
            raise BadInput(
                "no column of the list names people",
                advice="Name one of the columns number, email or phone.",
            )

    def digest(self, tx: Transaction) -> str:
        """Return the commitment to the file's bytes: a plain digest of a short list could be guessed."""
        made = tx.committing("list")
        with self._path.open("rb") as file:
            while part := file.read(_PART):
                made.update(part)
        return made.hexdigest()

    def entries(self) -> Iterator[Entry]:
        """Yield the rows; one that cannot be read has its ``fault`` set."""
        if self._plain_encoding:
            yield from self._lines()
            return
        for row in self._table.rows():
            cells = tuple(cell.strip()[:MAX_DETAIL] for cell in row.cells)
            if row.fault and not row.column:
                yield Entry(row.line, cells, fault="the row cannot be read")
                continue
            values: dict[str, str] = {}
            for meaning, cell in zip(self._meanings, cells, strict=False):
                if meaning and cell:
                    values.setdefault(meaning, cell if _is_detail(meaning) else cell[:MAX_CELL])
            yield Entry(row.line, cells, values)

    def chunks(self) -> Iterator[list[Entry]]:
        """Yield the rows some hundreds at a time."""
        entries = self.entries()
        while chunk := list(islice(entries, _CHUNK)):
            yield chunk

    def _lines(self) -> Iterator[Entry]:
        with self._path.open(encoding=self._plain_encoding, errors="replace") as file:
            for line, text in enumerate(file, start=1):
                written = text.strip().removeprefix("\ufeff")
                if written:
                    yield Entry(line, (written[:MAX_CELL],), {_kind(written): written[:MAX_CELL]})


def _is_detail(meaning: str) -> bool:
    return meaning == "records" or meaning.startswith(_HINT)


def _kind(written: str) -> Kind:
    if "@" in written:
        return "email"
    return "phone" if written.startswith("+") else "number"


def _plain(path: Path, options: Options) -> str:
    """Return the encoding of a list without columns: one value a line, no name above them; else nothing."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read: {error.strerror}", advice="Check its name.") from None
    if start[:2] == b"PK" or not start:
        return ""
    found = probe(path, options.encoding)
    lines = [line.strip() for line in found.start.removeprefix("\ufeff").splitlines() if line.strip()]
    if not lines or lines[0].startswith(("{", "[")):
        return ""
    if folded(lines[0]) in _MEANING or not all(_VALUE.fullmatch(line) for line in lines[:50]):
        return ""
    return found.encoding


def categories_of(entry: Entry) -> tuple[tuple[str, ...], bool]:
    """Return the data categories a row names, and whether it names one that is unknown."""
    cell = entry.values.get("categories", "")
    parts = chain.from_iterable(part.split() for part in cell.replace(",", ";").replace("|", ";").split(";"))
    words = [part.strip().lower().replace("_", "-") for part in parts]
    return tuple(word for word in words if word in CODES), any(word not in CODES for word in words if word)


def details_of(entry: Entry) -> dict[str, Any]:
    """Return the facts about this person alone, as they stand: hints per data category, and records."""
    hints = {
        meaning.removeprefix(_HINT): value
        for meaning, value in entry.values.items()
        if meaning.startswith(_HINT)
    }
    records = [part.strip() for part in entry.values.get("records", "").split(";") if part.strip()]
    return {**({"hints": hints} if hints else {}), **({"records": records} if records else {})}


def cut_columns(entry: Entry) -> set[str]:
    """Return the columns whose cell is longer than what is read of it."""
    return {meaning for meaning, value in entry.values.items() if len(value) >= MAX_DETAIL}
