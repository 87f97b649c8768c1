"""The selection language: what it says in SQL is what it says in Python; hostile text is only ever refused."""

from __future__ import annotations

import asyncio
import operator
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents.errors import BadSelection
from incidents.selection import Selection
from incidents.selection.tree import (
    And,
    Compared,
    Everybody,
    Holds,
    Known,
    Marked,
    Not,
    OneOf,
    Or,
    Tree,
)
from notifier.audit.entry import Event
from notifier.store import Store

COUNTRIES = ["DE", "FR", "IN", "US", "NO"]
REGIONS = ["US-CA", "US-OR", "DE-BY", "IN-KA"]
LOCALES = ["hi", "hi-IN", "de", "de-AT", "en"]
CATEGORIES = ["email", "password-hash", "password", "health"]
MARKS = ["minor", "employee", "deceased"]
PLANS = ["pro", "Pro", "a'b", 'x" OR 1=1 --', "größe", "%", "2024-05-01", "10", "\\", "$.a"]
ACCOUNTS = ["A-17", "B_2"]


@dataclass(frozen=True)
class Traits:
    """What a selection may look at."""

    number: str
    country: str = ""
    region: str = ""
    locale: str = ""
    account: str = ""
    data_held: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    attributes: dict[str, str] = field(default_factory=dict, hash=False)


ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def holds(tree: Tree, one: Traits) -> bool:
    """Interpret a selection: the oracle for the compiled SQL."""

    def text(of) -> str:
        return one.attributes.get(of.attribute, "") if of.name == "attribute" else getattr(one, of.name)

    said = isinstance(tree, Everybody)
    match tree:
        case And(parts):
            said = all(holds(part, one) for part in parts)
        case Or(parts):
            said = any(holds(part, one) for part in parts)
        case Not(part):
            said = not holds(part, one)
        case Holds(category):
            said = category in one.data_held
        case Marked(mark):
            said = mark in one.marks
        case Known(of):
            said = text(of) != ""
        case Compared(of, sign, value):
            said = text(of) != "" and ORDER[sign](text(of), value)
        case OneOf(of, values):
            wider = [f"{value}-" for value in values if of.name == "locale" and "-" not in value]
            said = text(of) in values or text(of).startswith(tuple(wider))
    return said


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def choice(values: list[str]) -> st.SearchStrategy[str]:
    return st.sampled_from(values)


def comparisons(name: str, values: list[str]) -> st.SearchStrategy[str]:
    one = choice(values).map(quoted)
    listed = st.lists(one, min_size=1, max_size=3).map(", ".join)
    return st.one_of(
        one.map(lambda value: f"{name} = {value}"),
        one.map(lambda value: f"{name} != {value}"),
        listed.map(lambda value: f"{name} in ({value})"),
        listed.map(lambda value: f"{name} NOT IN ({value})"),
        choice(["known", "unknown", "not known"]).map(lambda word: f"{name} is {word}"),
    )


CONDITIONS = st.one_of(
    comparisons("country", COUNTRIES),
    comparisons("region", REGIONS),
    comparisons("locale", ["hi", "hi-IN", "de", "en", "fr"]),
    comparisons("account", ACCOUNTS),
    comparisons("attribute.plan", PLANS),
    comparisons('attribute."my plan"', PLANS),
    choice(CATEGORIES).map(lambda word: f"holds {word}"),
    st.tuples(choice(["any", "all"]), st.lists(choice(CATEGORIES), min_size=1, max_size=2)).map(
        lambda pair: f"holds {pair[0]} ({', '.join(pair[1])})"
    ),
    choice(MARKS).map(lambda word: f"marked {word}"),
    st.tuples(choice(["<", "<=", ">", ">="]), choice(PLANS).map(quoted)).map(
        lambda p: f"attribute.plan {p[0]} {p[1]}"
    ),
    st.just("everybody"),
)
SELECTIONS = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.tuples(inner, choice(["and", "or", "AND"]), inner).map(" ".join),
        inner.map(lambda text: f"not ({text})"),
        inner.map(lambda text: f"({text})"),
    ),
    max_leaves=6,
)


def _words(words: frozenset[str]) -> str:
    return f" {' '.join(sorted(words))} " if words else ""


