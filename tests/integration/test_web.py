"""The public pages, against a store in which one notice was handed over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from structlog.testing import capture_logs

from notifier.clock import to_instant
from notifier.keys import Keys
from notifier.settings import Organisation, Settings, WebSettings
from notifier.store import Store
from notifier.testing import FakeClock
from notifier.web.app import build
from tests import world

NOT_OURS = "0000-0000-0000-0000"


class PatientClock(FakeClock):
    """A clock on which waiting takes no time: it jumps to the moment that is waited for."""

    async def sleep_until(self, moment: datetime) -> None:
        """Be there."""
        self.advance(seconds=max(0, (moment - self.now()).total_seconds()))


@dataclass
class Visitor:
    """Somebody with a browser."""

    app: FastAPI
    clock: FakeClock
    address: str = "192.0.2.7"

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Open a page."""
        return await self._send("GET", path, headers, None)

    async def check(self, reference: str, path: str = "/check", **headers: str) -> httpx.Response:
        """Send the form."""
        return await self._send("POST", path, headers, {"reference": reference})

    async def _send(
        self, method: str, path: str, headers: dict[str, str], form: dict[str, str] | None
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, client=(self.address, 5))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(transport=transport, base_url="https://notices.example.com") as client:
            return await client.request(method, path, headers=named, data=form)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that does not keep anybody waiting."""
    return PatientClock()


@pytest.fixture
def settings() -> Settings:
    """Settings of an installation whose people live in Berlin."""
    return Settings(organisation=Organisation(brand="Åkermann & Söhne", time_zone="Europe/Berlin"))


@pytest.fixture
def visitor(settings: Settings, store: Store, keys: Keys, clock: FakeClock) -> Visitor:
    """A visitor of that installation."""
    return Visitor(build(settings, store, keys, lambda: "running"), clock)


@pytest.fixture
async def reference(store: Store, keys: Keys, clock: FakeClock) -> str:
    """The reference of a notice that was handed over on 2 March 2026 at 23:30 in UTC."""
    await world.released(store, keys, 2)
    clock.advance(hours=14, minutes=30)
    async with store.begin() as tx:
        first = await tx.scalar("SELECT reference FROM delivery ORDER BY id LIMIT 1")
        await tx.housekeep(
            "UPDATE delivery SET message_date = :now, state = 'accepted' WHERE reference = :reference",
            {"now": to_instant(clock.now()), "reference": first},
        )
    return str(first)


async def test_a_store_that_cannot_be_read_is_said_in_plain_words(
    visitor: Visitor, reference: str, store: Store
) -> None:
    """Neither yes nor no, nor that nothing is out; the reference is in no log."""
    async with store.begin() as tx:
        await tx.housekeep("ALTER TABLE notice_dictionary RENAME TO elsewhere")
    with capture_logs() as logs:
        asked = await visitor.get("/check", accept_language="en")
        answer = await visitor.check(reference, accept_language="en")
    for one in (asked, answer):
        assert (one.status_code, one.headers["retry-after"]) == (503, "60")
        assert "We cannot say just now." in one.text
        assert "We are sending no notices" not in one.text
    assert "This says nothing about your notice" in answer.text
    assert reference not in str(logs)


async def test_a_genuine_reference_gets_subject_day_and_channel(visitor: Visitor, reference: str) -> None:
    """However it is typed, and with the day as it is where the organisation is."""
    grouped = "-".join(reference[at : at + 4] for at in range(0, 16, 4))
    dressed = "  " + grouped.replace("-", " \u2013 ") + "\u200f"
    for typed in (reference, grouped.lower(), dressed):
        page = (await visitor.check(typed, accept_language="en")).text
        assert "Yes, we sent this notice" in page
        assert "Notice of data breach" in page
        assert "March\u00a03,\u00a02026" in page
        assert "E-mail" in page


async def test_a_check_looks_the_delivery_up_instead_of_reading_all(
    visitor: Visitor, store: Store, reference: str
) -> None:
    """Whoever knows one genuine reference cannot make the service read a million deliveries for each guess."""
    asked: list[tuple[str, Any]] = []
    event.listen(
        store.engine.sync_engine,
        "before_cursor_execute",
        lambda _connection, _cursor, sql, values, *_: asked.append((sql, values)),
    )
    await visitor.check(reference)
    about = [(sql, values) for sql, values in asked if "JOIN delivery" in sql]
    assert about
    if store.dialect == "sqlite":
        for sql, values in about:
            async with store.engine.connect() as connection:
                plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)).all()
            assert not [row.detail for row in plan if row.detail.startswith("SCAN")]


@pytest.mark.parametrize("table", ["notice", "delivery"])
async def test_nothing_is_said_of_a_notice_that_was_not_handed_over(
    visitor: Visitor, store: Store, reference: str, table: str
) -> None:
    """A planned delivery is nobody's business yet, and what does not exist looks the same."""
    async with store.read() as tx:
        planned = await tx.scalar("SELECT reference FROM delivery WHERE message_date IS NULL")
    page = await visitor.check(planned if table == "delivery" else NOT_OURS, accept_language="en")
    assert "No, we sent no such notice" in page.text
    assert planned not in page.text


