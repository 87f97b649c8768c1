"""From a row of cells to a customer: every cell by its meaning, every fault with its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from notifier.customers.faults import FAULTS, Faulty, Problem
from notifier.customers.mapping import Column
from notifier.customers.normalise import dates, emails, locales, phones, places, words
from notifier.customers.normalise.cells import clean, folded, is_placeholder, is_scientific, one_line
from notifier.customers.values import AccountRole, ContactPoint, CustomerRecord, Mark, PostalAddress

ADULT = 18
_MARK_FIELDS = {"minor": Mark.MINOR, "deceased": Mark.DECEASED, "employee": Mark.EMPLOYEE,
                "court_protected": Mark.COURT_PROTECTED}  # fmt: skip
_ADDRESS = frozenset(("street", "street_2", "postal_code", "city", "address"))


@dataclass(frozen=True, slots=True)
class Rules:
    """How a file is read: the meaning of its columns and what its rows leave open."""

    columns: tuple[Column, ...]
    today: date
    default_country: str = ""
    date_order: dates.DateOrder = ""


class _Row:
    """One row on its way: the cells by field, what is stated, and the faults found."""

    __slots__ = ("cells", "line", "problems", "stated")

    def __init__(self, line: int) -> None:
        self.line = line
        self.cells: dict[str, list[tuple[str, str]]] = {}
        self.stated: set[str] = set()
        self.problems: list[Problem] = []

    def note(self, column: str, code: str) -> None:
        self.problems.append(Problem(self.line, column, code))

    def first(self, field: str) -> tuple[str, str]:
        found = self.cells.get(field)
        return found[0] if found else ("", "")


_ANSWERS = frozenset(("yes", "no", "true", "false"))


def read_number(cell: str) -> str:
    """Return a row's customer number, or raise ``Faulty``: without it there is no row."""
    if cell.isalnum() and len(cell) <= 64:
        number = cell if cell.isascii() else _cleaned_number(cell)
    else:
        number = _cleaned_number(cell)
    if not number:
        raise Faulty("number-missing")
    if len(number) > 64:
        raise Faulty("number-long")
    if "@" in number:
        raise Faulty("number-personal")
    if number.lower() in _ANSWERS:
        raise Faulty("number-answer")
    if is_scientific(number) and ("+" in number or "." in number or "," in number):
        raise Faulty("number-scientific")
    return number


def _cleaned_number(cell: str) -> str:
    notes: list[str] = []
    try:
        number = one_line(clean(cell, notes))
    except Faulty as faulty:
        raise Faulty("number-long" if faulty.code == "cell-long" else "number-characters") from None
    if notes:
        raise Faulty("number-characters")
    return number


