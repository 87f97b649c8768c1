"""Notice pages: what a right link shows, what every other one gets, and what a pressed button records."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from notifier.errors import StoreError
from notifier.keys import Keys
from notifier.links import make_token, notice_link
from notifier.settings import Organisation, Settings, WebSettings
from notifier.store import Store
from notifier.testing import FakeClock
from notifier.web.app import build
from notifier.web.notices import routes
from tests.audiences import Someone
from tests.integration.test_acknowledgements import acknowledged, reference_of
from tests.integration.test_web import PatientClock, Visitor
from tests.journeys import Journey, journey

ANNA = Someone(
    "Anna <b>Albrecht</b>",
    "anna@mail.test",
    phone="+4915155500001",
    street="Weg 1",
    categories=" name email ",
)
EXPOSED = Someone("Bruno Castellano", "bruno@mail.test", categories=" password name ")
SETTINGS = Settings(
    organisation=Organisation(brand="Nordlicht Energie", time_zone="Europe/Berlin"),
    web=WebSettings(notices_per_minute=600),
)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that does not keep anybody waiting."""
    return PatientClock()


@pytest.fixture
async def told(store: Store, keys: Keys, clock: FakeClock, tmp_path: Path) -> Journey:
    """Two people whose e-mails were handed over."""
    made = await journey(store, keys, clock, tmp_path, [ANNA, EXPOSED], "sms:unreached", "letter:unreached")
    await made.send()
    return made


@pytest.fixture
def visitor(store: Store, keys: Keys, clock: FakeClock) -> Visitor:
    """Somebody with a browser."""
    return Visitor(build(SETTINGS, store, keys, lambda: "running"), clock)


async def path_of(made: Journey, someone: Someone) -> str:
    """Return the path of a person's notice page."""
    return notice_link(made.keys, "https://notices.example.com", await reference_of(made, someone))[27:]


async def press(visitor: Visitor, path: str, **form: str) -> httpx.Response:
    """Press the page's button."""
    return await visitor._send("POST", path, {"accept-language": "en"}, form or {"read": "yes"})


def words(page: str) -> list[str]:
    """Return the words of the article of a page."""
    article = re.search(r"<article.*?</article>", page, re.DOTALL)
    return re.sub(r"<[^>]*>", " ", article[0]).split() if article else []


async def test_the_page_says_what_the_e_mail_said(told: Journey, visitor: Visitor) -> None:
    """Subject and text, word for word, with date, way, reference and how to check; markup in names is text."""
    answer = await visitor.get(await path_of(told, ANNA), accept_language="en")
    page = answer.text
    assert answer.status_code == 200
    assert "Anna &lt;b&gt;Albrecht&lt;/b&gt;" in page
    for part in (
        "Your notice",
        "March\u00a02,\u00a02026",
        "E-mail",
        "notices.example.com/check",
        "I have read this",
    ):
        assert part in page
    assert "Change your password in our shop." in page
    assert answer.headers["x-robots-tag"].startswith("noindex")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers


async def test_opening_a_page_confirms_nothing(told: Journey, visitor: Visitor) -> None:
    """Scanners follow links: only the pressed button counts, a body that is something else does not."""
    path = await path_of(told, ANNA)
    for _ in range(3):
        await visitor.get(path)
    for form in ({"read": "no"}, {"other": "yes"}):
        assert (await press(visitor, path, **form)).status_code == 200
    assert await told.entries("acknowledgement:taken") == []
    assert not await acknowledged(told, ANNA)


async def test_the_button_confirms_once_and_the_page_says_when(
    told: Journey, visitor: Visitor, clock: FakeClock
) -> None:
    """At once and whenever it is opened again; the button is gone then."""
    path = await path_of(told, ANNA)
    first = (await press(visitor, path)).text
    clock.advance(hours=30)
    pages = [first, (await press(visitor, path)).text, (await visitor.get(path, accept_language="en")).text]
    for page in pages:
        assert "Thank you, it is recorded" in page
        assert "March\u00a02,\u00a02026" in page
        assert "<button" not in page
    assert len(await told.entries("acknowledgement:taken")) == 1
    assert await acknowledged(told, ANNA)


