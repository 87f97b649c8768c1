"""The banner in a real browser: read by everybody, under a strict policy, in time, and without scripts."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, Page, expect

from tests.banner import notice
from tests.banner_browser import (
    CONFIRM,
    LATER,
    READ,
    Opener,
    browser,
    button,
    host,
    needs_browser,
    opened,
    picture,
    problems,
    until,
)
from tests.banner_host import Hosting

pytestmark = needs_browser
__all__ = ["browser", "host", "opened"]  # Fixtures, found by their names here.

SCREENS = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("colours", ["light", "dark", "forced"])
async def test_a_notice_is_read_and_acknowledged_by_everybody(
    host: Hosting, opened: Opener, screen: str, colours: str
) -> None:
    """Under a policy that allows no inline style, no inline script and no markup from text; nothing on the
    page moves (CLS 0), no accessibility rule is broken, and each step is on record.
    """
    scheme = {"color_scheme": colours} if colours != "forced" else {"forced_colors": "active"}
    page = await opened(viewport=SCREENS[screen], **scheme)
    await button(page, READ).wait_for()
    await picture(page, f"closed-{screen}-{colours}")
    assert await problems(page) == []
    await button(page, READ).click()
    await expect(page.get_by_role("heading", name="What you can do")).to_be_visible()
    await picture(page, f"open-{screen}-{colours}")
    assert await problems(page) == []
    await button(page, CONFIRM).click()
    await expect(page.get_by_text("Thank you.").last).to_be_visible()
    await picture(page, f"thanks-{screen}-{colours}")
    assert await problems(page) == []
    assert await page.evaluate("window.shift") == 0
    assert [one for one in host.desk.events("A") if one != "visible"] == ["served", "opened", "acknowledged"]
    assert {one.facts.form for one in host.desk.recorded} == {"json", "element"}
    assert {one.facts.locale for one in host.desk.recorded} == {"en"}
    assert await page.evaluate("window.seen") == ["shown N-1", "opened N-1", "acknowledged N-1"]


@pytest.mark.parametrize("lang", ["en", "de", "fr", "es", "hi", "ar"])
async def test_every_language_fits_a_narrow_and_low_window(host: Hosting, opened: Opener, lang: str) -> None:
    """320 by 256 px, which is 1280 by 1024 at 400 % zoom: all of it can be read and pressed."""
    host.lang = lang
    page = await opened(viewport={"width": 320, "height": 256})
    card = page.locator("notice-banner section")
    await card.wait_for()
    await picture(page, f"small-{lang}")
    assert await problems(page) == []
    await card.locator("[data-act=open]").click()
    await picture(page, f"small-open-{lang}")
    assert await problems(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert await card.evaluate("card => card.scrollWidth - card.clientWidth") <= 0
    edges = await card.evaluate(
        "card => (({top, bottom}) => [top, innerHeight - bottom])(card.getBoundingClientRect())"
    )
    assert min(edges) >= 0
    await card.locator("[data-act=acknowledged]").click()
    await until(lambda: "acknowledged" in host.desk.events("A"))


async def test_right_to_left_text_stands_from_right_to_left(host: Hosting, opened: Opener) -> None:
    """The banner follows its own language, and a notice in another language its own too."""
    host.lang = "ar"
    page = await opened()
    card = page.locator("notice-banner section")
    await card.wait_for()
    await picture(page, "rtl")
    assert await card.evaluate("card => getComputedStyle(card).direction") == "rtl"
    assert await card.locator("h2").evaluate("title => getComputedStyle(title).direction") == "ltr"


async def test_put_off_once_it_is_a_slim_bar(host: Hosting, opened: Opener) -> None:
    """It is never gone, says its title, can be opened, and cannot be put off again."""
    page = await opened(viewport=SCREENS["phone"])
    await button(page, LATER).click()
    slim = page.locator("notice-banner .slim")
    await slim.wait_for()
    await picture(page, "slim-phone-light")
    assert await problems(page) == []
    assert await button(page, LATER).count() == 0
    height = await slim.evaluate("card => card.offsetHeight")
    assert height <= 120
    await page.reload()
    await slim.wait_for()
    await button(page, READ).click()
    await expect(button(page, CONFIRM)).to_be_visible()


async def _frozen(browser: Browser) -> Page:
    """Return a page whose clock moves only when told."""
    page = await browser.new_page()
    await page.clock.install(time=1_800_000_000)
    await page.clock.pause_at(1_800_000_001)
    return page


async def test_it_is_seen_only_after_a_second_in_view(host: Hosting, browser: Browser) -> None:
    """A reader who goes on sooner has not seen it."""
    page = await _frozen(browser)
    await page.goto(f"{host.address}/strict")
    await button(page, READ).wait_for()
    # Observers report in the order in which they were made: after this one the banner's has.
    await page.evaluate("new Promise(done => new IntersectionObserver(() => done()).observe(document.body))")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or ""))
    await page.clock.run_for(999)
    assert not any("visible" in one for one in asked)
    await page.clock.run_for(1)
    await until(lambda: "visible" in host.desk.events("A"))


@pytest.mark.parametrize("silent", ["banner/notices*", "token"])
async def test_no_answer_within_two_seconds_shows_nothing(
    host: Hosting, browser: Browser, silent: str
) -> None:
    """Neither from the service nor from the host's own token address: the page stays as it is; the console has
    one line for those who look for it, and no error.
    """
    page, never = await _frozen(browser), asyncio.Event()
    await page.route(f"**/{silent}", lambda route: never.wait())
    lines: list[str] = []
    page.on("console", lambda message: lines.append(message.type))
    page.on("pageerror", lambda error: lines.append(str(error)))
    await page.goto(f"{host.address}/strict")
    await page.clock.run_for(1999)
    assert await page.evaluate("window.seen") == []
    await page.clock.run_for(1)
    await page.wait_for_function("window.seen.length > 0", polling=20)
    assert await page.evaluate("window.seen") == ["error undefined"]
    assert await page.locator("notice-banner section").count() == 0
    assert lines == ["debug"]
    assert await page.evaluate("window.shift") == 0
    await page.unroute_all(behavior="ignoreErrors")


async def test_without_an_answer_the_server_s_fragment_stays(host: Hosting, browser: Browser) -> None:
    """A page that has the fragment inside the element shows it until the element has its own answer."""
    page = await browser.new_page()
    gone = asyncio.Event()
    await page.route("**/banner/notices*", lambda route: gone.wait())
    await page.goto(f"{host.address}/both")
    await expect(page.locator("notice-banner summary")).to_be_visible()
    await page.unroute_all(behavior="ignoreErrors")
    await page.evaluate("document.querySelector('notice-banner').refresh()")
    await button(page, READ).wait_for()
    await expect(page.locator("notice-banner summary")).to_be_hidden()
    assert await page.evaluate("window.shift") == 0


@pytest.mark.parametrize("place", ["plain", "both"])
async def test_it_works_without_scripts(host: Hosting, opened: Opener, place: str) -> None:
    """By itself or inside the element, the text unfolds, and both forms lead back to the page; nothing is in an
    address.
    """
    host.desk.give("A", notice("P-1", severity="info", title="Our privacy policy changes", action=None))
    page = await opened(place, java_script_enabled=False, viewport=SCREENS["phone"])
    await picture(page, "plain")
    await page.locator("summary").first.click()
    await picture(page, "plain-open")
    await button(page, CONFIRM).first.click()
    await expect(page.locator("article")).to_have_count(1)
    await button(page, "Close").first.click()
    await expect(page.locator("article")).to_have_count(0)
    assert page.url == f"{host.address}/{place}"
    assert host.desk.events("A")[-3:] == ["opened", "acknowledged", "dismissed"]
    assert {one.facts.locale for one in host.desk.recorded} == {"en"}


async def test_a_browser_without_constructed_sheets_loads_the_style(host: Hosting, opened: Opener) -> None:
    """Under the same strict policy, from the file beside the element."""
    older = "window.CSSStyleSheet = class { constructor() { throw new TypeError(); } };"
    page = await opened(before=older)
    card = page.locator("notice-banner section")
    await card.wait_for()
    await expect(card).to_have_css("position", "fixed")


@pytest.mark.parametrize("colours", ["light", "dark", "forced"])
async def test_the_fragment_breaks_no_accessibility_rule(host: Hosting, opened: Opener, colours: str) -> None:
    """On a narrow screen, folded and unfolded."""
    scheme = {"color_scheme": colours} if colours != "forced" else {"forced_colors": "active"}
    page = await opened("plain", viewport={"width": 320, "height": 640}, **scheme)
    assert await problems(page) == []
    await page.locator("summary").first.click()
    assert await problems(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
