"""The check page in a real browser: as people see it, whatever their screen, colours and language."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, Page, async_playwright

from notifier.clock import SystemClock, to_instant
from notifier.keys import Keys
from notifier.serving import Service, listen
from notifier.settings import Organisation, Settings, WebSettings
from notifier.store import Store
from notifier.web.app import build
from notifier.web.pages import LOCALES
from tests import world

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no browser: install chromium"
)
# A folder for pictures of the pages, for whoever wants to look at them.
PICTURES = os.environ.get("PICTURES")
SCREENS = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}


@pytest.fixture
async def store(sqlite_url: str) -> AsyncIterator[Store]:
    """A store with the machine's clock: a browser does not wait for one that stands still."""
    opened = Store.open(sqlite_url, origin="notices.example.com/audit", clock=SystemClock())
    yield opened
    await opened.close()


@pytest.fixture
async def reference(store: Store, keys: Keys) -> str:
    """The reference of a notice that was handed over."""
    await world.released(store, keys, 1)
    async with store.begin() as tx:
        await tx.housekeep("UPDATE delivery SET message_date = :now", {"now": to_instant(store.clock.now())})
        return str(await tx.scalar("SELECT reference FROM delivery"))


@asynccontextmanager
async def served(store: Store, keys: Keys, *, drill: bool = False) -> AsyncIterator[str]:
    """Serve an installation on loopback; yield its address."""
    brand = Organisation(brand="Nordlicht Energie", verify_address="notices.example.com/check")
    settings = Settings(drill=drill, organisation=brand, web=WebSettings(checks_per_minute=6000))
    service = Service(None)
    with listen("127.0.0.1", 0) as listening:
        running = asyncio.create_task(
            service.run(build(settings, store, keys, service.worker_state), listening, ())
        )
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        service.stop()
        await running


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Start Debian's Chromium without a window."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        await started.close()


async def _problems(page: Page) -> list[Any]:
    """Return what the accessibility rules (WCAG 2.2 A and AA, best practice) object to."""
    await page.evaluate(AXE_SCRIPT)
    found = await page.evaluate("axe.run()")
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]


async def _overflow(page: Page) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


async def _picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_every_answer_can_be_read_by_everybody(
    store: Store, keys: Keys, reference: str, screen: str, colours: Any
) -> None:
    """On a phone and a desk, in light and dark: nothing overflows, no accessibility rule is broken, and
    the browser finds nothing that its policy forbids.
    """
    asked = {"yes": reference, "no": "3F9A-02BC-77D1-E04B", "malformed": "3F9A 02"}
    async with browser() as chromium, served(store, keys) as address:
        page = await chromium.new_page(
            viewport=SCREENS[screen], color_scheme=colours, java_script_enabled=True, bypass_csp=False
        )
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        await page.goto(f"{address}/check?lang=en")
        await _picture(page, f"ask-{screen}-{colours}")
        assert await _problems(page) == []
        for verdict, typed in asked.items():
            await page.fill("#reference", typed)
            await page.click("button")
            await page.wait_for_selector(f"section.{verdict}")
            assert await _overflow(page) <= 0
            await _picture(page, f"{verdict}-{screen}-{colours}")
            assert await _problems(page) == []
        assert complaints == []
        assert typed not in page.url


async def test_every_language_fits_a_narrow_screen(store: Store, keys: Keys, reference: str) -> None:
    """At 320 px, which is 1280 px at 400 % zoom, in each language, one of them from right to left."""
    async with browser() as chromium, served(store, keys, drill=True) as address:
        page = await chromium.new_page(viewport={"width": 320, "height": 640})
        for locale in LOCALES:
            await page.goto(f"{address}/check?lang={locale}")
            await page.fill("#reference", reference)
            await page.keyboard.press("Enter")
            await page.wait_for_selector("section.yes")
            assert await _overflow(page) <= 0
            assert await _problems(page) == []
            await _picture(page, f"drill-{locale}")


async def test_it_works_without_scripts(store: Store, keys: Keys, reference: str) -> None:
    """A browser that runs no script shows the same answer."""
    async with browser() as chromium, served(store, keys) as address:
        page = await chromium.new_page(java_script_enabled=False)
        await page.goto(f"{address}/")
        await page.fill("#reference", reference)
        await page.click("button")
        assert await page.locator("section.yes dd").count() == 3