async def test_yes_and_no_look_alike_from_outside(visitor: Visitor, reference: str) -> None:
    """Same status, same headers, same length, same time."""
    answers = []
    for typed in (reference, NOT_OURS):
        began = visitor.clock.now()
        answer = await visitor.check(typed)
        answers.append((answer.status_code, dict(answer.headers), len(answer.content)))
        assert (visitor.clock.now() - began).total_seconds() >= 0.25
    assert answers[0] == answers[1]


async def test_an_erased_reader_leaves_day_and_channel(
    visitor: Visitor, store: Store, reference: str
) -> None:
    """The subject goes with the subject key; that the notice is ours can still be said."""
    async with store.begin() as tx:
        await tx.housekeep("DELETE FROM subject_key")
    page = (await visitor.check(reference, accept_language="en")).text
    assert "Yes, we sent this notice" in page
    assert "March\u00a03,\u00a02026" in page
    assert "<dt>Subject</dt>" not in page


@pytest.mark.parametrize(
    "typed", ["", "3F9A", "not a reference at all", "<script>" * 20, "\uff13\uff26" * 99, "\0"]
)
async def test_what_is_no_reference_gets_help(visitor: Visitor, reference: str, typed: str) -> None:
    """The field is marked, and nothing of what was typed comes back."""
    answer = await visitor.check(typed, accept_language="en")
    assert answer.status_code == 200
    assert "This is not a whole reference" in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "<script" not in answer.text


