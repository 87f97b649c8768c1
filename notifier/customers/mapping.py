"""Which column of a file means what: given by name, else guessed from what such columns are called."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from notifier.customers.normalise.cells import folded
from notifier.errors import BadInput

How = Literal["given", "guessed", "attribute", "selectable", "kept", "ignored"]

FIELDS = (
    "number",
    "name",
    "given_name",
    "family_name",
    "email",
    "phone",
    "locale",
    "time_zone",
    "country",
    "region",
    "street",
    "street_2",
    "postal_code",
    "city",
    "address",
    "data_held",
    "marks",
    "minor",
    "deceased",
    "employee",
    "court_protected",
    "date_of_birth",
    "account_number",
    "account_name",
    "account_role",
    "guardian_number",
)
_SEVERAL = frozenset(("email", "phone"))
_OUR_OWN = re.compile(r"problem_(?:line|columns|reasons|remedies)")
_NUMBERED = re.compile(r"^(.*?)[\s_.-]*\d$")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file: its place, its name, what it means and how that is known.

    ``field`` is one of ``FIELDS``, the attribute's name, or empty for a column that is left out.
    """

    index: int
    header: str
    field: str
    how: How

    @property
    def in_the_clear(self) -> bool:
        """Whether it is an attribute that criteria may select on: declared now, or by an earlier import."""
        return self.how in ("selectable", "kept")


def map_columns(
    headers: Sequence[str],
    *,
    given: Mapping[str, Sequence[str]],
    selectable: Iterable[str] = (),
    sealed: Iterable[str] = (),
    ignored: Iterable[str] = (),
    selectable_before: Collection[str] = (),
) -> tuple[Column, ...]:
    """Return the meaning of each column; a name that no column has, or no number column, is ``BadInput``.

    ``given`` maps fields to column names and goes before every guess. What means no field becomes a free
    attribute: in the clear if it is in ``selectable``, or if it was (``selectable_before``) and is not in
    ``sealed``; else sealed.
    """
    if unknown := sorted(set(given) - set(FIELDS)):
        raise BadInput(f"there is no field {', '.join(unknown)}", advice=f"Fields are: {', '.join(FIELDS)}.")
    named = [(_column(headers, name), f"--map {field}") for field, names in given.items() for name in names]
    wanted = {index: option.removeprefix("--map ") for index, option in named}
    out = {_column(headers, name) for name in ignored}
    clear = {_column(headers, name) for name in selectable}
    closed = {_column(headers, name) for name in sealed}
    _require_one_meaning(
        headers,
        [
            *named,
            *((index, "--ignore") for index in out),
            *((index, "--selectable") for index in clear),
            *((index, "--seal") for index in closed),
        ],
    )
    for index in clear | closed:
        if field := _guess(headers[index]):
            raise BadInput(
                f"the column {headers[index]!r} holds the field {field}, which is no free attribute",
                advice="Leave it out of --selectable and --seal; if it is something else, rename the column.",
            )
    taken = set(given)
    made = []
    for index, header in enumerate(headers):
        if index in out or _OUR_OWN.fullmatch(header):
            made.append(Column(index, header, "", "ignored"))
        elif index in wanted:
            made.append(Column(index, header, wanted[index], "given"))
        elif index in clear:
            made.append(Column(index, header, attribute_name(header), "selectable"))
        elif (field := _guess(header)) and (field in _SEVERAL or field not in taken) and field not in given:
            taken.add(field)
            made.append(Column(index, header, field, "guessed"))
        else:
            name = attribute_name(header)
            kept = name in selectable_before and index not in closed
            made.append(Column(index, header, name, "kept" if kept else "attribute"))
    if "number" not in {column.field for column in made if column.how in ("given", "guessed")}:
        raise BadInput(
            "no column holds the customer number",
            advice=f"Name it with --map number=COLUMN. {_listed(headers)}",
        )
    return tuple(made)


def parse_given(options: Iterable[str]) -> dict[str, list[str]]:
    """Read ``field=Column`` as given on the command line; a field may come several times."""
    made: dict[str, list[str]] = {}
    for option in options:
        field, equals, header = option.partition("=")
        if not equals or not field or not header:
            raise BadInput(
                f"--map wants field=Column, not {option!r}", advice='For example --map email="E-Mail".'
            )
        made.setdefault(field.strip().replace("-", "_"), []).append(header.strip())
    for field, names in made.items():
        if len(names) > 1 and field not in _SEVERAL:
            raise BadInput(f"{field} can come from one column only", advice="Give --map once for it.")
    return made


def _require_one_meaning(headers: Sequence[str], named: Iterable[tuple[int, str]]) -> None:
    """Refuse a column that options name twice: none of them wins silently."""
    before: dict[int, str] = {}
    for index, option in named:
        if index in before:
            raise BadInput(
                f"the column {headers[index]!r} is named twice: by {before[index]} and by {option}",
                advice="A column means one thing: name it once.",
            )
        before[index] = option


def _column(headers: Sequence[str], name: str) -> int:
    if name in headers:
        return list(headers).index(name)
    same = [index for index, header in enumerate(headers) if folded(header) == folded(name)]
    if len(same) == 1:
        return same[0]
    raise BadInput(f"the file has no column {name!r}", advice=_listed(headers))


def _listed(headers: Sequence[str]) -> str:
    """Name the columns, unless none has a known name: the first row may be a customer's then."""
    if any(map(_guess, headers)):
        return f"The columns are: {', '.join(headers)}."
    return "No column has a known name: does the file begin with a row of names?"


@cache
def _meanings() -> dict[str, str]:
    """Return the field that each folded column name in ``columns.toml`` means."""
    called = tomllib.loads(resources.files(__package__).joinpath("columns.toml").read_text(encoding="utf-8"))
    return {folded(name): field for field in FIELDS for name in (field, *called[field])}


def _guess(header: str) -> str:
    meanings = _meanings()
    field = meanings.get(folded(header), "")
    if not field and (numbered := _NUMBERED.fullmatch(header)):
        field = meanings.get(folded(numbered[1]), "")
        return field if field in _SEVERAL else ""
    return field


def attribute_name(header: str) -> str:
    """Return what the free attribute of a column is called."""
    return re.sub(r"[^\w]+", "_", header.strip().lower()).strip("_") or "column"
