"""Turn a selection into SQL. The text is made of constants of ours; every value is bound.

No condition is ever NULL, so ``not`` is the exact opposite on both databases.
"""

from __future__ import annotations

from incidents.selection.tree import (
    And,
    Compared,
    Everybody,
    Field,
    Holds,
    Known,
    Marked,
    Not,
    OneOf,
    Or,
    Tree,
)
from notifier.store import Dialect

_COLUMNS = {
    "country": "c.country",
    "region": "c.region",
    "locale": "c.locale",
    "time_zone": "c.time_zone",
    "number": "c.number",
    "origin": "c.origin",
}


class Compiler:
    """Compiles one selection for one database; ``params`` are to be bound beside the text."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.params: dict[str, str] = {}

    def condition(self, tree: Tree) -> str:
        """Return the condition on the customer row ``c``."""
        match tree:
            case And(parts):
                made = " AND ".join(self.condition(part) for part in parts)
            case Or(parts):
                made = " OR ".join(self.condition(part) for part in parts)
            case Not(part):
                made = f"NOT {self.condition(part)}"
            case Everybody():
                made = "1 = 1"
            case Holds(category):
                made = f"c.data_held LIKE {self._bind(f'% {category} %')}"
            case Marked(mark):
                made = f"c.marks LIKE {self._bind(f'% {mark} %')}"
            case Known(field):
                made = "c.account_id IS NOT NULL" if field.name == "account" else f"{self._text(field)} <> ''"
            case Compared(field, comparison, value):
                made = self._compared(field, comparison, value)
            case OneOf(field, values):
                made = self._one_of(field, values)
        return f"({made})"

    def _bind(self, value: str) -> str:
        name = f"selected_{len(self.params)}"
        self.params[name] = value
        return f":{name}"

    def _text(self, field: Field) -> str:
        if field.name != "attribute":
            return _COLUMNS[field.name]
        if self._dialect == "postgresql":
            return f"COALESCE(c.attributes ->> CAST({self._bind(field.attribute)} AS text), '')"
        path = f'$."{field.attribute}"'
        return f"COALESCE(CAST(json_extract(c.attributes, {self._bind(path)}) AS text), '')"

    def _compared(self, field: Field, comparison: str, value: str) -> str:
        text = self._text(field)
        # SQLite compares bytes unless told otherwise; PostgreSQL would ask the server's language.
        order = ' COLLATE "C"' if self._dialect == "postgresql" else ""
        return f"{text} <> '' AND {text}{order} {comparison} {self._bind(value)}"

    def _one_of(self, field: Field, values: tuple[str, ...]) -> str:
        listed = ", ".join(self._bind(value) for value in values)
        if field.name == "account":
            accounts = f"SELECT id FROM account WHERE number IN ({listed})"
            return f"c.account_id IS NOT NULL AND c.account_id IN ({accounts})"
        exact = f"{self._text(field)} IN ({listed})"
        if field.name != "locale":
            return exact
        # A language stands for itself in every region: hi is hi-IN too.
        wider = [
            f"substr(c.locale, 1, {len(value) + 1}) = {self._bind(f'{value}-')}"
            for value in values
            if "-" not in value
        ]
        return " OR ".join([exact, *wider])
