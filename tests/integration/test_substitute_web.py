"""Public notices as the public has them, and the proof that it did: against the real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from incidents.substitute.alerts import MissingAlerts
from incidents.substitute.looking import Seen, look
from incidents.substitute.making import PAGE, page_digest
from incidents.substitute.notices import pages
from incidents.substitute.proof import Prover, unseen_days
from incidents.substitute.standing import Shelf
from incidents.trail import CHECKS
from incidents.web.substitute import add_substitute_routes
from notifier.audit.high_water import HighWater
from notifier.audit.verify import verify
from notifier.keys import Keys
from notifier.serving import Service, listen, url
from notifier.settings import AlertSettings
from notifier.store import Store
from notifier.testing import FakeClock
from notifier.web.app import build
from tests.affected import entries
from tests.conftest import ORIGIN
from tests.integration.test_audit_verify import damage
from tests.logs import Log
from tests.substitute import House, house


@pytest.fixture
async def here(store: Store, keys: Keys) -> House:
    """An incident with people."""
    return await house(store, keys)


@asynccontextmanager
async def served(here: House) -> AsyncIterator[str]:
    """Serve the installation on loopback; yield its address."""
    service = Service(None)
    shelf = Shelf(here.store, [], "en")
    app = build(here.settings, here.store, here.keys, service.worker_state, shelf.listed)
    add_substitute_routes(app, shelf, here.store.clock)
    with listen("127.0.0.1", 0) as listening:
        running = asyncio.create_task(service.run(app, listening, ()))
        yield url(listening)
        service.stop()
        await running


async def _get(address: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient() as client:
        return await client.get(address, headers=named)


async def test_it_is_public_between_its_dates_only(here: House, clock: FakeClock) -> None:
    """Before: what an unknown address answers. Then the page. After: gone, with a word and the last day."""
    made = await here.public(3, later=1)
    async with served(here) as base:
        path = f"{base}/substitute/{made.slug}"
        unknown = await _get(f"{base}/substitute/abcdefghjk")
        early = await _get(path)
        assert (early.status_code, early.content) == (unknown.status_code, unknown.content)
        assert early.status_code == 404
        clock.advance(days=1)
        page = await _get(f"{path}/en")
        assert page.status_code == 200
        assert "copied by a stranger" in page.text
        clock.advance(days=4)
        gone = await _get(f"{path}/ar")
        assert gone.status_code == 410
        assert 'dir="rtl"' in gone.text
        assert "stranger" not in (await _get(f"{path}/en")).text


async def test_the_page_may_be_kept_and_asked_for_again(here: House) -> None:
    """ETag and 304, a short life, its own style in the policy, the approved bytes; the rest stays no-store."""
    made = await here.public()
    async with here.store.read() as tx:
        approved = (await pages(tx, made.id, PAGE))["en"]
    async with served(here) as base:
        page = await _get(f"{base}/substitute/{made.slug}/en")
        assert page.content == approved
        assert page.headers["Cache-Control"] == "public, max-age=300"
        assert page.headers["ETag"] == f'"{page_digest(approved)}"'
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Frame-Options"] == "DENY"
        again = await _get(f"{base}/substitute/{made.slug}/en", if_none_match=f"W/{page.headers['ETag']}")
        assert (again.status_code, again.content) == (304, b"")
        assert (await _get(f"{base}/check")).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("wanted", "language"), [("ar-EG,en;q=0.5", "ar"), ("de", "en"), ("", "en"), ("x" * 600, "en")]
)
async def test_the_address_speaks_the_readers_language(here: House, wanted: str, language: str) -> None:
    """As the browser prefers, else the default; the answer depends on the header and says so."""
    made = await here.public()
    async with served(here) as base:
        page = await _get(f"{base}/substitute/{made.slug}", accept_language=wanted)
    assert (page.headers["Content-Language"], page.headers["Vary"]) == (language, "Accept-Language")


async def test_a_language_it_has_not_is_unknown(here: House) -> None:
    """No other file and no other language is behind the address."""
    made = await here.public()
    async with served(here) as base:
        for wrong in ("de", "EN", "..%2f..", "en/x", "%00"):
            assert (await _get(f"{base}/substitute/{made.slug}/{wrong}")).status_code == 404


async def test_it_is_listed_on_the_check_page(here: House, clock: FakeClock) -> None:
    """With its address, from its first day until it is withdrawn."""
    made = await here.public()
    async with served(here) as base:
        assert f'href="/substitute/{made.slug}/en"' in (await _get(f"{base}/check?lang=de")).text
        clock.advance(seconds=11)
        await here.withdraw()
        clock.advance(seconds=11)
        assert made.slug not in (await _get(f"{base}/check?lang=de")).text
        assert (await _get(f"{base}/substitute/{made.slug}")).status_code == 410


async def test_each_day_is_proven_once_in_each_language(here: House, clock: FakeClock) -> None:
    """From the first day to the last hour: an entry a day and language, and none for the same day twice."""
    made = await here.public(2)
    async with served(here) as base:
        prover = Prover(here.store, lambda: base)
        assert await prover.round() == 0
        assert await entries(here.store, "substitute:served") == []  # A server may have an older list.
        clock.advance(minutes=1)
        for _ in range(2):
            await prover.round()
        assert len(await entries(here.store, "substitute:served")) == 2
        clock.advance(days=1)
        await prover.round()
        left = made.until_at - int(clock.now().timestamp() * 1_000_000)
        clock.advance(seconds=left / 1_000_000 - 600)
        await prover.round()
        clock.advance(minutes=11)
        await prover.round()
    seen = {(one["occasion"], one["locale"]) for one in await entries(here.store, "substitute:served")}
    assert len(seen) == 8
    assert {("end", "en"), ("end", "ar")} < seen
    assert unseen_days(made, [day for day, _ in seen], made.until_at) == []


async def test_workers_that_look_at_once_prove_it_once(here: House, store_url: str, clock: FakeClock) -> None:
    """Neither is stopped by the other, and each goes on with the next page."""
    made = await here.public()
    clock.advance(minutes=1)
    async with here.store.read() as tx:
        bodies = await pages(tx, made.id, PAGE)
    both, looked = asyncio.Barrier(2), []

    async def see(address: str) -> Seen:
        looked.append(locale := address.rpartition("/")[2])
        if locale == "ar":
            await both.wait()
        return Seen(200, page_digest(bodies[locale]))

    other = Store.open(store_url, origin=ORIGIN, clock=clock, load_keys=lambda: here.keys)
    try:
        rounds = (Prover(store, str, see).round() for store in (here.store, other))
        assert await asyncio.gather(*rounds) == [0, 0]
    finally:
        await other.close()
    assert sorted(looked) == ["ar", "ar", "en", "en"]
    assert sorted(one["locale"] for one in await entries(here.store, "substitute:served")) == ["ar", "en"]


async def test_a_page_that_is_not_as_approved_is_on_record_and_alerts(here: House, clock: FakeClock) -> None:
    """After a second look; those who answer for it are mailed until somebody takes it or it is back."""
    made = await here.public()
    clock.advance(minutes=1)
    found = [Seen(200, "0" * 64)]

    async def looks(_url: str) -> Seen:
        return found[-1]

    prover = Prover(here.store, lambda: "http://127.0.0.1:9", looks)
    mailed: list[str] = []

    async def post(to: str, subject: str, text: str) -> bool:
        mailed.append(f"{to} {subject} {text}")
        return True

    async def mailboxes(handle: str) -> list[str]:
        return [f"{handle}@example.com"]

    alerts = MissingAlerts(here.store, AlertSettings(), post, mailboxes)
    await prover.round()
    assert await entries(here.store, "substitute:missing") == []
    await prover.round()
    assert await alerts.raise_due() == 2
    assert await alerts.raise_due() == 0
    assert made.address in mailed[0]
    clock.advance(minutes=11)
    async with here.store.begin() as tx:
        await (await here.desk(tx, "ben")).take()
    assert await alerts.raise_due() == 0
    assert {one["digest"] for one in await entries(here.store, "substitute:missing")} == {"0" * 64}
    async with served(here) as base:
        assert await Prover(here.store, lambda: base).round() == 0
    async with here.store.read() as tx:
        assert await tx.scalar("SELECT taken_by FROM substitute_notice") == ""
    assert len(await entries(here.store, "substitute:served")) == 2


async def test_what_is_withdrawn_while_somebody_looks_is_not_missing(here: House, clock: FakeClock) -> None:
    """The store decides once the answer is there."""
    await here.public()
    clock.advance(minutes=1)

    async def looks(_url: str) -> Seen:
        if not (await entries(here.store, "substitute:withdrawn")):
            await here.withdraw()
        return Seen(410)

    prover = Prover(here.store, lambda: "http://127.0.0.1:9", looks)
    for _ in range(3):
        await prover.round()
    assert await entries(here.store, "substitute:missing") == []


async def test_a_look_survives_whatever_answers() -> None:
    """Nobody there, a redirect, no HTTP at all, no address: a status or 0, never an exception."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
        writer.write(moved if b"moved" in line else b"\xff\xfe\x00 no http\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await look(f"{base}/moved") == Seen(302)
        assert await look(f"{base}/babble") == Seen(0)
    assert await look(f"{base}/gone") == Seen(0)
    assert await look("file:///etc/passwd") == Seen(0)


@pytest.fixture
async def log(here: House, clock: FakeClock, tmp_path: Path) -> Log:
    """A log with a notice that was seen and then withdrawn, and one that was missed."""
    await here.public()
    clock.advance(minutes=1)
    async with served(here) as base:
        await Prover(here.store, lambda: base).round()
    await here.withdraw()
    await here.public()
    clock.advance(minutes=1)
    nobody = Prover(here.store, lambda: "http://127.0.0.1:9")
    await nobody.round()
    await nobody.round()
    made = Log.of(here.store, tmp_path)
    await made.sequencer().drain()
    return made


async def _found(log: Log) -> dict[str, int]:
    memory = HighWater(log.high_water.path.with_name("seen"), log.key.verifier)
    report = await verify(log.store, log.key.verifier, high_water=log.high_water, memory=memory, also=CHECKS)
    return dict(report.counts)


async def test_verification_agrees(log: Log) -> None:
    """What was done and seen is what is recorded."""
    assert await _found(log) == {}


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE substitute_notice SET digest = 'x' WHERE revision = 1", "substitute-differs"),
        ("UPDATE substitute_notice SET until_at = until_at + 1 WHERE revision = 2", "substitute-differs"),
        ("UPDATE substitute_notice SET approved_by = 'alice' WHERE revision = 2", "substitute-differs"),
        ("UPDATE substitute_notice SET withdrawn_because = 'other' WHERE revision = 1", "substitute-differs"),
        ("UPDATE substitute_notice SET state = 'published' WHERE revision = 1", "substitute-differs"),
        ("UPDATE substitute_notice SET slug = 'elsewhere' WHERE revision = 2", "substitute-differs"),
        ("UPDATE substitute_notice SET facts = '{}' WHERE revision = 1", "substitute-differs"),
        ("UPDATE substitute_page SET content = CAST('x' AS bytea) WHERE locale = 'en'", "substitute-differs"),
        ("UPDATE substitute_proof SET occasion = '2026-01-01' WHERE served", "substitute-differs"),
        ("UPDATE substitute_proof SET served = NOT served", "substitute-differs"),
        ("DELETE FROM substitute_proof WHERE served", "substitute-lost"),
    ],
)
async def test_verification_finds(log: Log, statement: str, code: str) -> None:
    """Steps, pages and proof that are not as recorded, and proof that is gone."""
    await damage(log, statement)
    assert code in await _found(log)
