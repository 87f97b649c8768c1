"""The banner's endpoints: who is answered what, after what time, and what is put on record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from notifier.channels.banner.notices import BannerEvent
from notifier.errors import StoreError
from notifier.settings import Organisation
from notifier.testing import FakeClock
from notifier.web.banner import add_banner_routes
from notifier.web.banner.assets import element, style, tag
from notifier.web.banner.stream import ALIVE, CHANGED, OPENED, Streams
from notifier.web.protection import Protection
from tests.banner import Desk, Host, notice

ORIGIN = "https://shop.example.com"


class Site:
    """The application over a desk, with a client."""

    def __init__(self, clock: FakeClock, **options: Any) -> None:
        self.clock = clock
        self.desk = Desk(clock)
        self.host = Host()
        self.app = FastAPI()
        given = {
            "answer_time": timedelta(),
            "organisation": Organisation(brand="Nordlicht Energie"),
        } | options
        add_banner_routes(
            self.app, self.desk, self.host.tokens(clock), clock=clock, origins=[ORIGIN], **given
        )
        self.app.add_middleware(Protection, content_policy="default-src 'none'", clock=clock)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://app.example.com"
        )

    def token(self, sub: str = "A", **claims: Any) -> str:
        """Return a token of this moment."""
        return self.host.mint(sub, self.clock.now().timestamp(), **claims)

    async def get(self, path: str, token: str = "", **headers: str) -> httpx.Response:
        """Ask below the banner's address."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return await self.client.get(f"/banner/{path}", headers=headers)

    async def report(self, token: str, *events: str, revision: int = 1, reference: str = "N-1") -> list[str]:
        """Report events; return those that are on record."""
        said = [
            {
                "id": f"{place}-{event}-{revision}",
                "reference": reference,
                "revision": revision,
                "event": event,
            }
            for place, event in enumerate(events)
        ]
        answer = await self.client.post("/banner/events", json={"token": token, "events": said})
        assert answer.status_code == 200
        return [one.split("-")[1] for one in answer.json()["recorded"]]


@pytest.fixture
async def site(clock: FakeClock) -> AsyncIterator[Site]:
    """A site where account A has one critical notice and B another."""
    made = Site(clock)
    made.desk.give("A", notice("N-1"))
    made.desk.give("B", notice("N-2", title="Of B alone"))
    async with made.client:
        yield made


def _bad(site: Site) -> dict[str, str]:
    """Return tokens that vouch for nobody, by what is wrong with them."""
    now = int(site.clock.now().timestamp())
    return {
        "missing": "",
        "nonsense": "x",
        "expired": site.token(iat=now - 700, exp=now - 100),
        "audience": site.token(aud="https://other.example.com"),
        "forged": f"{site.token()[:-8]}AAAAAAAA",
        "unknown": site.token("nobody"),
    }


async def test_an_account_gets_its_own_notices_and_no_other(site: Site) -> None:
    """In JSON and in HTML; no answer may be stored."""
    for path in ("notices", "fragment"):
        answer = await site.get(path, site.token("A"))
        assert "N-1" in answer.text
        assert "N-2" not in answer.text
        assert "Of B alone" not in answer.text
        assert answer.headers["cache-control"] == "no-store"


async def test_every_token_that_vouches_for_nobody_gets_the_same_answer(site: Site) -> None:
    """Byte by byte and header by header that of an account without notices."""
    for path in ("notices", "fragment"):
        empty = await site.get(path, site.token("C"))
        assert empty.status_code == 200
        for wrong, token in _bad(site).items():
            answer = await site.get(path, token)
            assert (answer.status_code, answer.content) == (200, empty.content), wrong
            assert answer.headers.multi_items() == empty.headers.multi_items()


@pytest.mark.parametrize("which", ["A", "C", "missing", "expired", "forged", "unknown"])
@pytest.mark.parametrize("path", ["notices", "fragment"])
async def test_no_answer_is_given_before_its_time(clock: FakeClock, which: str, path: str) -> None:
    """Whether there is a notice, an account or a token: never sooner, and then at once."""
    site = Site(clock, answer_time=timedelta(milliseconds=50))
    site.desk.give("A", notice("N-1"))
    token = _bad(site)[which] if len(which) > 1 else site.token(which)
    asking = asyncio.create_task(site.get(path, token))
    await asyncio.sleep(0.02)
    clock.advance(milliseconds=49.9)
    await asyncio.sleep(0.02)
    assert not asking.done()
    clock.advance(milliseconds=0.1)
    assert (await asking).status_code == 200