async def test_where_it_does_not_count_yet_the_page_says_so(told: Journey, visitor: Visitor) -> None:
    """Before and after the button is pressed, with what to do and whom to call."""
    path = await path_of(told, EXPOSED)
    before, after = (await visitor.get(path, accept_language="en")).text, (await press(visitor, path)).text
    for page in (before, after):
        assert "counts only once you have also signed in" in page
        assert "+49 30 901820" in page
    assert "does not count yet" in after
    assert not await acknowledged(told, EXPOSED)


async def test_every_wrong_link_gets_one_answer(told: Journey, visitor: Visitor, store: Store) -> None:
    """Another code, another's code, no notice at all, one never handed over, anything else: same bytes."""
    right = make_token(told.keys, await reference_of(told, ANNA))
    other = make_token(told.keys, await reference_of(told, EXPOSED))
    async with store.begin() as tx:
        await tx.housekeep(
            "UPDATE delivery SET state = 'cancelled' WHERE customer_id = :id",
            {"id": told.audience.subjects[EXPOSED.email]},
        )
    wrong = [
        right[:-1] + ("a" if right[-1] != "a" else "b"),
        right[:17] + other[17:],
        right.upper(),
        right + "a",
        make_token(told.keys, "0123456789ABCDEF"),
        other,
        "a/b", "%00", "é" * 16, "-", "x" * 5000,
    ]  # fmt: skip
    answers = [await visitor.get(f"/notices/{token}", accept_language="en") for token in wrong]
    answers += [await press(visitor, f"/notices/{token}") for token in wrong]
    assert {(one.status_code, one.content) for one in answers} == {(404, answers[0].content)}
    assert len({tuple(sorted(one.headers.items())) for one in answers}) == 1
    assert await told.entries("acknowledgement:taken") == []


async def test_right_and_wrong_links_take_the_same_time_and_look_ups(
    told: Journey, visitor: Visitor, clock: FakeClock
) -> None:
    """Each answer is there a quarter of a second after it was asked for."""
    for path in (await path_of(told, ANNA), "/notices/none"):
        began = clock.now()
        await visitor.get(path)
        assert (clock.now() - began).total_seconds() == 0.25


async def test_an_erased_reader_is_told_that_nothing_is_kept(
    told: Journey, visitor: Visitor, store: Store
) -> None:
    """No text, no button, and a pressed one takes nothing."""
    path = await path_of(told, ANNA)
    async with store.begin() as tx:
        await tx.housekeep("DELETE FROM subject_key")
    for answer in (await visitor.get(path, accept_language="en"), await press(visitor, path)):
        assert "Nothing more is kept" in answer.text
        assert "Albrecht" not in answer.text
        assert "<button" not in answer.text
    assert await told.entries("acknowledgement:taken") == []


async def test_what_is_not_what_was_approved_is_not_shown(
    told: Journey, visitor: Visitor, store: Store
) -> None:
    """A notice that does not have its digest is damaged; the page names whom to ask."""
    async with store.begin() as tx:
        await tx.housekeep("UPDATE notice SET digest = :other", {"other": bytes(32)})
    page = (await visitor.get(await path_of(told, ANNA), accept_language="en")).text
    assert "We cannot show this notice" in page
    assert "<article" not in page


async def test_a_text_and_a_letter_are_shown_as_they_were_sent(
    told: Journey, visitor: Visitor, store: Store
) -> None:
    """The page of a text has the text's words, the letter's page what the letter says."""
    async with store.begin() as tx:
        await tx.housekeep("UPDATE delivery SET state = 'rejected'")
    await told.go()
    text = told.sms.sent[0].content.decode().partition("\r\n")[2]  # The test's own finisher dates it.
    assert words((await visitor.get(await path_of(told, ANNA))).text) == text.split()
    async with store.begin() as tx:
        await tx.housekeep("UPDATE delivery SET state = 'bounced'")
    await told.go()
    async with store.begin() as tx:
        await tx.housekeep("UPDATE delivery SET state = 'accepted' WHERE channel = 'letter'")
    page = (await visitor.get(await path_of(told, ANNA), accept_language="en")).text
    assert "Letter" in page
    assert "Somebody copied data from our shop" in page
    assert "<h3>What Happened</h3>" in page