async def test_one_address_may_ask_so_often_and_others_are_not_held_back(
    settings: Settings, store: Store, keys: Keys, clock: FakeClock
) -> None:
    """The limit is per client, says how long to wait, and ends."""
    limited = settings.model_copy(update={"web": WebSettings(checks_per_minute=3)})
    visitor = Visitor(build(limited, store, keys, lambda: "running"), clock)
    answers = [await visitor.check(NOT_OURS) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    wait = int(answers[1].headers["Retry-After"])
    visitor.address = "192.0.2.8"
    assert (await visitor.check(NOT_OURS)).status_code == 200
    visitor.address = "192.0.2.7"
    clock.advance(seconds=wait)
    assert (await visitor.check(NOT_OURS)).status_code == 200


async def test_what_is_out_now_is_listed(visitor: Visitor, store: Store, reference: str) -> None:
    """A released announcement is listed with its subject and day, a cancelled one is not."""
    page = (await visitor.get("/check", accept_language="de-AT,de;q=0.9,en;q=0.5")).text
    assert '<html lang="de"' in page
    assert "Notice of data breach" in page
    assert "2.\u00a0März\u00a02026" in page
    async with store.begin() as tx:
        await tx.housekeep("UPDATE announcement SET state = 'cancelled'")
    visitor.clock.advance(seconds=11)
    assert "Notice of data breach" not in (await visitor.get("/check")).text


async def test_a_page_in_each_language_says_who_asks_what(visitor: Visitor) -> None:
    """Six languages, one of them from right to left, chosen in the address or by the browser."""
    for locale in ("en", "de", "fr", "es", "hi", "ar"):
        page = await visitor.get(f"/check?lang={locale}")
        assert page.headers["Content-Language"] == locale
        assert f'<html lang="{locale}" dir="{"rtl" if locale == "ar" else "ltr"}">' in page.text
        assert "Åkermann &amp; Söhne" in page.text
        assert "notices.example.com/check" in page.text
    assert '<html lang="en"' in (await visitor.get("/check?lang=xx", accept_language="*;q=x,tlh")).text


async def test_a_drill_is_visibly_a_drill(
    settings: Settings, store: Store, keys: Keys, clock: FakeClock
) -> None:
    """Its pages say so in the title and at the top."""
    drill = settings.model_copy(update={"drill": True})
    page = (await Visitor(build(drill, store, keys, lambda: "none"), clock).get("/check?lang=en")).text
    assert "<title>[DRILL]" in page
    assert "belongs to an exercise" in page


async def test_every_answer_is_protected(visitor: Visitor) -> None:
    """Errors and redirects too; the style sheet is admitted by its digest and by nothing else."""
    for path in ("/check", "/", "/healthz", "/nothing", "/docs", "/openapi.json", "/audit/checkpoint"):
        headers = (await visitor.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Strict-Transport-Security"]
        assert headers["Cache-Control"] == "no-store"


async def test_nothing_describes_the_application_to_strangers(visitor: Visitor) -> None:
    """There is no list of routes, and an unknown path is not repeated."""
    for path in ("/docs", "/redoc", "/openapi.json", "/3F9A02BC77D1E04B"):
        answer = await visitor.get(path)
        assert answer.status_code == 404
        assert answer.text == "Not Found\n"


async def test_no_reference_is_logged(visitor: Visitor, reference: str) -> None:
    """Not from the form, not from a path, not from a query."""
    with capture_logs() as logged:
        await visitor.check(reference)
        await visitor.get(f"/check/{reference}?reference={reference}")
    assert [entry["route"] for entry in logged] == ["/check", ""]
    assert reference not in str(logged)
    assert "192.0.2.7" not in str(logged)


async def test_a_form_that_is_too_long_is_refused(visitor: Visitor) -> None:
    """No client can make the server read without end."""
    assert (await visitor.check("a" * 5000)).status_code == 413


async def test_health_tells_of_store_worker_and_audit(
    settings: Settings, store: Store, keys: Keys, clock: FakeClock
) -> None:
    """It is ill when the worker stopped or an entry waits for more than a minute, and gives no counts."""
    worker = ["running"]
    visitor = Visitor(build(settings, store, keys, lambda: worker[0]), clock)  # type: ignore[arg-type,return-value]
    await world.released(store, keys, 1)
    answer = await visitor.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    for ill in ("stopped", "troubled"):
        worker[0] = ill
        assert (await visitor.get("/healthz")).status_code == 503
    worker[0] = "running"
    clock.advance(seconds=61)
    assert (await visitor.get("/healthz")).json()["audit_waiting"] >= 61
    assert (await visitor.get("/healthz")).status_code == 503


async def test_health_says_when_the_store_is_out_of_reach(keys: Keys, clock: FakeClock) -> None:
    """A database that does not answer is 503, not an error."""
    store = Store.open("postgresql+psycopg://u@127.0.0.1:1/x", origin="x", clock=clock)
    answer = await Visitor(build(Settings(), store, keys, lambda: "none"), clock).get("/healthz")
    await store.close()
    assert answer.status_code == 503
    assert answer.json()["store"] == "unreachable"


async def test_the_checkpoint_is_the_newest_one_as_signed(visitor: Visitor, store: Store) -> None:
    """Before the first there is none; then it is the note, byte for byte."""
    assert (await visitor.get("/audit/checkpoint")).status_code == 404
    async with store.begin() as tx:
        for size in (1, 12):
            await tx.housekeep(
                "INSERT INTO log_checkpoint (size, note, signed_at) VALUES (:size, :note, 0)",
                {"size": size, "note": f"origin\n{size}\n\n— signature\n".encode()},
            )
        await tx.housekeep(
            "INSERT INTO log_state (id, origin, size, compact_range, published) "
            "VALUES (1, 'origin', 12, :nothing, 12)",
            {"nothing": b""},
        )
    answer = await visitor.get("/audit/checkpoint")
    assert answer.content == "origin\n12\n\n— signature\n".encode()
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
