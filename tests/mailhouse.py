"""Print batches of a journey's letters, and what is on record about them."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from notifier.announcements import announcement
from notifier.audit.log_key import LogKey
from notifier.channels.letter import LetterRenderer, Sender
from notifier.channels.receipts import Receipt
from notifier.customers.values import PostalAddress
from notifier.letters.printing import MOST, PrintRun, Run
from notifier.letters.returning import Told, take_returns
from notifier.settings import SendingSettings
from notifier.testing import FakeClock
from tests.audiences import Someone
from tests.desk import Desk
from tests.journeys import INLINE, Journey, journey

SENDER = Sender("Example Company", PostalAddress("1 Example Road", "50667", "Köln", "", "DE"))
RENDERER = LetterRenderer(SENDER)
SENDING = SendingSettings(quarantine_seconds=60)


CONFIGURATION = """
[letter]
sender_name = "Example Company"
sender_street = "Beispielweg 1"
sender_postal_code = "50667"
sender_city = "Köln"
[sending]
quarantine_seconds = 0
"""


def waiting_desk(url: str, folder: Path, people: Sequence[Someone]) -> tuple[Desk, str]:
    """Return the desk of an installation whose letters to ``people`` wait, and the announcement's code."""
    desk = Desk(folder / "home", url)
    desk.file("notifier.toml", CONFIGURATION)
    LogKey.generate("notices.example.com/audit").save(desk.home / "keys")

    async def prepare() -> str:
        async with desk.store() as store:
            made = await journey(store, desk.keys, FakeClock(), desk.home, people, "letter:always")
            await made.escalation.round()
            async with store.read() as tx:
                return str(await tx.scalar("SELECT code FROM announcement"))

    return desk, asyncio.run(prepare())


async def printing(
    made: Journey,
    *,
    renderer: LetterRenderer = RENDERER,
    name: str = "batch-1",
    sending: SendingSettings = SENDING,
    divert: Sender | None = None,
) -> PrintRun:
    """Return the act of printing the letters that wait."""
    async with made.store.read() as tx:
        about = await announcement(tx, made.id)
    return PrintRun(
        made.store, made.keys, sending, about, renderer,
        dispatcher=INLINE, name=name, operator="alice", divert=divert,
    )  # fmt: skip


async def printed(made: Journey, path: Path, *, most: int = MOST, **options: Any) -> Run:
    """Print the letters that wait."""
    return await (await printing(made, **options)).run(path, most=most, processes=0)


async def reported(made: Journey, *receipts: Receipt) -> Told:
    """Take what a mail house says."""
    return await take_returns(made.store, made.keys, receipts, operator="alice")


async def letters(made: Journey) -> list[tuple[str, str]]:
    """Return reference and state of each letter."""
    async with made.store.read() as tx:
        rows = await tx.rows("SELECT reference, state FROM delivery WHERE channel = 'letter' ORDER BY id")
    return [(row.reference, row.state) for row in rows]


async def states(made: Journey) -> list[str]:
    """Return the state of each letter."""
    return [state for _, state in await letters(made)]


async def attempts(made: Journey) -> list[tuple[int, str, str, str]]:
    """Return number, outcome, relay and reason of all attempts at letters."""
    async with made.store.read() as tx:
        rows = await tx.rows(
            "SELECT t.number, t.outcome, t.relay, t.reason FROM attempt t JOIN delivery d ON d.id = t.delivery_id"
            " WHERE d.channel = 'letter' ORDER BY t.id"
        )
    return [tuple(row) for row in rows]


async def open_holds(made: Journey) -> list[str]:
    """Return the kinds of the holds that are open."""
    async with made.store.read() as tx:
        return [row.kind for row in await tx.rows("SELECT kind FROM hold WHERE ended_at IS NULL")]


def manifest(path: Path) -> list[dict[str, Any]]:
    """Return the letters in an archive."""
    with zipfile.ZipFile(path) as archive:
        return list(json.loads(archive.read("manifest.json"))["letters"])


def pdf(path: Path, place: int = 0) -> bytes:
    """Return one letter of an archive."""
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return archive.read(manifest(path)[place]["file"])
