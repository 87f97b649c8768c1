"""Small parts of the mailboxes: envelope recipients in a head, names of folders, exported files, pauses."""

from __future__ import annotations

import asyncio
import mailbox
from datetime import timedelta
from email.message import EmailMessage
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from notifier.channels.email.inbound.mailboxes import MailboxTrouble, Polled, keep_polling, messages_in
from notifier.channels.email.inbound.mailboxes.envelope import envelope_recipients
from notifier.channels.email.inbound.mailboxes.imap_session import encoded_folder
from notifier.errors import NotFound
from notifier.testing import FakeClock
from tests.inlets import BOUNCE, PATH


@pytest.mark.parametrize(
    "field", ["Delivered-To: {}", "X-Original-To: {}", "envelope-to: <{}>", "X-Delivered-To:\t{} "]
)
def test_the_server_that_delivered_it_noted_the_envelope(field: str) -> None:
    """Postfix, Dovecot, Exim and others each have a field for it."""
    assert envelope_recipients(f"{field.format(PATH)}\r\nSubject: x\r\n\r\nbody".encode()) == (PATH,)
    assert envelope_recipients(f"Return-Path: <>\n{field.format(PATH)}\n\nbody".encode()) == (PATH,)


def test_an_address_in_the_body_is_no_envelope() -> None:
    """A report quotes the message it is about, with fields of its own."""
    assert envelope_recipients(f"Subject: x\r\n\r\nDelivered-To: {PATH}\r\n".encode()) == ()


@given(st.binary(max_size=400), st.binary(max_size=100))
def test_no_head_is_too_odd(before: bytes, value: bytes) -> None:
    """Whatever stands there, a few ASCII addresses come out."""
    found = envelope_recipients(before + b"\nDelivered-To: " + value + b"\r\n" * 3)
    assert len(found) <= 10
    assert all(one.isascii() for one in found)


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("INBOX", '"INBOX"'),
        ("Bounces/2026", '"Bounces/2026"'),
        ("Rückläufer", '"R&APw-ckl&AOQ-ufer"'),
        ("a & b", '"a &- b"'),
        ('quote " and \\', '"quote \\" and \\\\"'),
        ("台北", '"&U,BTFw-"'),
        ("~peter/mail/台北/日本語", '"~peter/mail/&U,BTFw-/&ZeVnLIqe-"'),
    ],
)
def test_folder_names_in_modified_utf7(name: str, wire: str) -> None:
    """As in the examples of RFC 3501, section 5.1.3, and quoted."""
    assert encoded_folder(name) == wire


def test_a_folder_name_cannot_hold_a_command() -> None:
    """A line break in a setting is refused, not sent."""
    with pytest.raises(MailboxTrouble):
        encoded_folder("INBOX\r\nA1 DELETE INBOX")


def _message(number: int) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = f"number {number}"
    message.set_content(f"From here on\nFrom a@b.example Mon Jan  1 00:00:00 2026\n>From quoted\n{number}\n")
    return message


def test_an_mbox_as_others_write_it(tmp_path: Path) -> None:
    """Every message comes out whole, lines that begin with From too."""
    box = mailbox.mbox(tmp_path / "bounces.mbox")
    for number in range(3):
        box.add(_message(number))
    box.close()
    found = list(messages_in(tmp_path / "bounces.mbox"))
    assert len(found) == 3
    for number, message in enumerate(found):
        assert message.endswith(f"{number}\n".encode())
        assert b"\nFrom a@b.example Mon" in message


def test_a_file_and_folders_of_files(tmp_path: Path) -> None:
    """One .eml, a folder of them in order, and a Maildir with what is new and what is read."""
    (tmp_path / "b.eml").write_bytes(BOUNCE)
    (tmp_path / "a.eml").write_bytes(b"Subject: a\r\n\r\n")
    (tmp_path / ".hidden").write_bytes(b"x")
    (tmp_path / "link").symlink_to("/etc/hostname")
    assert list(messages_in(tmp_path / "b.eml")) == [BOUNCE]
    assert list(messages_in(tmp_path)) == [b"Subject: a\r\n\r\n", BOUNCE]
    maildir = mailbox.Maildir(tmp_path / "maildir")
    read, _new = maildir.add(BOUNCE), maildir.add(b"Subject: new\n\n")
    held = maildir[read]
    held.set_subdir("cur")
    maildir[read] = held
    assert list(messages_in(tmp_path / "maildir")) == [b"Subject: new\n\n", BOUNCE.replace(b"\r\n", b"\n")]


def test_a_message_of_a_file_is_cut_at_the_limit(tmp_path: Path) -> None:
    """A line without end, or a message of gigabytes, takes no more memory than allowed."""
    (tmp_path / "one.eml").write_bytes(b"x" * 300_000)
    (tmp_path / "box").write_bytes((b"From a@b Mon Jan 1 2026\n" + b"y" * 300_000 + b"\n\n") * 2)
    assert [len(one) for one in messages_in(tmp_path / "one.eml", most_bytes=100_000)] == [100_000]
    assert [len(one) for one in messages_in(tmp_path / "box", most_bytes=100_000)] == [100_000] * 2


@given(
    content=st.lists(
        st.sampled_from([b"From a@b Mon Jan 1 2026", b"From ", b">From x", b"\n", b"\r\n", b"text", b"\0"])
    )
)
def test_any_file_gives_messages(tmp_path_factory: pytest.TempPathFactory, content: list[bytes]) -> None:
    """Broken boxes give what can be read; nothing is invented."""
    path = tmp_path_factory.mktemp("boxes") / "box"
    path.write_bytes(b"".join(content))
    assert sum(len(one) for one in messages_in(path)) <= path.stat().st_size


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A wrong path is an error a person can read."""
    with pytest.raises(NotFound):
        list(messages_in(tmp_path / "missing"))


async def test_pauses_grow_while_there_is_trouble() -> None:
    """Twice as long each time, a quarter of an hour at most, and back to normal when all is well."""
    clock = FakeClock()
    looks: list[float] = []
    results = [MailboxTrouble("no"), OSError("about reader@example.com"), Polled(failed=1)] + [
        MailboxTrouble("no")
    ] * 5
    results += [Polled(more=True), Polled(), Polled()]
    began = clock.now()
    done = asyncio.Event()

    async def poll() -> Polled:
        looks.append((clock.now() - began).total_seconds())
        if not results:
            done.set()
            await asyncio.Event().wait()
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    with capture_logs() as logs:
        task = asyncio.create_task(keep_polling("box", poll, clock, timedelta(minutes=1)))
        while not done.is_set():
            clock.advance(seconds=30)
            for _ in range(5):
                await asyncio.sleep(0)
        task.cancel()
    waits = [round((b - a) / 60) for a, b in pairwise(looks)]
    assert waits == [2, 4, 8, 15, 15, 15, 15, 15, 0, 1, 1]
    assert "@" not in str(logs)