@pytest.mark.parametrize(
    ("locale", "title"), [("de", "Ihre Mitteilung"), ("ar", "إشعارك"), ("hi", "आपकी सूचना")]
)
async def test_the_page_speaks_other_languages(
    told: Journey, visitor: Visitor, locale: str, title: str
) -> None:
    """As asked for; the notice itself keeps the language and direction it was sent in."""
    page = (await visitor.get(f"{await path_of(told, ANNA)}?lang={locale}")).text
    assert title in page
    assert '<article class="told" lang="en" dir="ltr">' in page


async def test_too_many_visits_wait(told: Journey, store: Store, clock: FakeClock) -> None:
    """A client that asks too often gets 429 and nothing of a notice, whatever its token."""
    limited = SETTINGS.model_copy(update={"web": WebSettings(notices_per_minute=3)})
    visitor = Visitor(build(limited, store, told.keys, lambda: "running"), clock)
    path = await path_of(told, ANNA)
    assert (await press(visitor, path, read="no")).status_code == 200
    for answer in (await press(visitor, path), await visitor.get("/notices/none", accept_language="en")):
        assert (answer.status_code, "Albrecht" in answer.text) == (429, False)
        assert int(answer.headers["retry-after"]) > 0
    assert await told.entries("acknowledgement:taken") == []


async def test_a_long_form_is_not_read(told: Journey, visitor: Visitor) -> None:
    """It is answered 413, and nothing is recorded."""
    assert (await press(visitor, await path_of(told, ANNA), read="yes" * 2000)).status_code == 413
    assert (
        await press(visitor, await path_of(told, ANNA), **{f"f{n}": "1" for n in range(9)})
    ).status_code == 200


async def test_a_store_that_fails_is_said_and_nothing_is_claimed(
    told: Journey, visitor: Visitor, monkeypatch: Any
) -> None:
    """Whoever pressed the button is asked to press it again."""
    path = await path_of(told, ANNA)

    async def broken(*_args: object, **_named: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(routes, "acknowledge", broken)
    answer = await press(visitor, path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert "nothing was recorded" in answer.text


async def test_a_store_that_cannot_be_read_is_said_in_plain_words(
    told: Journey, visitor: Visitor, store: Store
) -> None:
    """Whoever opens the link is asked to open it again; an error's text, with the reference, is no log line."""
    path = await path_of(told, ANNA)
    async with store.begin() as tx:
        await tx.housekeep("ALTER TABLE notice_dictionary RENAME TO elsewhere")
    with capture_logs() as logs:
        answer = await visitor.get(path, accept_language="en")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert "open the link again in a minute" in answer.text
    assert "nothing was recorded" not in answer.text
    assert await reference_of(told, ANNA) not in str(logs)


async def test_what_was_recorded_is_not_said_to_be_lost(
    told: Journey, visitor: Visitor, store: Store
) -> None:
    """Where the notice cannot be shown after its button was pressed, the word was taken all the same."""
    path = await path_of(told, ANNA)
    async with store.begin() as tx:
        await tx.housekeep("ALTER TABLE notice_dictionary RENAME TO elsewhere")
    answer = await press(visitor, path)
    assert answer.status_code == 503
    assert "nothing was recorded" not in answer.text
    assert await acknowledged(told, ANNA)


async def test_neither_token_nor_person_is_logged(told: Journey, visitor: Visitor) -> None:
    """The access log has the route alone."""
    path = await path_of(told, ANNA)
    with capture_logs() as logs:
        await visitor.get(path)
        await press(visitor, path)
    assert logs
    assert path[9:] not in str(logs)
    assert "Albrecht" not in str(logs)