async def test_what_is_given_out_is_on_record_as_served_once(site: Site) -> None:
    """With the key and the session that vouched, whether it was a customary place, and how it was shown."""
    token = site.token(jti="s-1", customary_place=True)
    for _ in range(2):
        await site.get("notices", token)
    (one,) = site.desk.recorded
    assert (one.event, one.facts.form, one.facts.revision) == (BannerEvent.SERVED, "json", 1)
    assert (one.facts.key_id, one.facts.token_id, one.facts.customary_place) == ("ed-1", "s-1", True)


async def test_reports_are_recorded_in_order_and_repetition_is_no_error(site: Site) -> None:
    """What the reader may not do is not recorded, and the answer says so."""
    token = site.token()
    assert await site.report(token, "visible", "acknowledged") == ["visible"]
    for _ in range(2):
        assert await site.report(token, "visible", "opened", "acknowledged") == [
            "visible",
            "opened",
            "acknowledged",
        ]
    assert site.desk.events("A") == ["visible", "opened", "acknowledged"]
    assert (await site.get("notices", token)).json() == {"version": 1, "notices": []}


async def test_a_report_says_in_which_language_the_text_was(site: Site) -> None:
    """What is no language is refused; whoever does not say is recorded without."""
    said = {"id": "1", "reference": "N-1", "revision": 1, "event": "opened"}
    for lang, status in (("zh-Hant-TW", 200), ("", 200), ("<b>", 400), ("x" * 40, 400), (1, 400)):
        body = {"token": site.token(), "events": [said | {"lang": lang}]}
        assert (await site.client.post("/banner/events", json=body)).status_code == status
    assert [one.facts.locale for one in site.desk.recorded] == ["zh-Hant-TW"]


