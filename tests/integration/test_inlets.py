"""Reports come in by every inlet that is set, into the store of a real installation, on both databases."""

from __future__ import annotations

import asyncio
import json
import smtplib
import socket
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from incidents.inlets import Inlets
from notifier.channels.email.inbound import Reader, Reading
from notifier.channels.email.return_path import ReturnPaths
from notifier.keys import Keys
from notifier.receipts import parking
from notifier.receipts.intake import Intake
from notifier.receipts.reports import Reports
from notifier.settings import InboundSettings, Settings
from notifier.store import Store
from notifier.testing import ScriptedChannel
from notifier.web.reports import add_report_routes
from tests import world
from tests.bounces import DATA
from tests.desk import Desk
from tests.desks import told
from tests.integration.test_receipts import states
from tests.integration.test_sending import run_next, start
from tests.providers import sample

DOMAIN = "bounces.example.com"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def dsn(keys: Keys, reference: str, name: str = "exim-dsn") -> tuple[bytes, str]:
    """Return a report about the first attempt of a delivery, and the address it comes to."""
    path = ReturnPaths(keys, DOMAIN).make(reference, 1)
    return (DATA / "written" / f"{name}.eml").read_bytes().replace(b"RETURN-PATH", path.encode()), path


@pytest.fixture
async def reference(store: Store, keys: Keys, tmp_path: Path) -> str:
    """A notice that a server has accepted."""
    await world.released(store, keys, 1)
    await start(store)
    await run_next(store, keys, ScriptedChannel(), tmp_path / "spill")
    return next(iter(await states(store)))


async def test_a_server_delivers_a_bounce(store: Store, keys: Keys, reference: str) -> None:
    """By SMTP: once it has its answer, the delivery has bounced."""
    port = free_port()
    settings = Settings(inbound=InboundSettings(listen_host="127.0.0.1", listen_port=port))
    message, path = dsn(keys, reference)

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("", [path], message)

    async with Inlets(settings, keys, store).opened():
        await asyncio.to_thread(send)
        assert await states(store) == {reference: "bounced"}


async def test_a_maildir_is_looked_into(store: Store, keys: Keys, reference: str, tmp_path: Path) -> None:
    """What lies there is taken, and moved once it is on record."""
    folder = tmp_path / "Maildir"
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "new" / "1.bounce").write_bytes(dsn(keys, reference)[0])
    async with Inlets(Settings(inbound=InboundSettings(maildir=str(folder))), keys, store).opened():
        async with asyncio.timeout(20):
            while not list((folder / "cur").iterdir()):
                await asyncio.sleep(0.02)
    assert await states(store) == {reference: "bounced"}


async def test_a_provider_reports_by_webhook(store: Store, keys: Keys, reference: str) -> None:
    """Postmark, with its password; without it nothing is taken, and an unknown provider has no address."""
    inbound = InboundSettings(postmark_user="postmark", postmark_password=SecretStr("secret"))
    inlets = Inlets(Settings(inbound=inbound), keys, store)
    app = FastAPI()
    add_report_routes(app, inlets.providers, inlets.intake.take)
    event = json.dumps(sample("postmark", "bounce-hard"))
    ours = event.replace("3f9a02bc77d1e04b", "").encode()
    path = ReturnPaths(keys, DOMAIN).make(reference, 1).partition("@")[0]
    body = sample("postmark", "bounce-hard")
    body["Metadata"] = dict.fromkeys(body["Metadata"], path)
    known = {"Authorization": "Basic " + b64encode(b"postmark:secret").decode()}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        assert (await client.post("/reports/postmark", content=ours)).status_code == 403
        assert (await client.post("/reports/other", content=ours)).status_code == 404
        assert (await client.post("/reports/postmark", json=body, headers=known)).status_code == 200
        assert (await client.post("/reports/postmark", json=body, headers=known)).status_code == 200
    assert await states(store) == {reference: "bounced"}
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM receipt") == 1


