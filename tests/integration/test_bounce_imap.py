"""The IMAP poller against Debian's Dovecot: TLS, flags, folders, wrong passwords, servers that go away."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from notifier.channels.email.inbound.mailboxes import ImapPoller, MailboxTrouble
from notifier.settings import InboundSettings
from tests import dovecot as instance
from tests.dovecot import PASSWORD, USER, Dovecot
from tests.inlets import BOUNCE, PATH, Keeper
from tests.postfix import HOST

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    """A running Dovecot; skipped where there is none, but never in CI."""
    try:
        with instance.dovecot() as running:
            yield running
    except LookupError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


def _settings(dovecot: Dovecot, **more) -> InboundSettings:
    return InboundSettings(
        **{
            "imap_host": HOST,
            "imap_port": dovecot.tls,
            "imap_ca_file": str(dovecot.certificates.authority),
            "imap_user": USER,
            "imap_password": PASSWORD,
            **more,
        }
    )


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_messages_are_brought_once_and_then_seen(dovecot: Dovecot, tls: str) -> None:
    """Whole, under either kind of TLS, with the envelope recipient that the server noted."""
    message = b"Delivered-To: " + PATH.encode() + b"\r\n" + BOUNCE
    for number in range(3):
        dovecot.put(f"{tls}-{number}", message)
    keeper = Keeper()
    port = dovecot.tls if tls == "implicit" else dovecot.plain
    poller = ImapPoller(_settings(dovecot, imap_tls=tls, imap_port=port), keeper)
    first, second = await poller.poll(), await poller.poll()
    assert (first.taken, first.failed, second.taken) == (3, 0, 0)
    assert keeper.kept == [(message, (PATH,))] * 3
    assert {dovecot.flags()[f"{tls}-{number}"] for number in range(3)} == {"S"}


async def test_what_cannot_be_recorded_stays_unseen(dovecot: Dovecot) -> None:
    """The flag comes only after the record; reading alone sets none."""
    dovecot.put("later", BOUNCE)
    keeper = Keeper()
    keeper.failing = RuntimeError
    poller = ImapPoller(_settings(dovecot), keeper)
    assert (await poller.poll()).failed == 1
    assert dovecot.flags()["later"] == ""
    keeper.failing = None
    assert (await poller.poll()).taken == 1
    assert dovecot.flags()["later"] == "S"


async def test_what_is_too_big_is_flagged_for_a_person(dovecot: Dovecot) -> None:
    """It stays unseen, is not brought again, and holds nobody up."""
    dovecot.put("huge", b"Subject: big\r\n\r\n" + b"x" * 70 * 400)
    dovecot.put("small", BOUNCE)
    keeper = Keeper()
    poller = ImapPoller(_settings(dovecot, most_bytes=20_000), keeper)
    polled, again = await poller.poll(), await poller.poll()
    assert (polled.taken, polled.aside, again.aside) == (1, 1, 0)
    assert dovecot.flags()["huge"] == "F"


@pytest.mark.parametrize("name", ["Bounces", "Rückläufer & Co", "台北"])
async def test_a_folder_of_any_name(dovecot: Dovecot, name: str) -> None:
    """Its name goes over the wire as RFC 3501 asks; the inbox is left alone."""
    on_disk = {"Bounces": ".Bounces", "Rückläufer & Co": ".R&APw-ckl&AOQ-ufer &- Co", "台北": ".&U,BTFw-"}[
        name
    ]
    dovecot.put("in-folder", BOUNCE, folder=on_disk)
    dovecot.put(f"in-inbox-{len(name)}", BOUNCE)
    keeper = Keeper()
    assert (await ImapPoller(_settings(dovecot, imap_folder=name), keeper).poll()).taken == 1
    assert dovecot.flags(on_disk)["in-folder"] == "S"
    assert dovecot.flags()[f"in-inbox-{len(name)}"] == ""
    await ImapPoller(_settings(dovecot), Keeper()).poll()


async def test_a_mark_that_was_lost_is_set_later_without_a_second_record(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line breaks between the record and the flag: at the next look only the flag is set."""
    dovecot.put("half-done", BOUNCE)
    keeper = Keeper()
    poller = ImapPoller(_settings(dovecot), keeper)
    from notifier.channels.email.inbound.mailboxes.imap_session import ImapSession

    flag = ImapSession.flag

    def cut_first(session: ImapSession, uid: int, which: str) -> None:
        session.cut()
        flag(session, uid, which)

    monkeypatch.setattr(ImapSession, "flag", cut_first)
    with pytest.raises(MailboxTrouble):
        await poller.poll()
    assert dovecot.flags()["half-done"] == ""
    monkeypatch.undo()
    await poller.poll()
    assert dovecot.flags()["half-done"] == "S"
    assert len(keeper.kept) == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"imap_password": "wrong"}, "login"),
        ({"imap_user": "nobody", "imap_password": "x\r\ny"}, "control"),
        ({"imap_folder": "Missing"}, "folder"),
        ({"imap_ca_file": ""}, "certificate"),
        ({"imap_ca_file": "/nowhere.pem"}, "authorities"),
        ({"imap_host": "localhost"}, "certificate"),
        ({"imap_port": 1}, "reached"),
    ],
)
async def test_trouble_has_a_reason_and_no_secret(dovecot: Dovecot, wrong: dict, says: str) -> None:
    """What is wrong with the settings is told; the password never is."""
    with pytest.raises(MailboxTrouble) as trouble:
        await ImapPoller(_settings(dovecot, **wrong), Keeper()).poll()
    assert says in str(trouble.value)
    assert "wrong" not in str(trouble.value)
    assert trouble.value.advice() or says == "control"


