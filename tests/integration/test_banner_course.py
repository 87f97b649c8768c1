"""The banner over the life of a page: accounts, routes, news, reports, tokens and focus."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.banner import notice
from tests.banner_browser import (
    CONFIRM,
    READ,
    Opener,
    browser,
    button,
    host,
    needs_browser,
    opened,
    picture,
    until,
)
from tests.banner_host import Hosting

pytestmark = needs_browser
__all__ = ["browser", "host", "opened"]  # Fixtures, found by their names here.


async def test_another_account_never_sees_a_notice(host: Hosting, opened: Opener) -> None:
    """After another sign-in without a new page, the first account's notice is gone before any answer."""
    host.desk.give("B", notice("N-2", title="Of B alone"))
    page = await opened()
    await button(page, READ).wait_for()
    host.account = "B"
    host.withheld.clear()
    await page.evaluate("document.querySelector('notice-banner').refresh()")
    assert await page.locator("notice-banner section").count() == 0
    host.withheld.set()
    await expect(page.get_by_role("heading", name="Of B alone")).to_be_visible()
    assert await page.get_by_text("Your e-mail address and password were copied").count() == 0


async def test_an_account_that_changes_unseen_is_noticed_with_its_token(
    host: Hosting, opened: Opener
) -> None:
    """An element made anew for B shows B's notices, though A's were on the page before."""
    host.desk.give("B", notice("N-2", title="Of B alone"))
    page = await opened()
    await button(page, READ).wait_for()
    token = host.host.mint("B")
    await page.evaluate("token => { window.tokens = () => token; go('remove'); go('again') }", token)
    assert await page.get_by_text("Your e-mail address and password were").count() == 0
    await expect(page.get_by_role("heading", name="Of B alone")).to_be_visible()


async def test_it_survives_the_changes_of_a_single_page_application(host: Hosting, opened: Opener) -> None:
    """Moved, it keeps what is unfolded; removed, it rests; made anew, it is there again; a second element
    stays empty.
    """
    page = await opened()
    await button(page, READ).click()
    await page.evaluate("go('move')")
    await expect(button(page, CONFIRM)).to_be_visible()
    await page.evaluate("go('clone')")
    assert await page.get_by_role("region", name="Notices from").count() == 1
    await until(lambda: host.desk.listeners("A") == 1)
    await page.evaluate("go('remove')")
    assert await page.get_by_role("region", name="Notices from").count() == 1
    await page.evaluate("document.querySelectorAll('notice-banner').forEach(one => one.remove())")
    await page.evaluate("window.tokens = async () => (await fetch('/token')).text(); go('again')")
    await button(page, READ).wait_for()
    await expect(page.get_by_role("region", name="Notices from")).to_have_count(1)
    assert host.desk.events("A").count("opened") == 1


async def test_new_notices_and_corrections_come_without_a_new_page(host: Hosting, opened: Opener) -> None:
    """One that another device acknowledged goes likewise."""
    page = await opened()
    await button(page, READ).wait_for()
    await until(lambda: host.desk.listeners("A") == 1)
    given = host.desk.accounts["A"][0]
    host.desk.give("A", replace(given, revision=2, title="Only your e-mail address was copied"))
    await expect(page.get_by_role("heading", name="Only your e-mail address")).to_be_visible()
    await expect(page.locator("notice-banner [role=status]")).to_contain_text("Only your e-mail address")
    host.desk.accounts["A"].clear()
    host.desk.give("A", notice("N-3", title="A second matter"))
    await expect(page.get_by_role("heading", name="A second matter")).to_be_visible()


async def test_what_is_only_recorded_leaves_the_card_as_it_is(host: Hosting, opened: Opener) -> None:
    """A press that is under way while the answer comes in is not lost."""
    page = await opened()
    await button(page, READ).wait_for()
    await until(lambda: host.desk.listeners("A") == 1)
    await page.evaluate(
        "window.card = document.querySelector('notice-banner').shadowRoot.querySelector('section')"
    )
    given = host.desk.accounts["A"][0]
    reading = replace(given.current, visible_at=datetime(2026, 3, 5, 9, tzinfo=UTC))
    async with page.expect_response("**/banner/notices*") as answered:
        host.desk.give("A", replace(given, reading=reading))
    assert "visible" in (await (await answered.value).json())["notices"][0]["state"]
    await page.evaluate("new Promise(done => setTimeout(done))")
    assert await page.evaluate("card.isConnected")