async def test_nobody_reports_for_another(site: Site) -> None:
    """Neither on another's notice, nor with a token that vouches for nobody, nor that something was served."""
    assert await site.report(site.token("A"), "opened", reference="N-2") == []
    for token in _bad(site).values():
        assert await site.report(token, "opened") == []
    assert await site.report(site.token(), "opened", revision=2) == []
    assert site.desk.recorded == []
    body = {
        "token": site.token(),
        "events": [{"id": "1", "reference": "N-1", "revision": 1, "event": "served"}],
    }
    assert (await site.client.post("/banner/events", json=body)).status_code == 400


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b'{"events":1}',
        b'{"events":[{}]}',
        b"[" * 9000,
        b'{"events":[],"x":1}',
        b"\xff",
    ],
)
async def test_a_body_that_makes_no_sense_is_refused(site: Site, content: bytes) -> None:
    """As JSON and as a form, whoever sent it."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for headers in ({}, form):
        answer = await site.client.post("/banner/events", content=content, headers=headers)
        assert answer.status_code == 400
    assert (await site.client.post("/banner/events", content=b" " * 20_000)).status_code == 413


async def test_a_form_is_led_back_to_its_page_and_nowhere_else(site: Site) -> None:
    """The answer is the same whatever became of it; an acknowledgement from inside the text opened it."""
    fields = {
        "token": site.token(),
        "reference": "N-1",
        "revision": "1",
        "event": "acknowledged",
        "inside": "yes",
    }
    places = {
        "/account?tab=2": "/account?tab=2",
        "//evil.test": "/",
        "https://evil.test/": "/",
        "/\\evil.test": "/",
    }
    for back, led in places.items():
        for token in (site.token(), "x"):
            answer = await site.client.post("/banner/events", data=fields | {"token": token, "back": back})
            assert (answer.status_code, answer.headers["location"], answer.content) == (303, led, b"")
    assert site.desk.events("A") == ["opened", "acknowledged"]
    assert {one.facts.form for one in site.desk.recorded} == {"fragment"}


async def test_the_fragment_says_everything_as_text(site: Site) -> None:
    """What looks like markup in a notice is text; the token is in the forms and in no address."""
    token = site.token()
    site.desk.give("A", notice("N-1", title="<script>alert(1)</script>", summary='"><img src=x>'))
    page = (await site.get("fragment", token, **{"Banner-Return": "/account"})).text
    assert "<script" not in page
    assert "<img" not in page
    assert page.count(token) == page.count('name="token"') > 0
    assert 'name="back" value="/account"' in page
    assert "?" not in page.split('action="')[1].split('"')[0]


async def test_an_account_that_asks_too_often_waits_and_no_other_does(clock: FakeClock) -> None:
    """Its own limit, whatever device asks."""
    site = Site(clock, per_minute=3)
    assert [(await site.get("notices", site.token("A"))).status_code for _ in range(2)] == [200, 429]
    assert (await site.get("notices", site.token("B"))).status_code == 200
    slow = await site.get("stream", site.token("A"))
    clock.advance(seconds=int(slow.headers["retry-after"]))
    assert (await site.get("notices", site.token("A"))).status_code == 200


async def test_a_notice_speaks_its_language_and_the_banner_the_reader_s(site: Site) -> None:
    """The words come from what was asked for, else from the browser; directions follow the language."""
    site.desk.give("A", notice("N-1", locale="en"))
    found = (await site.get("notices?lang=ar-EG", site.token())).json()
    assert (found["lang"], found["dir"]) == ("ar", "rtl")
    assert (found["notices"][0]["lang"], found["notices"][0]["dir"]) == ("en", "ltr")
    found = (await site.get("notices", site.token(), **{"Accept-Language": "xx, fr;q=0.5"})).json()
    assert found["words"]["region"] == "Avis de Nordlicht Energie"
    assert "drill" not in found["words"]


async def test_a_drill_says_so(clock: FakeClock) -> None:
    """In JSON and in HTML."""
    site = Site(clock, drill=True)
    site.desk.give("A", notice("N-1"))
    assert (await site.get("notices", site.token())).json()["words"]["drill"].startswith("DRILL")
    assert "DRILL" in (await site.get("fragment", site.token())).text


async def test_only_named_origins_may_ask_from_a_browser(site: Site) -> None:
    """And only below the banner's addresses; no credentials are allowed."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for origin, allowed in ((ORIGIN, ORIGIN), ("https://evil.test", None)):
        answer = await site.get("notices", site.token(), Origin=origin)
        assert answer.headers.get("access-control-allow-origin") == allowed
        assert "access-control-allow-credentials" not in answer.headers
        before = await site.client.options("/banner/events", headers=asked | {"Origin": origin})
        assert before.headers.get("access-control-allow-origin") == allowed
    elsewhere = await site.client.get("/check", headers={"Origin": ORIGIN})
    assert "access-control-allow-origin" not in elsewhere.headers