async def test_no_password_leaves_without_tls(dovecot: Dovecot) -> None:
    """A server that takes none in the clear refuses; by default it is not even tried."""
    assert InboundSettings().imap_tls == "implicit"
    with pytest.raises(MailboxTrouble):  # Its plain port speaks no TLS from the first byte.
        await ImapPoller(_settings(dovecot, imap_port=dovecot.plain), Keeper()).poll()


async def test_hundreds_are_brought_in_several_looks(dovecot: Dovecot) -> None:
    """Whoever polls is told that there is more."""
    for number in range(203):
        dovecot.put(f"many-{number}", BOUNCE, folder=".Many")
    poller = ImapPoller(_settings(dovecot, imap_folder="Many"), Keeper())
    first, second = await poller.poll(), await poller.poll()
    assert (first.taken, first.more, second.taken, second.more) == (200, True, 3, False)


class _Odd:
    """A server that greets and then says one odd thing, or nothing."""

    def __init__(self, says: bytes) -> None:
        self._says = says
        self._listening = socket.create_server((HOST, 0))
        self.port = self._listening.getsockname()[1]
        self.asked = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _peer = self._listening.accept()
        with connection, connection.makefile("rb") as lines:
            try:
                connection.sendall(b"* OK [CAPABILITY IMAP4REV1] odd\r\n")
                lines.readline()
                self.asked.set()
                connection.sendall(self._says)
                while lines.readline():
                    pass
            except OSError:
                pass

    def close(self) -> None:
        """Stop."""
        self._listening.close()
        self._thread.join(30)


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"* BYE\r\n",
        b"\0\0\r\n",
        b"* 1 FETCH (BODY[] {99999999999}\r\n",
        b"x" * 1_100_000 + b"\r\n",
        b"\xff {5}\r\n",
    ],
)
async def test_an_odd_server_is_trouble_and_takes_no_memory(says: bytes) -> None:
    """What is no IMAP, what claims to be endless, and silence each end the look."""
    odd = _Odd(says)
    settings = InboundSettings(
        imap_host=HOST, imap_port=odd.port, imap_tls="none", imap_user="u", imap_password="p"
    )
    with pytest.raises(MailboxTrouble):
        await ImapPoller(settings, Keeper(), timeout=0.3).poll()
    odd.close()


async def test_a_look_can_be_called_off(dovecot: Dovecot) -> None:
    """Stopping the service does not wait for the server, and the message stays unseen."""
    dovecot.put("stopped", BOUNCE)
    keeper = Keeper()
    keeper.open.clear()
    look = asyncio.create_task(ImapPoller(_settings(dovecot), keeper).poll())
    await keeper.arrived.wait()
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await look
    assert dovecot.flags()["stopped"] == ""
    assert not keeper.kept


async def test_a_look_can_be_called_off_while_it_connects() -> None:
    """A server that says nothing does not hold the service up."""
    odd = _Odd(b"")
    settings = InboundSettings(
        imap_host=HOST, imap_port=odd.port, imap_tls="none", imap_user="u", imap_password="p"
    )
    look = asyncio.create_task(ImapPoller(settings, Keeper(), timeout=2).poll())
    await asyncio.to_thread(odd.asked.wait, 30)
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await look
    odd.close()
