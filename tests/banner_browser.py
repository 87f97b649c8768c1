"""A browser for tests of the banner: fixtures, and what tests ask of a page."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, Page, async_playwright

from tests.banner import notice
from tests.banner_host import Hosting, hosting

CHROMIUM = shutil.which("chromium")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no browser: install chromium"
)
# A folder for pictures of the pages, for whoever wants to look at them.
PICTURES = os.environ.get("PICTURES")
READ, CONFIRM, LATER = "Read the notice", "I have read this", "Remind me in 24 hours"

Opener = Callable[..., Awaitable[Page]]


@pytest.fixture
async def host() -> AsyncIterator[Hosting]:
    """A host whose account A has one critical notice."""
    async with hosting() as made:
        made.desk.give("A", notice("N-1"))
        yield made


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium without a window."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        await started.close()


@pytest.fixture
async def opened(host: Hosting, browser: Browser) -> AsyncIterator[Opener]:
    """Opens a page of the host; at the end no page may have complained about anything."""
    complaints: list[str] = []

    async def opener(path: str = "strict", *, quiet: bool = True, before: str = "", **how: Any) -> Page:
        page = await browser.new_page(**({"viewport": {"width": 1280, "height": 900}} | how))
        if quiet:
            page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
            page.on("pageerror", lambda error: complaints.append(str(error)))
        if before:
            await page.add_init_script(before)
        await page.goto(f"{host.address}/{path}")
        return page

    yield opener
    assert complaints == []


def button(page: Page, name: str) -> Any:
    return page.get_by_role("button", name=name)


async def problems(page: Page) -> list[Any]:
    """Return what the accessibility rules (WCAG 2.2 A and AA, best practice) object to."""
    await page.evaluate(AXE_SCRIPT)
    found = await page.evaluate("axe.run()")
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", animations="disabled")


async def until(true: Callable[[], bool]) -> None:
    """Wait for what another task brings about; the test's own time limit ends it."""
    while not true():
        await asyncio.sleep(0.01)
