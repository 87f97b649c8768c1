"""``notifier suppressions``, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.affected import add, person
from tests.desk import Desk

CALLED = ("--operator", "alice", "--because", "they called")


@pytest.fixture
def desk(store_url: str, tmp_path: Path) -> Desk:
    """An installation that knows two people with one mailbox."""
    made = Desk(tmp_path / "home", store_url)

    async def fill() -> None:
        async with made.store() as store:
            people = [person("1", "one@example.com"), person("2", "one@example.com")]
            await add(store, made.keys, people)

    asyncio.run(fill())
    return made


def test_an_address_is_suppressed_and_used_again(desk: Desk) -> None:
    """By its owner's word, for whoever has it; who did so is on record, the address is not."""
    code, said = desk.say("suppressions", "add", "ONE@example.com", "--reason", "dead", *CALLED)
    assert (code, "suppressed: dead" in said) == (0, True)
    (standing,) = desk.ask("suppressions", "list", "--reason", "dead")
    assert (standing["customers"], standing["because"]) == ("1 2", "they called")
    assert desk.ask("suppressions", "list", "--reason", "stopped") == []
    assert "already" in desk.say("suppressions", "add", "one@example.com", "--reason", "dead", *CALLED)[1]
    assert "dead (they called)" in desk.say("customers", "show", "2", "--operator", "alice")[1]
    assert (
        "1 suppression lifted"
        in desk.say("suppressions", "lift", "one@example.com", "--reason", "dead", *CALLED)[1]
    )
    assert desk.ask("suppressions", "list") == []
    (ended,) = desk.ask("suppressions", "list", "--lifted")
    assert ended["ended"]
    desk.say("audit", "sequence")
    entries = desk.ask("audit", "entries", "--action", "contact-point:suppressed")
    assert [one["entry"]["data"]["actor"] for one in entries] == ["operator:alice"]
    assert "one@" not in str(entries)


def test_what_cannot_be_is_said_in_words(desk: Desk) -> None:
    """An address nobody has, no reason given, a day that is over, nothing to lift."""
    for given, why in (
        (("add", "two@example.com", "--reason", "dead", *CALLED), "nobody has this address"),
        (("add", "nonsense", "--reason", "dead", *CALLED), "nobody has this address"),
        (("add", "one@example.com", "--reason", "dead", "--operator", "alice", "--because", " "), "missing"),
        (("add", "one@example.com", "--reason", "dead", "--until", "2001-01-01", *CALLED), "is over"),
    ):
        code, said = desk.say("suppressions", *given)
        assert code in {1, 2}
        assert why in said
    code, said = desk.say("suppressions", "lift", "one@example.com", "--reason", "dead", *CALLED)
    assert (code, "not suppressed" in said) == (0, True)
    assert desk.ask("suppressions", "list") == []
