"""The real desk behind the real application: no token shows another's notice, and no order of reports matters."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.channels.banner.notices import BannerEvent
from notifier.keys import Keys
from notifier.settings import Settings
from notifier.store import Store
from notifier.testing import FakeClock
from notifier.web.app import build
from tests.audiences import Someone
from tests.banner import AUDIENCE, ISSUER, Host
from tests.banner_store import ANNA, BRUNO, CARLA, Shown, shown
from tests.conftest import ORIGIN

EVERYBODY = (ANNA, BRUNO, CARLA)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(EVERYBODY), st.sampled_from([str(one) for one in BannerEvent]), st.integers(0, 3)
    ),
    max_size=14,
)


@dataclass
class World:
    """A released announcement on a store of its own."""

    runner: asyncio.Runner
    host: Host
    folder: Path
    out: Shown
    app: FastAPI

    def token(self, one: Someone) -> str:
        """Return what the host mints for somebody."""
        return self.host.mint(self.out.sub(one), self.out.journey.clock.now().timestamp())


@pytest.fixture(scope="module")
def world(sqlite_template: Path) -> Iterator[World]:
    """Everybody has a banner; the application is the one that is served."""
    folder = Path(tempfile.mkdtemp(prefix="banners-"))
    shutil.copy(sqlite_template, folder / "store.db")
    with asyncio.Runner() as runner:
        keys, clock, host = Keys.generate(), FakeClock(), Host()
        store = Store.open(
            f"sqlite+aiosqlite:///{folder / 'store.db'}", origin=ORIGIN, clock=clock, load_keys=lambda: keys
        )
        (folder / "key.pem").write_bytes(host.pem)
        key = {"id": "ed-1", "key_file": str(folder / "key.pem")}
        banner = {"issuer": ISSUER, "audience": AUDIENCE, "keys": [key], "requests_per_minute": 1_000_000}
        given = Settings(home=folder, banner=banner)  # type: ignore[arg-type]
        out = runner.run(shown(store, keys, clock, folder))
        yield World(runner, host, folder, out, build(given, store, keys, lambda: "none"))
        runner.run(store.close())
    shutil.rmtree(folder)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2), st.integers(0, 600), st.characters(min_codepoint=33, max_codepoint=126))
def test_a_token_for_one_shows_that_one_s_notice_or_none(
    world: World, place: int, at: int, char: str
) -> None:
    """Genuine, put together from another's, or changed anywhere."""
    genuine, other = world.token(ANNA), world.token(BRUNO)
    parts = genuine.split(".")
    mixed = ".".join([*parts[:place], other.split(".")[place], *parts[place + 1 :]])
    changed = genuine[: at % len(genuine)] + char + genuine[at % len(genuine) + 1 :]
    for token in (genuine, mixed, changed):
        world.runner.run(_only_hers(world, token, genuine, other))


async def _only_hers(world: World, token: str, genuine: str, other: str) -> None:
    references = {one: (await world.out.notices(one))[0].reference for one in EVERYBODY}
    said = [
        {"id": f"p-{number}", "reference": reference, "revision": 1, "event": "visible"}
        for number, reference in enumerate(references.values())
    ]
    headers = {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(world.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app.example.com") as client:
        asked = asyncio.ensure_future(client.get("/banner/notices", headers=headers))
        told = asyncio.ensure_future(client.post("/banner/events", headers=headers, json={"events": said}))
        while not (asked.done() and told.done()):
            await asyncio.sleep(0.001)
            world.out.journey.clock.advance(milliseconds=60)
    text, taken = asked.result().text, json.loads(told.result().content)["recorded"]
    allowed = {genuine: ANNA, other: BRUNO}.get(token)
    for number, (one, reference) in enumerate(references.items()):
        if one is not allowed:
            assert reference not in text
            assert f"p-{number}" not in taken
        elif token == genuine:
            assert reference in text
            assert f"p-{number}" in taken


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS)
def test_any_order_and_number_of_reports_ends_in_one_state(
    sqlite_template: Path, reports: list[tuple[Someone, str, int]]
) -> None:
    """Whoever did anything but be served has been told; each kind of event is on record once, whatever was
    repeated; nothing takes a delivery back.
    """
    folder = Path(tempfile.mkdtemp(prefix="banners-"))
    try:
        shutil.copy(sqlite_template, folder / "store.db")
        asyncio.run(_in_any_order(folder, reports))
    finally:
        shutil.rmtree(folder)


async def _in_any_order(folder: Path, reports: list[tuple[Someone, str, int]]) -> None:
    keys, clock = Keys.generate(), FakeClock()
    store = Store.open(
        f"sqlite+aiosqlite:///{folder / 'store.db'}", origin=ORIGIN, clock=clock, load_keys=lambda: keys
    )
    try:
        out = await shown(store, keys, clock, folder)
        taken: dict[Someone, set[str]] = {one: set() for one in EVERYBODY}
        for one, event, number in (*reports, *reversed(reports)):
            if await out.does(one, event, key=f"{event}-{number}"):
                taken[one].add(event)
        for one, events in taken.items():
            (reading,) = [notice.current for notice in await out.notices(one)]
            state = "delivered" if events - {"served"} else "accepted" if events else "planned"
            assert (await out.states(one))[-1] == f"banner first {state}"
            assert {str(event) for event in BannerEvent if getattr(reading, f"{event}_at")} == (
                events | {"served"} if events else set()
            )
        async with store.read() as tx:
            rows = await tx.rows("SELECT member_id, event FROM banner_event")
        recorded = [tuple(row) for row in rows]
        assert len(recorded) == len(set(recorded))
    finally:
        await store.close()
