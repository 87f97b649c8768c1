"""Receipts a minute: from the form that Twilio posts to what is committed, on SQLite.

``python -m benchmarks.receipts`` prints the table. *Reading* parses the form, checks the signature and reads
what it says; *into the store* does that and waits until the real intake has it on record; *through the web
application* posts to the routes, as a server whose HTTP costs nothing; the last row posts the stages before
delivery too, which are put on record nowhere. Each person has one message that was accepted.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import platform
import pstats
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import orjson
from fastapi import FastAPI
from sqlmodel import SQLModel

from incidents.migrations import upgrade
from notifier.audit.entry import Event
from notifier.channels.receipts import Receipt
from notifier.channels.sms import Callbacks, CallbackUrls, parse_form
from notifier.channels.sms.signature import HEADER, sign
from notifier.keys import Keys
from notifier.receipts.intake import Intake
from notifier.store import Store, Transaction, tables
from notifier.web.texts import SOURCE, add_text_routes

BASE, TOKEN = "https://notify.example.com", secrets.token_hex(16)
GOAL = 100_000
_CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Posted:
    """One report as it comes over the wire."""

    target: str
    body: bytes
    signature: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement; CPU is that of the whole process, the database's thread with it."""

    name: str
    count: int
    seconds: float
    cpu: float

    def row(self) -> str:
        """Return a row of the table."""
        rate = self.count / self.seconds * 60
        return f"| {self.name} | {self.count:,} | {rate:,.0f} | {self.cpu / self.count * 1e6:,.0f} |"


async def _insert(tx: Transaction, rows: Sequence[SQLModel]) -> None:
    names = [name for name, value in rows[0].model_dump().items() if name != "id" or value is not None]
    await tx.insert_many(
        str(rows[0].__tablename__),
        names,
        [
            tuple(
                orjson.dumps(value).decode() if isinstance(value := getattr(row, name), dict) else value
                for name in names
            )
            for row in rows
        ],
    )


async def fill(store: Store, keys: Keys, people: int) -> list[str]:
    """Put so many accepted text messages into the store; returns their references."""
    now = time.time_ns() // 1000
    references = [secrets.token_hex(8).upper() for _ in range(people)]
    async with store.begin() as tx:
        audience = tables.Audience(
            id=1, code="A/1", subject="A", frozen_at=now, frozen_by="anna", people=people, root="",
            digest="", salt=b"", event_id="",
        )  # fmt: skip
        announcement = tables.Announcement(
            id=1, code="A/1/A1", audience_id=1, state="released", author="anna", created_at=now
        )
        dictionary = tables.NoticeDictionary(
            id=1, announcement_id=1, locale="en", variant="person", content=b""
        )
        for one in (
            audience,
            announcement,
            dictionary,
            tables.Wave(id=1, announcement_id=1, number=0, people=people, start_at=now),
        ):
            await _insert(tx, [one])
        await _insert(tx, [tables.SendBatch(id=1, announcement_id=1, wave_id=1, number=0, size=people)])
        tx.record(Event("announcement:released", {"announcement": "A/1/A1"}))
    for start in range(0, people, _CHUNK):
        async with store.begin() as tx:
            await _fill_part(tx, keys, list(enumerate(references))[start : start + _CHUNK], now)
            tx.record(Event("customers:imported", {"rows": _CHUNK}))
    return references


async def _fill_part(tx: Transaction, keys: Keys, part: Sequence[tuple[int, str]], now: int) -> None:
    made: dict[str, list[SQLModel]] = {}
    for place, reference in part:
        n, uid = place + 1, secrets.token_hex(16)
        _, wrapped = keys.new_subject(uid)
        index = keys.blind_index("phone", number(place))
        for row in (
            tables.Customer(id=n, uid=uid, number=f"C{n}", created_at=now, changed_at=now, sealed=b""),
            tables.SubjectKeyRow(customer_id=n, wrapped=wrapped),
            tables.ContactPoint(
                id=n, customer_id=n, channel="sms", value_index=index, folded_index=index, sealed=b""
            ),
            tables.AudienceMember(
                id=n, uid=secrets.token_hex(16), audience_id=1, customer_id=n, state="due", variant="person",
                contact_point_id=n, locale="en", country="US", basis="criteria",
            ),
            tables.Notice(
                id=n, reference=reference, announcement_id=1, member_id=n, channel="sms", locale="en",
                dictionary_id=1, digest=b"", size=0, sealed=b"",
            ),
            tables.Delivery(
                id=n, reference=reference, announcement_id=1, member_id=n, customer_id=n, channel="sms",
                contact_point_id=n, notice_id=n, batch_id=1, state="accepted", attempts=1,
            ),
            tables.Attempt(
                id=n, delivery_id=n, number=1, opened_at=now, closed_at=now, outcome="accepted",
                carrier_id=sid(place),
            ),
        ):  # fmt: skip
            made.setdefault(str(row.__tablename__), []).append(row)
    for rows in made.values():
        await _insert(tx, rows)


