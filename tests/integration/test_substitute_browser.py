"""The public notice in a real browser: for everybody, whatever their screen, colours and language."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from incidents import examples
from incidents.lifecycle import Step
from incidents.store import find, take_step
from incidents.substitute.standing import Shelf
from incidents.web.substitute import add_substitute_routes
from notifier.clock import SystemClock
from notifier.keys import Keys
from notifier.serving import Service, listen, url
from notifier.store import Store
from notifier.web.app import build
from tests.affected import declared
from tests.integration import test_web_browser as chromium
from tests.integration.test_web_browser import SCREENS, browser
from tests.substitute import House

pytestmark = chromium.pytestmark


@pytest.fixture
async def store(sqlite_url: str, keys: Keys) -> AsyncIterator[Store]:
    """A store with the machine's clock."""
    opened = Store.open(
        sqlite_url, origin="notices.example.com/audit", clock=SystemClock(), load_keys=lambda: keys
    )
    yield opened
    await opened.close()


async def _house(store: Store, keys: Keys, *, drill: bool = False) -> House:
    incident = await declared(store, examples.text("credential-stuffing").encode())
    if drill:
        async with store.begin() as tx:
            await tx.write("UPDATE incident SET drill = :yes", {"yes": True})
            await take_step(tx, incident.code, Step.NOTIFY, actor="alice")
            incident = await find(tx, incident.code)
    return House(store, keys, incident)


@asynccontextmanager
async def _served(here: House) -> AsyncIterator[str]:
    """Publish in all six languages and serve it; yield the address of the page without its language."""
    made = await here.public(locales=("ar", "de", "en", "es", "fr", "hi"))
    service, shelf = Service(None), Shelf(here.store, [], "en")
    app = build(here.settings, here.store, here.keys, service.worker_state, shelf.listed)
    add_substitute_routes(app, shelf, here.store.clock)
    with listen("127.0.0.1", 0) as listening:
        running = asyncio.create_task(service.run(app, listening, ()))
        yield f"{url(listening)}/substitute/{made.slug}"
        service.stop()
        await running


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_every_language_can_be_read_by_everybody(
    store: Store, keys: Keys, screen: str, colours: Any
) -> None:
    """On a phone and a desk, in light and dark: nothing overflows, no accessibility rule is broken, and the
    browser finds nothing that the page's policy forbids.
    """
    async with browser() as started, _served(await _house(store, keys)) as address:
        page = await started.new_page(viewport=SCREENS[screen], color_scheme=colours)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        for locale in ("en", "ar", "de", "hi"):
            await page.goto(f"{address}/{locale}")
            await chromium._picture(page, f"substitute-{locale}-{screen}-{colours}")
            assert await page.get_attribute("html", "lang") == locale
            assert await chromium._overflow(page) <= 0
            assert await chromium._problems(page) == []
        assert complaints == []


async def test_languages_change_without_a_script(store: Store, keys: Keys) -> None:
    """A link to each; the chosen one is marked, and the text runs the other way where it must."""
    async with browser() as started, _served(await _house(store, keys)) as address:
        context = await started.new_context(java_script_enabled=False, locale="de-DE")
        page = await context.new_page()
        await page.goto(address)
        assert await page.get_attribute("html", "lang") == "de"
        await page.click('nav a[hreflang="ar"]')
        assert page.url == f"{address}/ar"
        assert await page.get_attribute("html", "dir") == "rtl"
        assert await page.get_attribute("nav a[aria-current]", "hreflang") == "ar"


async def test_a_drill_says_so(store: Store, keys: Keys) -> None:
    """In the title, and in a bar at the top."""
    async with browser() as started, _served(await _house(store, keys, drill=True)) as address:
        page = await started.new_page(viewport=SCREENS["phone"])
        await page.goto(f"{address}/en")
        assert (await page.title()).startswith("[DRILL]")
        assert "This is a drill" in await page.inner_text("header .drill")
        assert await chromium._problems(page) == []
        await chromium._picture(page, "substitute-drill")


async def test_what_has_ended_can_be_read_too(store: Store, keys: Keys) -> None:
    """One short page in each language, with the way to check a message."""
    here = await _house(store, keys)
    async with browser() as started, _served(here) as address:
        await here.withdraw()
        page = await started.new_page(viewport=SCREENS["phone"])
        for locale in ("en", "ar"):
            answer = await page.goto(f"{address}/{locale}")
            assert answer is not None
            assert answer.status == 410
            assert await chromium._problems(page) == []
            await chromium._picture(page, f"substitute-ended-{locale}")