def _people() -> list[Traits]:
    """Sixty customers whose fields take every value in turn, and none."""
    made = []
    for n in range(60):
        plan = {"plan": PLANS[n % len(PLANS)]} if n % 4 else {}
        made.append(
            Traits(
                number=f"C{n}",
                country=["", *COUNTRIES][n % 6],
                region=["", *REGIONS][n % 5],
                locale=["", *LOCALES][n * 7 % 6],
                account=["", *ACCOUNTS][n % 3],
                data_held=frozenset(c for i, c in enumerate(CATEGORIES) if n >> i & 1),
                marks=frozenset(m for i, m in enumerate(MARKS) if n >> (i + 2) & 1),
                attributes={**plan, **({"my plan": PLANS[n % 7]} if n % 2 else {})},
            )
        )
    return made


PEOPLE = _people()


async def fill(store: Store) -> None:
    """Put the sixty customers into the store."""
    async with store.begin() as tx:
        await tx.insert_many(
            "account", ("id", "number", "name", "country"), [(i, a, a, "") for i, a in enumerate(ACCOUNTS, 1)]
        )
        columns = (
            *(
                "uid",
                "number",
                "locale",
                "time_zone",
                "country",
                "region",
                "data_held",
                "marks",
                "attributes",
            ),
            *("sealed", "fingerprint", "account_id", "created_at", "changed_at", "origin"),
        )
        account = {"": None, **{number: i for i, number in enumerate(ACCOUNTS, 1)}}
        rows = [
            (
                *(one.number.rjust(32, "0"), one.number, one.locale, "", one.country, one.region),
                *(_words(one.data_held), _words(one.marks), orjson.dumps(one.attributes).decode()),
                *(b"", b"", account[one.account], 0, 0, "import"),
            )
            for one in PEOPLE
        ]
        await tx.insert_many("customer", columns, rows)
        tx.record(Event("customers:imported"))


async def chosen(store: Store, selection: Selection) -> set[str]:
    condition, params = selection.condition(store.dialect)
    async with store.read() as tx:
        return {
            row.number
            for row in await tx.rows(f"SELECT c.number FROM customer c WHERE {condition}", **params)
        }


@pytest.fixture(scope="module")
def loop():
    made = asyncio.new_event_loop()
    yield made
    made.close()


_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def test_compiled_and_interpreted_selections_agree(store_url: str, loop) -> None:
    """On either database a selection finds exactly the customers it describes."""
    store = Store.open(store_url, origin="x.example/audit")
    loop.run_until_complete(fill(store))

    @settings(max_examples=120, deadline=None, suppress_health_check=_SLOW)
    @given(text=SELECTIONS)
    def agree(text: str) -> None:
        selection = Selection.read(text)
        expected = {one.number for one in PEOPLE if holds(selection.tree, one)}
        assert loop.run_until_complete(chosen(store, selection)) == expected

    agree()
    loop.run_until_complete(store.close())


_PIECES = st.sampled_from(
    [
        *"()=<>,'\"!",
        " ",
        "and",
        "or",
        "not",
        "in",
        "is",
        "known",
        "holds",
        "marked",
        "country",
        "DE",
        "attribute.",
        "a.b",
        "';DROP TABLE customer;--",
        "\\",
        "\x00",
        "\ud800",
        "\u2018",
        "\u00a0",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=60),
        st.lists(_PIECES, max_size=25).map(" ".join),
        st.lists(_PIECES, max_size=25).map("".join),
    )
)
def test_any_text_is_understood_or_refused(text: str) -> None:
    """Whatever is typed: a selection or a BadSelection whose message can be printed, nothing else."""
    try:
        condition, params = Selection.read(text).condition("sqlite")
    except BadSelection as refused:
        column, said = refused.column, str(refused)
    else:
        column, said = 1, ""
        assert "'" not in condition.replace("''", "")
        assert "DROP" not in condition
        assert all("\x00" not in value for value in params.values())
    assert 1 <= column <= len(text) + 1
    said.encode()


@settings(max_examples=40, deadline=None)
@given(depth=st.integers(min_value=31, max_value=6000))
def test_endless_nesting_is_refused(depth: int) -> None:
    """Neither the parser nor the database runs out of stack."""
    for opening in ("(", "not "):
        with pytest.raises(BadSelection):
            Selection.read(opening * depth + "everybody")


def test_the_database_is_still_whole(store_url: str, tmp_path: Path, loop) -> None:
    """Values that look like SQL are values."""
    store = Store.open(store_url, origin="x.example/audit")
    loop.run_until_complete(fill(store))
    hostile = Selection.read(
        """account = "x'; DROP TABLE customer; --" or attribute.plan = "x\\" OR 1=1 --" """
    )
    assert loop.run_until_complete(chosen(store, hostile)) == {
        one.number for one in PEOPLE if holds(hostile.tree, one)
    }
    assert len(loop.run_until_complete(chosen(store, Selection.read("everybody")))) == len(PEOPLE)
    loop.run_until_complete(store.close())