def number(place: int) -> str:
    """Return a telephone number."""
    return f"+1415{place:07}"


def sid(place: int) -> str:
    """Return Twilio's id of a message."""
    return f"SM{place:032x}"


def posted(urls: CallbackUrls, references: Sequence[str], name: str) -> list[Posted]:
    """Return the reports that each message has reached this status, with the fields that Twilio has."""
    made = []
    for place, reference in enumerate(references):
        url = urls.make(reference, 1)
        form = [("SmsSid", sid(place)), ("SmsStatus", name), ("MessageStatus", name), ("To", number(place))]
        form += [("MessagingServiceSid", "MG" + "0" * 32), ("MessageSid", sid(place))]
        form += [("AccountSid", "AC" + "0" * 32), ("From", "+15005550006"), ("ApiVersion", "2010-04-01")]
        made.append(Posted(url.removeprefix(BASE), urlencode(form).encode(), sign(TOKEN, url, form)))
    return made


async def measured(
    name: str, reports: Sequence[Posted], lanes: int, act: Callable[[Posted], Awaitable[None]]
) -> Figure:
    """Bring the reports in, so many at once."""
    left = iter(reports)

    async def lane() -> None:
        for one in left:
            await act(one)

    wall, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(lanes):
            group.create_task(lane())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Figure(name, len(reports), wall, cpu)


def read(callbacks: Callbacks, one: Posted) -> Receipt:
    """Return what a report says, as the route reads it."""
    form = parse_form(one.body)
    if form is None or not callbacks.genuine(one.target, form, one.signature):
        raise RuntimeError("not genuine")
    receipt = callbacks.said(one.target, form)
    if receipt is None:
        raise RuntimeError("it says nothing")
    return receipt


async def post(app: FastAPI, one: Posted) -> None:
    """Post a report to the web application; anything but 204 is an error."""
    sent = [{"type": "http.request", "body": one.body, "more_body": False}]
    status = 0

    async def receive() -> dict[str, object]:
        return sent.pop()

    async def send(message: dict[str, object]) -> None:
        nonlocal status
        status = int(str(message.get("status", status)))

    headers = [(b"host", b"notify.example.com"), (HEADER.lower().encode(), one.signature.encode())]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": one.target, "raw_path": one.target.encode(), "query_string": b"",
        "root_path": "", "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)  # type: ignore[arg-type]
    if status != 204:
        raise RuntimeError(str(status))


async def compare(people: int, lanes: int, folder: Path, *, profile: bool) -> list[Figure]:
    """Measure each way in, on stores of their own."""
    keys = Keys.generate()
    urls = CallbackUrls(keys, BASE)
    callbacks = Callbacks(urls, [TOKEN])
    figures: list[Figure] = []
    filled = Store.open(f"sqlite+aiosqlite:///{folder / 'filled.db'}", origin="bench", load_keys=lambda: keys)
    await upgrade(filled.engine)
    references = await fill(filled, keys, people)
    await filled.close()
    for way in ("into the store", "through the web application"):
        path = shutil.copy(folder / "filled.db", folder / f"{way.replace(' ', '-')}.db")
        store = Store.open(f"sqlite+aiosqlite:///{path}", origin="bench", load_keys=lambda: keys)
        delivered, stages = (posted(urls, references, name) for name in ("delivered", "sent"))
        intake = Intake(store, keys)
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        add_text_routes(app, callbacks, intake.take)

        async def reading(one: Posted) -> None:
            read(callbacks, one)

        async def taking(one: Posted, intake: Intake = intake) -> None:
            await intake.take(SOURCE, [read(callbacks, one)])

        async def posting(one: Posted, app: FastAPI = app) -> None:
            await post(app, one)

        act = taking if way == "into the store" else posting
        if not figures:
            figures.append(await measured("reading", delivered, 1, reading))
        with cProfile.Profile() if profile else nullcontext() as profiled:
            figures.append(await measured(f"{way}, {lanes} at once", delivered, lanes, act))
        if profiled is not None:
            pstats.Stats(profiled, stream=sys.stderr).sort_stats("tottime").print_stats(35)
        async with store.read() as tx:
            taken = await tx.scalar("SELECT count(*) FROM delivery WHERE state = 'delivered'")
            if not taken == people == await tx.scalar("SELECT count(*) FROM receipt"):
                raise RuntimeError(f"{taken} of {people} were delivered")
        figures.append(await measured(f"{way}, what says nothing new", stages, lanes, act))
        await store.close()
    return figures


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=GOAL, help="reports in each run")
    parser.add_argument("--lanes", type=int, default=200, help="reports under way at once")
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(compare(given.count, given.lanes, Path(folder), profile=given.profile))
    print(f"Python {platform.python_version()}\n")
    print("| way | reports | a minute | CPU each, µs |\n|---|---:|---:|---:|")
    for figure in figures:
        print(figure.row())


if __name__ == "__main__":
    main()