async def test_a_provider_calls_again_while_the_store_is_out_of_order(
    store: Store, keys: Keys, reference: str
) -> None:
    """503 until what was reported can be put on record."""
    inbound = InboundSettings(postmark_user="postmark", postmark_password=SecretStr("secret"))
    inlets = Inlets(Settings(inbound=inbound), keys, store)
    app = FastAPI()

    async def broken(_source: str, _receipts: object) -> None:
        raise OSError("disk full")

    add_report_routes(app, inlets.providers, broken)
    known = {"Authorization": "Basic " + b64encode(b"postmark:secret").decode()}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        answer = await client.post("/reports/postmark", json=sample("postmark", "bounce-hard"), headers=known)
    assert (answer.status_code, "disk" in answer.text) == (503, False)


async def test_a_message_on_which_the_reader_fails_is_kept_for_people(store: Store, keys: Keys) -> None:
    """Once: its sender, or the mailbox it lies in, would bring it again for ever."""

    class Failing(Reader):
        def read(self, message: bytes, recipients: Sequence[str] = ()) -> Reading:
            raise LookupError(message)

    reports = Reports(Failing(ReturnPaths(keys, "bounces.example.com")), Intake(store, keys).take)
    for _again in range(2):
        await reports.deliver(b"Subject: odd\n\n", [])
    async with store.read() as tx:
        (parked,) = await parking.waiting(tx, keys)
    assert (parked.receipt.reason, parked.receipt.text[:12]) == ("not-understood", "Subject: odd")


async def test_what_nobody_can_read_is_kept_for_people(store: Store, keys: Keys, reference: str) -> None:
    """A report without its fields is parked with its text; a person's own mail is not."""
    reports = Inlets(Settings(), keys, store).reports
    message = (
        b"From: MAILER-DAEMON@example.org\r\nSubject: Undelivered Mail\r\nContent-Type: multipart/report;"
        b" report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nIt did not work.\r\n--b--\r\n"
    )
    assert not (await reports.read(message)).understood
    assert (await reports.read(message.replace(b"MAILER-DAEMON", b"bo"), ())).kind
    async with store.read() as tx:
        first, *_ = await parking.waiting(tx, keys)
    assert (first.receipt.reason, "It did not work." in first.receipt.text) == ("not-understood", True)
    assert await states(store) == {reference: "accepted"}


async def test_a_drill_has_no_inlets(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Whatever is set: nobody outside reports about what never left."""
    inbound = InboundSettings(
        listen_host="127.0.0.1",
        listen_port=free_port(),
        maildir=str(tmp_path),
        postmark_password=SecretStr("x"),
    )
    inlets = Inlets(Settings(drill=True, inbound=inbound), keys, store)
    async with inlets.opened():
        assert inlets.providers == ()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", inbound.listen_port)


@pytest.fixture
def desk(store_url: str, tmp_path: Path) -> Desk:
    """An installation that has told one person."""
    return told(store_url, tmp_path, 1)


def test_exported_messages_are_read(desk: Desk, tmp_path: Path) -> None:
    """A folder of them: what they are is counted, and reading them again changes nothing."""
    folder = tmp_path / "exported"
    folder.mkdir()

    async def known() -> dict[str, str]:
        async with desk.store() as store:
            return await states(store)

    (reference,) = asyncio.run(known())
    (folder / "1.eml").write_bytes(dsn(desk.keys, reference)[0])
    (folder / "2.eml").write_bytes((DATA / "written" / "vacation-de.eml").read_bytes())
    (folder / "3.eml").write_bytes((DATA / "written" / "no-token.eml").read_bytes())
    for _ in range(2):
        code, said = desk.say("receipts", "read", str(folder))
        assert code == 0, said
        for part in ("3 messages read", "bounce: 2", "auto-reply: 1", "bounced: 1", "bounced, unproven: 1"):
            assert part in said
    assert asyncio.run(known()) == {reference: "bounced"}
    assert len(desk.ask("receipts", "parked")) == 1
    assert desk.say("receipts", "read", str(folder / "none"))[0] == 1