class RowNormaliser:
    """Turns rows into records. It keeps no state between rows."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        fields = [column for column in rules.columns if column.how in ("given", "guessed")]
        self._plain = [
            (column.index, column.header, column.field) for column in fields if column.field != "number"
        ]
        self._attributes = [
            column for column in rules.columns if column.in_the_clear or column.how == "attribute"
        ]

    def read(self, line: int, number: str, cells: Sequence[str]) -> tuple[CustomerRecord, list[Problem]]:
        """Return the record of a row whose number is known, and what is wrong with its other cells."""
        row = _Row(line)
        self._collect(row, cells)
        country, region = self._place(row)
        points = _emails(row)
        points += _phones(row, country or self._rules.default_country)
        address = _address(row, country)
        if address is not None and (letter := places.letter(address)):
            points.append(letter)
        name = _name(row)
        other: dict[str, str] = {}
        marks = self._marks(row, other)
        attributes = self._free(row, cells, other)
        record = CustomerRecord(
            number=number,
            name=name,
            address=address,
            points=tuple(points),
            locale=_locale(row),
            time_zone=_by(row, "time_zone", locales.time_zone),
            country=country,
            region=region,
            data_held=_closed(row, "data_held", "category-unknown"),
            marks=marks,
            attributes=attributes,
            other=other,
            account=_account(row),
            guardian=_guardian(row, number),
            stated=frozenset(row.stated),
        )
        return record, row.problems

    def _collect(self, row: _Row, cells: Sequence[str]) -> None:
        """Clean every cell; a field with a damaged cell is not stated."""
        damaged = set()
        notes: list[str] = []
        width = len(cells)
        for index, header, field in self._plain:
            if index >= width:
                damaged.add(field)
                continue
            row.stated.add(field)
            cell = cells[index]
            if not cell:
                continue
            try:
                text = clean(cell, notes)
            except Faulty as faulty:
                row.note(header, faulty.code)
                damaged.add(field)
                continue
            if notes:
                row.problems += [Problem(row.line, header, code) for code in notes]
                notes.clear()
            if text and not (len(text) < 12 and field not in _NAMES and is_placeholder(text)):
                row.cells.setdefault(field, []).append((header, text))
        if damaged:
            row.stated -= damaged

    def _place(self, row: _Row) -> tuple[str, str]:
        country = _by(row, "country", places.country)
        if not country and self._rules.default_country and not row.first("country")[1]:
            country = self._rules.default_country
            row.stated.add("country")
        region = ""
        header, text = row.first("region")
        if text:
            try:
                region = places.region(text, country)
            except Faulty as faulty:
                row.note(header, faulty.code)
                row.stated.discard("region")
        return country, region

    def _marks(self, row: _Row, other: dict[str, str]) -> tuple[str, ...]:
        if "marks" in row.stated:
            found = set(_closed(row, "marks", "mark-unknown"))
            row.stated.discard("marks")
            row.stated.update(f"mark:{mark}" for mark in Mark)
        else:
            found = set()
        for field, mark in _MARK_FIELDS.items():
            if field in row.stated:
                row.stated.discard(field)
                header, text = row.first(field)
                try:
                    if text and words.yes(text):
                        found.add(mark)
                    row.stated.add(f"mark:{mark}")
                except Faulty as faulty:
                    row.note(header, faulty.code)
        header, text = row.first("date_of_birth")
        if text:
            try:
                born = dates.day(text, self._rules.date_order)
                other["date_of_birth"] = born.isoformat()
                if dates.age(born, self._rules.today) < ADULT:
                    found.add(Mark.MINOR)
                    row.stated.add(f"mark:{Mark.MINOR}")
            except Faulty as faulty:
                row.note(header, faulty.code)
                row.stated.discard("date_of_birth")
        if "date_of_birth" in row.stated:
            row.stated.discard("date_of_birth")
            row.stated.add("other:date_of_birth")
        return tuple(sorted(found))

    def _free(self, row: _Row, cells: Sequence[str], other: dict[str, str]) -> dict[str, str]:
        attributes: dict[str, str] = {}
        for column in self._attributes:
            if column.index >= len(cells):
                continue
            notes: list[str] = []
            try:
                text = clean(cells[column.index], notes)
                if column.in_the_clear:
                    _check_selectable(text)
            except Faulty as faulty:
                row.note(column.header, faulty.code)
                continue
            row.problems += [Problem(row.line, column.header, code) for code in notes]
            row.stated.add(f"{'attributes' if column.in_the_clear else 'other'}:{column.field}")
            if text:
                (attributes if column.in_the_clear else other)[column.field] = text
        return attributes


_NAMES = frozenset(("name", "given_name", "family_name"))


def _check_selectable(text: str) -> None:
    if len(text) > 100:
        raise Faulty("attribute-long")
    if "@" in text and emails.contact_domain(text.rpartition("@")[2]):
        raise Faulty("attribute-personal")


def _by(row: _Row, field: str, reader: Callable[[str], str]) -> str:
    header, text = row.first(field)
    if not text:
        return ""
    try:
        return reader(text)
    except Faulty as faulty:
        row.note(header, faulty.code)
        row.stated.discard(field)
        return ""


def _locale(row: _Row) -> str:
    header, text = row.first("locale")
    if not text:
        return ""
    try:
        tag, code = locales.locale(text)
    except Faulty as faulty:
        row.note(header, faulty.code)
        row.stated.discard("locale")
        return ""
    if code:
        row.note(header, code)
    return tag


def _name(row: _Row) -> str:
    """Return the name; one without any letter is none."""
    header, name = row.first("name")
    if not name:
        parts = [row.first(field) for field in ("given_name", "family_name")]
        header = parts[0][0] or parts[1][0]
        name = " ".join(text for _, text in parts if text)
    if row.stated & _NAMES:
        row.stated -= _NAMES
        row.stated.add("name")
    name = one_line(name)
    if len(name) > 200:
        row.note(header, "name-long")
        row.stated.discard("name")
        return ""
    return name if name and (len(name) > 8 or folded(name)) else ""


def _emails(row: _Row) -> list[ContactPoint]:
    found: dict[str, ContactPoint] = {}
    for header, cell in row.cells.get("email", ()):
        for text in emails.split(cell):
            try:
                point = emails.email(text)
                found.setdefault(point.value.lower(), point)
            except Faulty as faulty:
                row.note(header, faulty.code)
                row.stated.discard("email")
    return list(found.values())


def _phones(row: _Row, country: str) -> list[ContactPoint]:
    found: dict[str, ContactPoint] = {}
    for header, cell in row.cells.get("phone", ()):
        for text in phones.split(cell):
            notes: list[str] = []
            try:
                point = phones.phone(text, country, notes)
                found.setdefault(point.value, point)
            except Faulty as faulty:
                row.note(header, faulty.code)
                row.stated.discard("phone")
            row.problems += [Problem(row.line, header, code) for code in notes]
    return list(found.values())


def _address(row: _Row, country: str) -> PostalAddress | None:
    fields = row.stated & _ADDRESS
    if not fields and not row.cells.keys() & _ADDRESS:
        return None
    row.stated -= _ADDRESS
    row.stated.add("address")
    street = [row.first(field)[1] for field in ("street", "street_2")]
    lines = [line for line in street if line] or [row.first("address")[1]]
    notes: list[str] = []
    header, code = row.first("postal_code")
    code = places.postal_code(code, country, notes)
    row.problems += [Problem(row.line, header, note) for note in notes]
    address = PostalAddress(
        street="\n".join(lines).strip(),
        postal_code=one_line(code),
        city=one_line(row.first("city")[1]),
        region=one_line(row.first("region")[1]),
        country=country,
    )
    return address or None


def _closed(row: _Row, field: str, unknown: str) -> tuple[str, ...]:
    header, text = row.first(field)
    if not text:
        return ()
    reader = {"data_held": words.data_categories, "marks": words.marks, "account_role": words.roles}[field]
    found, strange = reader(text)
    if strange:
        row.note(header, unknown)
    return found


def _account(row: _Row) -> AccountRole | None:
    stated = row.stated & {"account_number", "account_name", "account_role"}
    if not stated:
        return None
    row.stated -= stated
    header, number = row.first("account_number")
    roles = _closed(row, "account_role", "role-unknown")
    named, name = row.first("account_name")
    if not number:
        if name or roles:
            row.note(header or named or row.first("account_role")[0], "account-missing")
        elif "account_number" in stated:
            row.stated.add("account")
        return None
    try:
        number = read_number(number)
    except Faulty as faulty:
        row.note(header, faulty.code if not FAULTS[faulty.code].refuses else "account-missing")
        return None
    row.stated.add("account")
    return AccountRole(number, one_line(name), roles)


def _guardian(row: _Row, number: str) -> str:
    header, text = row.first("guardian_number")
    if "guardian_number" not in row.stated:
        return ""
    row.stated.discard("guardian_number")
    if text == number:
        row.note(header, "guardian-self")
        return ""
    row.stated.add("guardian")
    return text