async def test_without_a_stream_it_polls(host: Hosting, browser: Browser) -> None:
    """A proxy that refuses streams only makes it slower: the next minute brings the notice."""
    host.desk.accounts.clear()
    page = await browser.new_page()
    await page.clock.install()
    refused = asyncio.Event()  # The stream is asked for once the first answer has been read.

    async def refuse(route: Route) -> None:
        await route.fulfill(status=404)
        refused.set()

    await page.route("**/banner/stream", refuse)
    await page.goto(f"{host.address}/strict")
    await refused.wait()
    host.desk.give("A", notice("N-1"))
    await page.clock.fast_forward(75_000)
    await button(page, READ).wait_for()
    assert host.desk.listeners("A") == 0


async def test_a_report_that_fails_is_made_again(host: Hosting, browser: Browser) -> None:
    """The reader is told that it is not saved yet, and that it is once it is."""
    page = await browser.new_page()
    await page.goto(f"{host.address}/strict")
    await button(page, READ).click()
    await until(lambda: "opened" in host.desk.events("A"))
    host.failing = 1
    await button(page, CONFIRM).click()
    await expect(page.get_by_text("This is not saved yet.").last).to_be_visible()
    await picture(page, "not-saved")
    await expect(page.get_by_text("Thank you.").last).to_be_visible()
    assert host.desk.events("A").count("acknowledged") == 1


@pytest.mark.parametrize("before", ["", "delete Request.prototype.keepalive"])
async def test_a_report_is_not_lost_when_the_reader_goes_on(
    host: Hosting, opened: Opener, before: str
) -> None:
    """A press, and at once another page: with ``keepalive``, and in browsers that only have beacons."""
    page = await opened(before=before)
    await button(page, READ).wait_for()
    await page.evaluate(
        "document.querySelector('notice-banner').shadowRoot.querySelector('[data-act=open]').click();"
        "location.href = '/elsewhere'"
    )
    await page.wait_for_url("**/elsewhere")
    await until(lambda: "opened" in host.desk.events("A"))


async def test_an_expired_token_is_renewed_and_never_taken_for_no_notices(
    host: Hosting, browser: Browser
) -> None:
    """The element fetches another before it asks again; a fixed token that ended leaves what is shown."""
    page = await browser.new_page()
    await page.clock.install()
    fixed = host.host.mint("A")
    await page.goto(f"{host.address}/strict")
    await button(page, READ).wait_for()
    await page.clock.fast_forward(700_000)
    await page.evaluate("document.querySelector('notice-banner').setAttribute('lang', 'de')")
    await button(page, "Mitteilung lesen").wait_for()
    await page.evaluate(
        "token => { const one = document.querySelector('notice-banner');"
        "one.removeAttribute('token-src'); one.setAttribute('token', token) }",
        fixed,
    )
    await button(page, "Mitteilung lesen").wait_for()
    await page.clock.fast_forward(2_000_000)
    await expect(button(page, "Mitteilung lesen")).to_be_visible()


async def test_whoever_signed_out_sees_no_notice(host: Hosting, browser: Browser) -> None:
    """Once the host refuses a token, what was shown goes."""
    page = await browser.new_page()
    await page.clock.install()
    await page.goto(f"{host.address}/strict")
    await button(page, READ).wait_for()
    host.account = ""
    await page.clock.fast_forward(2_000_000)
    await expect(page.locator("notice-banner section")).to_have_count(0)


async def _focused(page: Page) -> str:
    """Return the text of what has the focus inside the banner, "" where it is elsewhere."""
    return await page.evaluate(
        "document.querySelector('notice-banner').shadowRoot.activeElement?.textContent ?? ''"
    )


