"""The notice page in a real browser: as people see it, whatever their screen, colours and language."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from notifier import notices
from notifier.clock import SystemClock, to_instant
from notifier.keys import Keys
from notifier.links import NOTICES_PATH, make_token
from notifier.preflight import Preflight
from notifier.serving import Service, listen
from notifier.settings import Organisation, Settings, WebSettings
from notifier.store import Store
from notifier.web.app import build
from notifier.web.pages import LOCALES
from tests.audiences import FACTS, TEXT, Someone, drafted, freeze
from tests.integration.test_web_browser import CHROMIUM, SCREENS, _overflow, _picture, _problems, browser

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no browser: install chromium"
)
ORGANISATION = Organisation(
    brand="Nordlicht Energie",
    verify_address="notices.example.com/check",
    notices_url="https://notices.example.com",
)


@pytest.fixture
async def store(sqlite_url: str) -> AsyncIterator[Store]:
    """A store with the machine's clock: a browser does not wait for one that stands still."""
    opened = Store.open(sqlite_url, origin="notices.example.com/audit", clock=SystemClock())
    yield opened
    await opened.close()


async def sent(
    store: Store, keys: Keys, home: Path, *, categories: str, drill: bool = False
) -> dict[str, str]:
    """Have one person for each language, whose e-mail was handed over; return the paths of their pages."""
    people = [
        Someone(f"Robin Sample {locale}", f"{locale}@mail.test", locale=locale, categories=categories)
        for locale in LOCALES
    ]
    settings = Settings(home=home, drill=drill, organisation=ORGANISATION)
    facts = {**FACTS, "texts": dict.fromkeys(LOCALES, TEXT)}
    number = await drafted(store, await freeze(store, keys, people), facts=facts, drill=drill)
    await Preflight(store, keys, settings, processes=0).run(number)
    async with store.begin() as tx:
        now = to_instant(store.clock.now())
        await tx.housekeep("UPDATE announcement SET state = 'released', released_at = :now", {"now": now})
        await tx.housekeep(
            "INSERT INTO wave (announcement_id, step, number, people, start_at, state)"
            " VALUES (:id, 0, 1, 6, 0, 'done')", {"id": number},
        )  # fmt: skip
        await tx.housekeep(
            "INSERT INTO send_batch (announcement_id, wave_id, number, channel, size, state, not_before,"
            " claim_token, worker, failures) SELECT :id, id, 0, 'email', 6, 'done', 0, '', '', 0 FROM wave",
            {"id": number},
        )
        await tx.housekeep(
            "INSERT INTO delivery (reference, announcement_id, member_id, customer_id, contact_point_id, channel,"
            " step, occasion, notice_id, batch_id, state, attempts, due_at, claim_token, message_date, changed_at)"
            " SELECT n.reference, n.announcement_id, n.member_id, m.customer_id, m.contact_point_id, 'email', 0,"
            " 'first', n.id, b.id, 'accepted', 1, 0, '', :now, :now FROM notice n JOIN audience_member m"
            " ON m.id = n.member_id JOIN send_batch b ON 1 = 1",
            {"now": now},
        )
        rows = await tx.rows("SELECT locale, reference FROM notice")
    return {row.locale: f"{NOTICES_PATH}{make_token(keys, row.reference)}" for row in rows}


@asynccontextmanager
async def served(store: Store, keys: Keys, *, drill: bool = False) -> AsyncIterator[str]:
    """Serve the installation on loopback; yield its address."""
    settings = Settings(drill=drill, organisation=ORGANISATION, web=WebSettings(notices_per_minute=6000))
    service = Service(None)
    with listen("127.0.0.1", 0) as listening:
        running = asyncio.create_task(
            service.run(build(settings, store, keys, service.worker_state), listening, ())
        )
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        service.stop()
        await running


async def _sound(page: Page, name: str, trouble: list[Any]) -> None:
    """Hold a page against what each of ours must be."""
    await _picture(page, name)
    assert await _overflow(page) <= 0, name
    assert await _problems(page) == [], name
    assert trouble == [], name


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_a_notice_can_be_read_and_confirmed_by_everybody(
    store: Store, keys: Keys, tmp_path: Path, screen: str, colours: Any
) -> None:
    """On a phone and a desk, in light and dark, before and after the button is pressed: nothing overflows,
    no accessibility rule is broken, and the browser finds nothing that its policy forbids.
    """
    paths = await sent(store, keys, tmp_path, categories=" name email ")
    async with served(store, keys) as base, browser() as chromium:
        page = await chromium.new_page(viewport=SCREENS[screen], color_scheme=colours)  # type: ignore[arg-type]
        trouble: list[str] = []
        page.on("console", lambda message: trouble.append(message.text))
        for locale in ("en", "ar") if colours == "dark" else LOCALES:
            await page.goto(base + paths[locale])
            await _sound(page, f"notice-{locale}-{screen}-{colours}", trouble)
        await page.goto(base + paths["en"])
        await page.get_by_role("button", name="I have read this").click()
        await page.get_by_role("status").wait_for()
        await _sound(page, f"notice-read-{screen}-{colours}", trouble)
        await page.goto(f"{base}{NOTICES_PATH}nothing")
        trouble.clear()  # The browser says that it got 404.
        await _sound(page, f"notice-none-{screen}-{colours}", trouble)
        assert await page.context.cookies() == []


async def test_a_page_that_does_not_count_yet_and_a_drill(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Both say so, in large and small, and without scripts."""
    paths = await sent(store, keys, tmp_path, categories=" password name ", drill=True)
    async with served(store, keys, drill=True) as base, browser() as chromium:
        context = await chromium.new_context(viewport=SCREENS["phone"], java_script_enabled=False)  # type: ignore[arg-type]
        page = await context.new_page()
        await page.goto(base + paths["de"])
        assert "ÜBUNG" in await page.inner_text("header")
        await page.get_by_role("button", name="Ich habe das gelesen").click()
        assert "zählt aber noch nicht" in await page.inner_text("#answer")
        await _picture(page, "notice-pending-drill")


async def test_the_link_in_the_e_mail_leads_to_its_page(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Each of the six languages has the reader's own link, once in the text and once in the HTML."""
    paths = await sent(store, keys, tmp_path, categories=" name email ")
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT n.locale, n.sealed, c.uid, k.wrapped, y.content FROM notice n JOIN audience_member m"
            " ON m.id = n.member_id JOIN customer c ON c.id = m.customer_id JOIN subject_key k"
            " ON k.customer_id = c.id JOIN notice_dictionary y ON y.id = n.dictionary_id"
        )
    for row in rows:
        packed = keys.subject(row.uid, bytes(row.wrapped)).open(bytes(row.sealed), notices.SEAL_CONTEXT)
        message = notices.unpack(packed, bytes(row.content))[1].replace(b"=\r\n", b"")
        link = f"https://notices.example.com{paths[row.locale]}".encode()
        if b"base64" not in message:
            assert len(re.findall(re.escape(link), message)) == 3
