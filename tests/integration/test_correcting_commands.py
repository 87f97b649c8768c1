"""Correct, update and unaffect through the command line, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from notifier.announcements import announcement
from notifier.store import Store
from notifier.testing import FakeClock
from tests.affected import person
from tests.conftest import ORIGIN
from tests.corrections import case
from tests.desk import Desk


@pytest.fixture
def desk(store_url: str, tmp_path: Path) -> Desk:
    """A desk that has told two people by e-mail; a third was refused. Nothing more goes out."""
    made = Desk(tmp_path / "home", store_url)
    people = [person(name, f"{name}@mail.test", locale="en") for name in ("anna", "bruno", "carla")]

    async def tell() -> None:
        store = Store.open(store_url, origin=ORIGIN, load_keys=lambda: made.keys)
        try:
            known = await case(store, made.keys, FakeClock(), made.home, people)
            code = await known.announced()
            await known.send(dead=["carla@mail.test"])
            await known.cancelled(code)
        finally:
            await store.close()

    asyncio.run(tell())
    return made


def _code(desk: Desk) -> str:
    return str(desk.ask("incidents", "list")[0]["code"])


def test_a_correction_and_an_update_are_drafted(desk: Desk) -> None:
    """With the counts by which an operator sees who is told, and how."""
    code = _code(desk)
    said = desk.file("said.yaml", "en: [We named the wrong day.]\n")
    made = desk.acts("incidents", "correct", f"{code}/1/A1", "--what-was-wrong", said, "--number", "anna")
    assert (made["kind"], made["people"], made["by_email"], made["otherwise"]) == ("correction", 1, 1, 0)
    exit_code, printed = desk.say("incidents", "correct", f"{code}/1/A1", "--operator", "alice")
    assert (exit_code, "1 person: by e-mail 1, otherwise 0." in printed) == (0, True), printed
    made = desk.acts("incidents", "update", code, "--what-is-new", said, "--then", "none")
    assert (made["kind"], made["people"], made["plan"]["steps"]) == ("update", 2, [])


def test_facts_brought_up_to_the_record_keep_what_was_wrong(desk: Desk) -> None:
    """A correction stays one."""
    code = _code(desk)
    made = desk.acts("incidents", "correct", f"{code}/1/A1")
    exit_code, _ = desk.say(
        "incidents", "facts", code, "--announcement", made["announcement"], "--operator", "alice"
    )
    assert exit_code == 0

    async def facts() -> dict[str, object]:
        async with desk.store() as store, store.read() as tx:
            return dict((await announcement(tx, made["announcement"])).facts)

    said = asyncio.run(facts())
    assert (said["kind"], said["corrects"]) == ("correction", f"{code}/1/A1")
    assert desk.say("announcements", "show", made["announcement"])[1].count("draft")


def test_people_who_are_not_affected_are_told_so(desk: Desk) -> None:
    """Taken off, said how many were told before, and told by what is drafted next."""
    code = _code(desk)
    who = ("--number", "anna", "--number", "carla", "--because", "the log was misread")
    exit_code, printed = desk.say("incidents", "unaffect", code, *who, "--operator", "alice")
    assert (exit_code, f"correct {code} --not-affected" in printed) == (0, True), printed
    made = desk.acts("incidents", "correct", code, "--not-affected")
    assert (made["kind"], made["people"]) == ("not-affected", 1)
    assert desk.ask("incidents", "accounts", code)["not-affected"] == {
        "being told so": 1,
        "nothing to tell": 1,
    }
