"""Columns get their meaning, and a message about them names no customer."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.customers.mapping import map_columns
from notifier.errors import BadInput


@pytest.mark.parametrize("given", [{}, {"number": ["Customer"]}])
def test_a_file_without_a_header_shows_no_customer(given: dict[str, list[str]]) -> None:
    """Where no column has a known name, the first row may be somebody's: it is not repeated."""
    with pytest.raises(BadInput) as caught:
        map_columns(("C-1001", "Maximiliane Example", "+49 30 123456"), given=given)
    said = f"{caught.value} {caught.value.advice()}"
    assert "row of names" in said
    assert not any(cell in said for cell in ("1001", "Maximiliane", "123456"))


def test_columns_with_known_names_are_listed() -> None:
    """Whoever forgot the number column sees which columns there are."""
    with pytest.raises(BadInput) as caught:
        map_columns(("Kennung", "email"), given={})
    assert "Kennung, email" in caught.value.advice()


def test_a_field_is_not_made_selectable() -> None:
    """An e-mail column declared selectable would lose everybody's address: it is refused."""
    with pytest.raises(BadInput, match="holds the field email"):
        map_columns(("number", "E-Mail", "plan"), given={}, selectable=["E-Mail"])
    assert map_columns(("number", "plan"), given={}, selectable=["plan"])[1].how == "selectable"


@pytest.mark.parametrize(
    "options",
    [
        {"given": {"email": ["mail"], "phone": ["Mail"]}},
        {"given": {"email": ["mail", "Mail"]}},
        {"given": {"email": ["mail"]}, "ignored": ["mail"]},
        {"given": {"email": ["mail"]}, "selectable": ["mail"]},
        {"given": {}, "selectable": ["plan"], "ignored": ["plan"]},
    ],
)
def test_a_column_has_one_meaning(options: dict[str, Any]) -> None:
    """Whoever names a column twice is told so: none of the two wins silently."""
    with pytest.raises(BadInput, match="named twice"):
        map_columns(("number", "mail", "plan"), **options)
