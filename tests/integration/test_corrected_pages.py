"""The notice page of a notice that was wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.keys import Keys
from notifier.links import notice_link
from notifier.store import Store
from notifier.testing import FakeClock
from notifier.web.app import build
from tests.affected import person
from tests.corrections import Case, case
from tests.integration.test_notice_pages import SETTINGS, words
from tests.integration.test_web import PatientClock, Visitor


@pytest.fixture
def clock() -> FakeClock:
    """A clock that does not keep anybody waiting."""
    return PatientClock()


@pytest.fixture
async def wrong(store: Store, keys: Keys, clock: FakeClock, tmp_path: Path) -> Case:
    """Anna and Bruno got a wrong notice."""
    people = [person(name, f"{name}@mail.test", locale="en") for name in ("anna", "bruno")]
    made = await case(store, keys, clock, tmp_path, people)
    await made.announced()
    await made.send()
    return made


async def shown(made: Case, name: str, locale: str = "en") -> str:
    """Return the page of the first notice that somebody got."""
    async with made.store.read() as tx:
        reference = await tx.scalar(
            "SELECT reference FROM delivery WHERE customer_id = :id ORDER BY id LIMIT 1", id=made.ids[name]
        )
    path = notice_link(made.keys, "https://notices.example.com", reference)[27:]
    visitor = Visitor(build(SETTINGS, made.store, made.keys, lambda: "running"), made.clock)
    return (await visitor.get(f"{path}?lang={locale}")).text


async def test_whoever_opens_a_wrong_notice_is_told_so(wrong: Case) -> None:
    """Once its correction for them is released, not before; the words that were sent stay."""
    first = f"{wrong.incident.code}/1/A1"
    drafted = await wrong.again(first, where="number = anna")
    assert "This notice was wrong" not in await shown(wrong, "anna")
    await wrong.release(drafted.announcement)
    page = await shown(wrong, "anna")
    assert "This notice was wrong" in page
    assert "corrected it on March\u00a02,\u00a02026" in page
    assert words(page)
    assert "This notice was wrong" not in await shown(wrong, "bruno")


async def test_a_correction_that_was_taken_back_says_nothing(wrong: Case) -> None:
    """Nobody is to go by it."""
    drafted = await wrong.again(f"{wrong.incident.code}/1/A1")
    await wrong.release(drafted.announcement)
    await wrong.cancelled(drafted.announcement)
    assert "This notice was wrong" not in await shown(wrong, "anna")


@pytest.mark.parametrize(
    ("locale", "said"),
    [("de", "war falsch"), ("fr", "erroné"), ("es", "incorrecto"), ("hi", "गलत"), ("ar", "غير صحيح")],
)
async def test_it_is_said_in_every_language(wrong: Case, locale: str, said: str) -> None:
    """The page's, whatever the notice's own is."""
    drafted = await wrong.again(f"{wrong.incident.code}/1/A1")
    await wrong.release(drafted.announcement)
    assert said in await shown(wrong, "bruno", locale)