async def test_a_critical_notice_takes_the_focus_once(host: Hosting, opened: Opener) -> None:
    """Its title does, where nothing has it yet, and the page does not move; a repetition of it does not, nor
    does it take it again on the next page once it was seen.
    """
    page = await opened()
    await button(page, READ).wait_for()
    assert await _focused(page) == notice().title
    assert await page.evaluate("scrollY") == 0
    assert await page.locator("notice-banner [role=status]").text_content() == ""
    await until(lambda: "visible" in host.desk.events("A"))
    await page.evaluate("document.querySelector('notice-banner').shadowRoot.activeElement.blur(); go('move')")
    assert await _focused(page) == ""
    await page.reload()
    await button(page, READ).wait_for()
    assert await _focused(page) == ""
    await expect(page.locator("notice-banner [role=status]")).to_contain_text(notice().title)


@pytest.mark.parametrize("severity", ["important", "info"])
async def test_what_is_not_critical_takes_no_focus(host: Hosting, opened: Opener, severity: str) -> None:
    """It is spoken, and waits."""
    host.desk.give("A", notice("N-1", severity=severity))
    page = await opened()
    await expect(page.locator("notice-banner [role=status]")).to_contain_text(notice().title)
    assert await _focused(page) == ""


async def test_focus_is_never_taken_from_anything_and_never_lost(host: Hosting, opened: Opener) -> None:
    """Typing goes on while a notice appears; the keyboard alone does everything; Escape only folds; at the
    end focus is back where it came from.
    """
    host.desk.accounts.clear()
    page = await opened()
    await page.focus("#search")
    await until(lambda: host.desk.listeners("A") == 1)
    host.desk.give("A", notice("N-1"))
    await button(page, READ).wait_for()
    await page.keyboard.type("lamp")
    assert await page.input_value("#search") == "lamp"
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Shift+Tab")
    await expect(button(page, READ)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(button(page, "Show less")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(button(page, READ)).to_be_focused()
    assert "acknowledged" not in host.desk.events("A")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Shift+Tab")
    await expect(button(page, CONFIRM)).to_be_focused()
    await page.keyboard.press("Enter")
    await page.locator("notice-banner section").wait_for(state="detached")
    await expect(page.locator("#search")).to_be_focused()


async def test_several_notices_stand_one_after_the_other(host: Hosting, opened: Opener) -> None:
    """The gravest first; what has been acknowledged makes room for the next."""
    host.desk.give("A", notice("P-1", severity="info", title="Our privacy policy changes"))
    page = await opened()
    await expect(page.get_by_text("1 of 2")).to_be_visible()
    await picture(page, "several")
    await button(page, "Next notice").click()
    await expect(page.get_by_role("heading", name="Our privacy policy")).to_be_visible()
    await expect(button(page, "Next notice")).to_be_focused()
    await button(page, "Close").click()
    await expect(page.get_by_role("heading", name="Your e-mail address")).to_be_visible()
    assert "dismissed" in host.desk.events("A")


async def test_nothing_is_offered_that_is_refused(host: Hosting, opened: Opener) -> None:
    """An important notice can be closed once it is opened, but not where others may sign in as its reader."""
    host.desk.give("A", notice("N-1", severity="important", doubtful=True))
    page = await opened()
    await button(page, READ).click()
    await expect(button(page, CONFIRM)).to_be_visible()
    assert await button(page, "Close").count() == 0
    host.desk.give("A", notice("N-1", severity="important"))
    await page.reload()
    await button(page, READ).click()
    await expect(button(page, "Close")).to_be_visible()


async def test_text_of_a_notice_is_never_markup(host: Hosting, opened: Opener) -> None:
    """Whatever stands in it is shown as it is written."""
    wild = "<img src=x onerror=alert(1)> & <b>bold</b>"
    host.desk.give("A", notice("N-1", title=wild, summary=wild))
    page = await opened()
    await expect(page.get_by_role("heading", name=wild)).to_be_visible()
    assert await page.locator("notice-banner img").count() == 0


async def test_motion_is_left_out_for_those_who_ask(opened: Opener) -> None:
    """Nothing slides in."""
    page = await opened(reduced_motion="reduce")
    card = page.locator("notice-banner section")
    await card.wait_for()
    assert await card.evaluate("card => getComputedStyle(card).animationName") == "none"
