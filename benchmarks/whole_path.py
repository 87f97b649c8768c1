"""The whole path, as it is run: choose and freeze, make and check the notices, release, send, account.

Real parts throughout: the sealed store on SQLite (WAL, synchronous=FULL), the preflight, the worker with its
batches and spill files, the e-mail channel to Postfix's smtp-sink on loopback, the audit trail. The clock
of a stage is wall time; its CPU is that of this process and of its children, the sink's apart.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from incidents import records
from incidents.affected.criteria import Exposure, by_criteria
from incidents.announce import announce
from incidents.building import build_worker
from incidents.freeze import freeze
from incidents.lifecycle import Step
from incidents.migrations import upgrade
from incidents.selection import Selection
from incidents.store import declare, find, take_step
from notifier import audiences
from notifier.announcements import announcement
from notifier.approvals import due_people
from notifier.audit.log_key import LogKey
from notifier.clock import SystemClock
from notifier.customers.importing import CustomerImport
from notifier.customers.mapping import map_columns
from notifier.customers.normalise.rows import Rules
from notifier.customers.reading import Options, open_table
from notifier.customers.sample import write_sample
from notifier.engine.planning import plan
from notifier.engine.reckoning import reckon
from notifier.keys import Keys
from notifier.preflight import Preflight
from notifier.preflight.digests import used_locales
from notifier.preflight.rules import rules_for
from notifier.release import release, start_countdown
from notifier.settings import Settings, load
from notifier.store import Store

T = TypeVar("T")

CONFIGURATION = """
[email]
[[email.relays]]
name = "sink"
host = "127.0.0.1"
port = {port}
tls = "none"
[approval]
countdown_seconds = 0
"""

RECORD = """
title: Benchmark
data_categories: [email, name]
contact: {name: Security Desk, role: Security, email: security@example.com, phone: "+1 202-555-0143"}
texts:
  en:
    summary: A file with your name and your contact data was copied; please be careful with messages.
    what_happened:
      - Somebody copied a file with contact data from a server of ours.
    consequences:
      "*": [You may get messages that pretend to come from us.]
    advice:
      "*": [Do not open links in messages that you did not expect.]
"""


@dataclass(frozen=True)
class Stage:
    """One stage: what it worked through, in how much wall time and CPU, and the peak memory after it."""

    name: str
    rows: int
    seconds: float
    cpu_seconds: float
    peak_mb: int

    @property
    def per_second(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU per row."""
        return self.cpu_seconds / self.rows * 1e6


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak_mb() -> int:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) // 1024


class WholePath:
    """One run over ``people`` in an installation made for it."""

    def __init__(self, folder: Path, people: int, port: int, say: Callable[[Stage], None]) -> None:
        self._folder = folder
        self._people = people
        self._say = say
        self.stages: list[Stage] = []
        self.notice_bytes = 0
        self.settings = self._make_home(port)
        self.keys = Keys.load(self.settings.keys_folder)
        self.store = Store.open(
            self.settings.store_url, origin=self.settings.audit.origin, load_keys=lambda: self.keys
        )

    def _make_home(self, port: int) -> Settings:
        self._folder.mkdir(parents=True)
        (self._folder / "notifier.toml").write_text(CONFIGURATION.format(port=port))
        settings = load(self._folder)
        Keys.generate().save(settings.keys_folder)
        LogKey.generate(settings.audit.origin).save(settings.keys_folder)
        settings.state_folder.mkdir()
        return settings

    async def _stage(self, name: str, work: Callable[[], Awaitable[T]], rows: int = 0) -> T:
        wall, cpu = time.perf_counter(), _cpu()
        result = await work()
        stage = Stage(name, rows or self._people, time.perf_counter() - wall, _cpu() - cpu, _peak_mb())
        self.stages.append(stage)
        self._say(stage)
        return result

    async def run(self) -> None:
        """Run all stages; raises if anybody is unaccounted for."""
        await upgrade(self.store.engine)
        file = self._folder / "customers.csv"
        write_sample(file, self._people, messy=False)
        try:
            await self._stage("import", lambda: self._import(file))
            incident = await self._declare()
            await self._stage("choose", lambda: self._choose(incident))
            code = await self._stage("freeze", lambda: self._freeze(incident))
            announcement_id = await self._draft(incident, code)
            checks = Preflight(self.store, self.keys, self.settings)
            await self._stage("preflight: render, check, seal", lambda: checks.run(announcement_id))
            async with self.store.read() as tx:
                self.notice_bytes = int(await tx.scalar("SELECT avg(size) FROM notice"))
            await self._stage("sign off", lambda: self._sign_off(announcement_id))
            await self._stage("plan", lambda: self._release(announcement_id))
            await self._stage("send, state, audit", lambda: self._send(announcement_id))
        finally:
            await self.store.close()

    async def _import(self, file: Path) -> None:
        table = open_table(file, Options())
        columns = map_columns(table.headers, given={}, selectable=["Plan"])
        rules = Rules(columns, self.store.clock.now().date(), "", "")
        await CustomerImport(self.store, self.keys, table, rules).run()

    async def _declare(self) -> str:
        async with self.store.begin() as tx:
            code = await declare(tx, records.read(RECORD.encode()), actor="anna")
            for step in (Step.ASSESS, Step.DECLARE):
                await take_step(tx, code, step, actor="anna")
        return code

    async def _choose(self, code: str) -> None:
        async with self.store.begin() as tx:
            incident = await find(tx, code)
            everybody = Selection.read("everybody")
            await by_criteria(
                tx, incident, everybody, Exposure.read("", incident), basis="copied file", actor="anna"
            )

    async def _freeze(self, code: str) -> str:
        async with self.store.begin() as tx:
            return (await freeze(tx, self.keys, await find(tx, code), actor="anna")).code

    async def _draft(self, code: str, audience: str) -> int:
        async with self.store.begin() as tx:
            drafted = await announce(
                tx,
                await find(tx, code),
                await audiences.find(tx, audience),
                {},
                organisation=self.settings.organisation,
                author="anna",
            )
            return (await announcement(tx, drafted)).id

    async def _sign_off(self, announcement_id: int) -> None:
        rules = rules_for(self.settings)
        async with self.store.begin() as tx:
            now = await announcement(tx, announcement_id)
            await rules.approve_locales(tx, now, await used_locales(tx, now.id), operator="ben")
            people = await due_people(tx, now.id)
            await rules.approve(tx, now.id, operator="ben", people=people)
            await start_countdown(tx, rules, now.id, operator="anna")

    async def _release(self, announcement_id: int) -> None:
        rules = rules_for(self.settings)
        async with self.store.begin() as tx:
            await release(
                tx,
                rules,
                announcement_id,
                lambda tx, one: plan(tx, one, batch_size=self.settings.sending.batch_size),
            )
            await tx.housekeep("UPDATE schedule SET next_fire_at = NULL WHERE kind = 'release'")

    async def _send(self, announcement_id: int) -> None:
        worker = build_worker(self.settings, self.keys, self.store)
        stop = asyncio.Event()
        working = asyncio.create_task(worker.run(stop))
        clock = SystemClock()
        while not working.done():
            async with self.store.read() as tx:
                if not await tx.scalar("SELECT 1 FROM send_batch WHERE state <> 'done' LIMIT 1"):
                    break
            await asyncio.sleep(0.2)
        stop.set()
        await working
        async with self.store.read() as tx:
            account = await reckon(tx, announcement_id)
        if account.unaccounted or account.open or account.notified != account.people:
            raise RuntimeError(f"{clock.now()}: not everybody is accounted for: {account}")