@pytest.mark.parametrize("asset", [element(), style()])
async def test_files_are_kept_for_ever_under_their_digest(site: Site, asset: Any) -> None:
    """Under their plain name they are asked for again, and are not sent again while they are the same."""
    kept = await site.get(asset.hashed_name, Origin=ORIGIN)
    assert kept.content == asset.content
    assert "immutable" in kept.headers["cache-control"]
    assert kept.headers["access-control-allow-origin"] == ORIGIN
    newest = await site.get(asset.name)
    assert newest.headers["cache-control"] == "no-cache"
    again = await site.get(asset.name, **{"If-None-Match": newest.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = await site.get(asset.name, **{"Accept-Encoding": "identity"})
    assert plain.content == asset.content
    assert (await site.get(f"{asset.stem}-0000000000000000.{asset.suffix}")).status_code == 404


def test_the_element_is_small_and_its_tag_names_its_digest() -> None:
    """At most 8 kB as it goes over the line."""
    assert len(element().compressed) <= 8000
    assert element().integrity in tag()
    assert element().hashed_name in tag()
    assert b"innerHTML" not in element().content


async def test_trouble_with_the_store_is_said_and_nothing_is_invented(site: Site, monkeypatch: Any) -> None:
    """An empty answer means that there is nothing, so trouble is no empty answer."""

    async def broken(*_: Any) -> Any:
        raise StoreError

    token = site.token()
    monkeypatch.setattr(site.desk, "report", broken)
    said = [{"id": "1", "reference": "N-1", "revision": 1, "event": "opened"}]
    answer = await site.client.post("/banner/events", json={"token": token, "events": said})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (await site.get("notices", token)).status_code == 200
    monkeypatch.setattr(site.desk, "notices", broken)
    for path in ("notices", "fragment"):
        assert (await site.get(path, token)).status_code == 503


async def test_a_stream_tells_of_changes_until_the_token_ends(clock: FakeClock) -> None:
    """It says that something changed, never what; and frees what it held."""
    desk, streams = Desk(clock), Streams()
    until = clock.now() + timedelta(minutes=10)
    following = streams.follow("A", desk.changes("A"), clock, until, timedelta(milliseconds=1))
    assert await anext(following) == OPENED
    assert await anext(following) == ALIVE
    desk.give("A", notice("N-1"))
    assert await anext(following) == CHANGED
    desk.give("B", notice("N-2"))
    assert await anext(following) == ALIVE
    assert desk.listeners("A") == 1
    clock.advance(minutes=10)
    assert [part async for part in following] == []
    assert desk.listeners("A") == 0
    assert not streams.full("A")


async def test_a_stream_ends_when_the_service_does(clock: FakeClock) -> None:
    """At once, and frees what it held; the page asks again by itself."""
    desk, stop = Desk(clock), asyncio.Event()
    following = Streams(stop=stop).follow("A", desk.changes("A"), clock, clock.now() + timedelta(minutes=10))
    assert await anext(following) == OPENED
    rest = asyncio.ensure_future(anext(following, b"ended"))
    stop.set()
    assert await rest == b"ended"
    assert desk.listeners("A") == 0


async def test_a_stream_ends_in_order_when_the_store_fails(clock: FakeClock) -> None:
    """Nothing escapes into the server, the page asks again by itself, and the place is free."""

    async def failing() -> AsyncGenerator[None]:
        yield
        raise StoreError

    streams = Streams()
    following = streams.follow("A", failing(), clock, clock.now() + timedelta(minutes=10))
    assert [part async for part in following] == [OPENED, CHANGED]
    assert not streams._open


async def test_nobody_holds_every_stream(clock: FakeClock) -> None:
    """An account has so many and no more; one that leaves makes room."""
    desk, streams = Desk(clock), Streams(most=3, most_each=2)
    until = clock.now() + timedelta(minutes=10)
    opened = [streams.follow(sub, desk.changes(sub), clock, until) for sub in ("A", "A", "B")]
    for one in opened[:2]:
        await anext(one)
    assert streams.full("A")
    assert not streams.full("B")
    await anext(opened[2])
    assert streams.full("C")
    for one in opened:
        await one.aclose()
    assert not streams.full("A")


async def test_a_stream_needs_a_token(site: Site) -> None:
    """Without a good one there is none."""
    for name, token in _bad(site).items():
        if name != "unknown":
            assert (await site.get("stream", token)).status_code == 204


async def test_a_corrected_revision_is_shown_again(site: Site) -> None:
    """To whoever had acknowledged the one before it."""
    token = site.token()
    await site.report(token, "opened", "acknowledged")
    site.desk.give("A", replace(site.desk.accounts["A"][0], revision=2))
    (found,) = (await site.get("notices", token)).json()["notices"]
    assert (found["revision"], found["state"], found["may"]) == (2, {}, ["opened", "snoozed"])


@pytest.mark.parametrize("severity", ["important", "info"])
async def test_the_fragment_offers_nothing_that_is_refused(site: Site, severity: str) -> None:
    """Where others may sign in as the reader, nobody closes a notice: there is no button for it."""
    given = notice("N-1", severity=severity)
    for doubtful, offered in ((False, True), (True, False)):
        site.desk.give("A", replace(given, doubtful=doubtful))
        page = (await site.get("fragment", site.token())).text
        assert ('value="dismissed"' in page) is offered
        assert 'value="acknowledged"' in page
