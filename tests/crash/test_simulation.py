"""People with mixed fates on four channels, receipts in any order, and a worker that is killed at random.

``make simulate`` runs it with a hundred thousand people; the tests with fewer, by the same code.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from incidents.building import build_sequencer
from incidents.migrations import upgrade
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.audit.high_water import HighWater
from notifier.audit.log_key import LogKey
from notifier.audit.verify import verify
from notifier.banners import StoreBanners
from notifier.channels.banner.notices import BannerEvent
from notifier.channels.banner.repository import Facts
from notifier.channels.receipts import Receipt
from notifier.engine import control
from notifier.engine.dispatch import InlineDispatcher
from notifier.engine.planning import plan
from notifier.engine.reckoning import Account, reckon
from notifier.errors import Conflict
from notifier.keys import Keys
from notifier.plans import Step
from notifier.preflight import Preflight
from notifier.receipts.taking import settle_pending, take
from notifier.settings import Settings
from notifier.store import Store
from tests.audiences import Someone, drafted, freeze
from tests.crash.harness import ROOT, make_home, opened
from tests.crash.simulated import CHANNELS
from tests.fates import Fate, receipts

pytestmark = [pytest.mark.crash, pytest.mark.timeout(3600)]
SOME, SOME_KILLS = 400, 4
PEOPLE = int(os.environ.get("SIMULATE_PEOPLE", "0"))
KILLS = int(os.environ.get("SIMULATE_KILLS", "20"))
STEPS = ("banner:always", "email:unacknowledged:0.001", "sms:unreached", "letter:unreached")
PATIENCE = 3600.0
LETTERHEAD = """
[letter]
sender_name = "Example Company"
sender_street = "Beispielweg 1"
sender_postal_code = "50667"
sender_city = "Köln"
"""


@dataclass
class Simulation:
    """One announcement, and all that happens to it."""

    settings: Settings
    store: Store
    keys: Keys
    seed: int
    announcement: int = 0

    async def people(self, count: int) -> None:
        """Release an announcement to people who can be reached in different ways."""
        draw = random.Random(self.seed)
        people = [self._person(number, draw) for number in range(count)]
        audience = await freeze(self.store, self.keys, people)
        steps = [Step.read(step).model_dump(mode="json") for step in STEPS]
        self.announcement = await drafted(
            self.store, audience, plan={"steps": steps, "sms_window": None, "sms_any_time": "simulated"}
        )
        await Preflight(self.store, self.keys, self.settings).run(self.announcement)
        async with self.store.begin() as tx:
            counts = await plan(tx, self.announcement, batch_size=self.settings.sending.batch_size)
            code = await tx.scalar("SELECT code FROM announcement WHERE id = :id", id=self.announcement)
            await tx.write(
                "UPDATE announcement SET state = 'released', released_at = :now WHERE id = :id",
                {"now": tx.now_us(), "id": self.announcement},
            )
            facts = {"announcement": code, "planned": {"deliveries": counts.deliveries}}
            tx.record(Event(AuditAction.ANNOUNCEMENT_RELEASED, facts))

    @staticmethod
    def _person(number: int, draw: random.Random) -> Someone:
        has = draw.random
        email = has() < 0.9
        return Someone(
            f"Ada{number} Person{number}",
            f"p{number}@mail.test",
            state="due" if email else "needs-channel",
            reason="" if email else "none",
            point="usable" if email else "dead",
            phone=f"+49151{number:08}" if has() < 0.7 else "",
            street=f"Weg {number}" if has() < 0.8 else "",
        )

    def start(self) -> subprocess.Popen[bytes]:
        """Start the worker."""
        with (self.settings.home / "worker.log").open("ab") as log:
            words = [sys.executable, "-m", "tests.crash.simulated", str(self.settings.home), str(self.seed)]
            return subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)

    async def report(self, draw: random.Random, share: float) -> None:
        """Bring in some of what the carriers have to say, in any order, some of it twice."""
        told = [one for line in self.taken() if draw.random() < share for one in _reports(line)]
        told += draw.sample(told, len(told) // 10)
        draw.shuffle(told)
        for start in range(0, len(told), 1000):
            async with self.store.begin() as tx:
                await take(tx, self.keys, "lots", told[start : start + 1000])
        async with self.store.begin() as tx:
            await settle_pending(tx, self.keys)

    async def sign_in(self, draw: random.Random, share: float) -> None:
        """Let some of those who ever sign in do so: they see their banner, and some confirm it."""
        async with self.store.read() as tx:
            rows = await tx.rows(
                "SELECT d.reference, c.number FROM delivery d JOIN customer c ON c.id = d.customer_id"
                " WHERE d.channel = 'banner' AND d.state IN ('planned', 'accepted') AND c.id % 4 = 0"
            )
        banners = StoreBanners(self.store, self.keys)
        for row in rows:
            if draw.random() < share:
                events = [BannerEvent.SERVED, BannerEvent.VISIBLE]
                events += [BannerEvent.OPENED, BannerEvent.ACKNOWLEDGED] if draw.random() < 0.5 else []
                for event in events:
                    facts = Facts(1, "json", f"{row.reference}-{event}", "key")
                    await banners.report(row.number, row.reference, event, datetime.now(UTC), facts)

    async def look_and_resume(self) -> None:
        """Resume what a breaker has stopped, as somebody who has looked at the replies does."""
        async with self.store.begin() as tx:
            code = await tx.scalar("SELECT code FROM announcement WHERE id = :id", id=self.announcement)
            with contextlib.suppress(Conflict):
                await control.resume(tx, code, operator="alice", dispatcher=InlineDispatcher(workers=0))

    def taken(self) -> list[str]:
        """Return what the carriers have taken over: reference and attempt, and its fate."""
        logs = [self.settings.home / f"{channel}.taken" for channel in CHANNELS]
        return [line for log in logs if log.exists() for line in log.read_text().splitlines()]

    async def account(self) -> Account:
        """Count everybody."""
        async with self.store.read() as tx:
            return await reckon(tx, self.announcement)

    async def run(self, people: int, kills: int) -> Account:
        """Let it come to its end, with a worker that is killed at points spread over the hand-overs."""
        draw = random.Random(self.seed)
        until = time.monotonic() + PATIENCE
        points = sorted(draw.sample(range(people), kills), reverse=True)
        worker = self.start()
        try:
            while True:
                await asyncio.sleep(draw.uniform(0.3, 1.5))
                assert time.monotonic() < until, "it does not come to an end"
                if points and len(self.taken()) > points[-1]:
                    points.pop()
                    worker.send_signal(signal.SIGKILL)
                    worker.wait()
                    worker = self.start()
                assert worker.poll() is None, (self.settings.home / "worker.log").read_text()[-2000:]
                account = await self.account()
                assert account.unaccounted == 0
                done = not points and not account.open
                await self.report(draw, 1.0 if done else 0.2)
                await self.sign_in(draw, 0.1)
                await self.look_and_resume()
                if done and not (await self.account()).open:
                    break
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0
        finally:
            worker.kill()
            worker.wait()
        await build_sequencer(self.settings, self.store).drain()
        return await self.account()

    async def copies(self) -> tuple[int, int]:
        """Return how many messages were taken over twice, and how many of them no lost answer explains."""
        taken = Counter(line.partition("-")[0] for line in self.taken())
        async with self.store.read() as tx:
            doubts = {
                row.reference: row.doubts
                for row in await tx.rows(
                    "SELECT d.reference, count(*) AS doubts FROM delivery d JOIN attempt t"
                    " ON t.delivery_id = d.id AND t.outcome = 'unknown' GROUP BY d.reference"
                )
            }
        more = {reference: count - 1 for reference, count in taken.items() if count > 1}
        return sum(more.values()), sum(max(0, n - doubts.get(name, 0)) for name, n in more.items())


def _reports(line: str) -> list[Receipt]:
    about, _, fated = line.partition(" ")
    reference, _, attempt = about.partition("-")
    return receipts(Fate(fated), reference, int(attempt))


async def _untold(store: Store) -> int:
    """Count those who were reached by nothing and have not been gone on with through the whole plan."""
    async with store.read() as tx:
        return int(
            await tx.scalar(
                "SELECT count(*) FROM audience_member m WHERE NOT EXISTS (SELECT 1 FROM delivery d"
                " WHERE d.member_id = m.id AND (d.state = 'delivered' OR d.state = 'accepted'"
                " AND d.channel <> 'banner'))"
                " AND :steps > (SELECT count(DISTINCT d.step) FROM delivery d WHERE d.member_id = m.id"
                " AND d.step > 0) + (SELECT count(*) FROM skipped_step s WHERE s.member_id = m.id)",
                steps=len(STEPS),
            )
            or 0
        )


async def simulate(folder: Path, people: int, kills: int, seed: int) -> str:
    """Run one simulation; returns what it came to."""
    settings = make_home(folder / "home", 1, LETTERHEAD)
    async with opened(settings) as store:
        await upgrade(store.engine)
        made = Simulation(settings, store, Keys.load(settings.keys_folder), seed)
        await made.people(people)
        account = await made.run(people, kills)
        twice, unexplained = await made.copies()
        assert (account.people, account.unaccounted, account.open) == (people, 0, 0)
        assert unexplained == 0
        assert await _untold(store) == 0
        assert await _verified(settings, store) == []
    return f"{dict(account.deliveries)}, offered {account.offered}, copies {twice}, explained all of them"


async def _verified(settings: Settings, store: Store) -> list[str]:
    signer = LogKey.load(settings.keys_folder, settings.audit.origin)
    report = await verify(
        store,
        signer.verifier,
        high_water=HighWater(settings.high_water_file, signer.verifier),
        memory=HighWater(settings.home / "seen", signer.verifier),
    )
    return [str(one) for one in report.findings]


@pytest.mark.parametrize("seed", [1, 2])
def test_everybody_is_accounted_for_at_the_end(tmp_path: Path, seed: int) -> None:
    """Whatever becomes of the messages and the worker, each person is told, or listed with the reason."""
    asyncio.run(simulate(tmp_path, SOME, SOME_KILLS, seed))


@pytest.mark.skipif(not PEOPLE, reason="make simulate")
def test_many_people(tmp_path: Path) -> None:
    """The same for as many people as are asked for."""
    print(asyncio.run(simulate(tmp_path, PEOPLE, KILLS, 7)))  # noqa: T201 - what the command is for
