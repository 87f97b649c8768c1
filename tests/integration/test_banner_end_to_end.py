"""From the release to the reader's word: a real announcement, a real page, a real browser."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from playwright.async_api import Browser, expect

from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import FakeClock
from tests.banner_browser import CONFIRM, READ, browser, button, needs_browser
from tests.banner_host import hosting
from tests.banner_store import ANNA, BRUNO, shown

pytestmark = needs_browser
__all__ = ["browser"]  # A fixture, found by its name here.


async def test_a_released_notice_is_read_and_acknowledged_and_no_reminder_follows(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, browser: Browser
) -> None:
    """On the host's page, after sign-in; whoever did not come is reminded."""
    out = await shown(
        store, keys, clock, tmp_path, "banner:always", "email:unacknowledged:48", people=(ANNA, BRUNO)
    )
    async with hosting(out.banners) as host:
        host.account = out.sub(ANNA)
        page = await browser.new_page()
        await page.goto(f"{host.address}/strict")
        await button(page, READ).click()
        await expect(page.get_by_role("heading", name="What Information Was Involved")).to_be_visible()
        await button(page, CONFIRM).click()
        await expect(page.get_by_text("Thank you.").last).to_be_visible()
        await page.reload()
        await expect(page.locator("notice-banner section")).to_have_count(0)
        await page.close()
    events = {"banner:served", "banner:opened", "banner:acknowledged"}
    assert all([await out.journey.entries(one) for one in events])
    await out.journey.go(49)
    assert await out.states(ANNA) == ["email first accepted", "banner first delivered"]
    assert await out.states(BRUNO) == [
        "email first accepted", "banner first planned", "email reminder-1 accepted",
    ]  # fmt: skip


async def test_after_a_theft_of_passwords_the_reader_is_asked_to_sign_in_again(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, browser: Browser
) -> None:
    """The banner says so before and after a confirmation that does not count; after a fresh sign-in it goes."""
    exposed = replace(ANNA, categories=" password name ")
    out = await shown(store, keys, clock, tmp_path, people=(exposed,))
    async with hosting(out.banners) as host:
        host.account = out.sub(exposed)
        page = await browser.new_page()
        await page.goto(f"{host.address}/strict")
        await button(page, READ).click()
        said = page.get_by_text("please sign in again before you confirm")
        await expect(said.last).to_be_visible()
        await button(page, CONFIRM).click()
        await expect(page.get_by_text("Thank you.")).to_have_count(0)
        await expect(button(page, READ)).to_be_visible()
        host.claims = {"auth_time": int(time.time())}
        await page.reload()
        await button(page, READ).click()
        await expect(said).to_have_count(0)
        await button(page, CONFIRM).click()
        await expect(page.get_by_text("Thank you.").last).to_be_visible()
        await page.reload()
        await expect(page.locator("notice-banner section")).to_have_count(0)
        await page.close()
