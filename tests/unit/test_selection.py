"""What the selection language understands, and how it refuses the rest."""

from __future__ import annotations

import pytest

from incidents.errors import BadSelection
from incidents.selection import Selection
from incidents.selection.tree import And, Field, Holds, Marked, Not, OneOf, Or


def test_and_binds_closer_than_or() -> None:
    """As everywhere."""
    tree = Selection.read("holds email or holds phone and not marked minor").tree
    assert tree == Or((Holds("email"), And((Holds("phone"), Not(Marked("minor"))))))


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("country = IN", "country", "IN"),
        ("country = in", "country", "IN"),
        ("country = Germany", "country", "DE"),
        ("region = US-OR", "region", "US-OR"),
        ("region = 'us-ca'", "region", "US-CA"),
        ("locale = pt_br", "locale", "pt-BR"),
        ("LOCALE = hi", "locale", "hi"),
        ("time-zone = europe/berlin", "time_zone", "Europe/Berlin"),
        ('account = "A-17"', "account", "A-17"),
        ("number = and", "number", "and"),
    ],
)
def test_values_take_the_form_the_store_keeps(text: str, field: str, value: str) -> None:
    """Where a value is expected every word is one, also `in` and `and`."""
    assert Selection.read(text).tree == OneOf(Field(field), (value,))


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("", 1, "empty"),
        ("country", 8, "expected ="),
        ("country = ", 11, "expected a value"),
        ("contry = DE", 1, "no field"),
        ("country = Atlantis", 11, "is no country"),
        ("region = CA", 10, "is no region"),
        ("holds e-mail", 7, "no data category"),
        ("marked vip", 8, "no mark"),
        ("country in DE", 12, "expected `(`"),
        ("country in (DE FR)", 16, "expected `,`"),
        ("country = DE country = FR", 14, "expected `and`"),
        ("(country = DE", 14, "expected `)`"),
        ('attribute.x = "pro', 15, "does not end"),
        ("attribute. = x", 1, "no usable name"),
        ("country < DE", 9, "only attributes"),
        ("country ! DE", 9, "stands alone"),
        ("number = \u201cA\u201d", 10, "typographic"),
        ("number = a\x07", 11, "control character"),
        (" or ".join(["everybody"] * 201), 2601, "more than 200"),
        ("x" * 20001, 1, "20001 characters"),
    ],
)
def test_an_error_points_at_its_column(text: str, column: int, said: str) -> None:
    """What is wrong, and a caret below the place."""
    with pytest.raises(BadSelection, match=said.replace("(", r"\(").replace(")", r"\)")) as refused:
        Selection.read(text)
    assert refused.value.column == column
    assert str(refused.value).endswith("^")


def test_a_near_miss_is_suggested() -> None:
    """The advice names the closest word."""
    with pytest.raises(BadSelection) as refused:
        Selection.read("holds pasword")
    assert "`password`" in refused.value.advice()
