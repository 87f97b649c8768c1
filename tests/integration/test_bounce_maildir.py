"""The Maildir poller on a real file system: kills, two pollers at once, files that are none."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from notifier.channels.email.inbound.mailboxes import MailboxTrouble, MaildirPoller
from tests.inlets import BOUNCE, PATH, Keeper

MOST = 100_000


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    """An empty Maildir."""
    for part in ("new", "cur", "tmp"):
        (tmp_path / "box" / part).mkdir(parents=True)
    return tmp_path / "box"


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _put(maildir: Path, *names: str, message: bytes = BOUNCE) -> None:
    for name in names:
        (maildir / "new" / name).write_bytes(message)


async def test_messages_are_brought_and_then_seen(maildir: Path) -> None:
    """With the envelope recipient that the server noted; files of programs at work are left alone."""
    message = b"Delivered-To: " + PATH.encode() + b"\r\n" + BOUNCE
    _put(maildir, "1.a.host", "2.b.host", message=message)
    _put(maildir, ".not-yet")
    keeper = Keeper()
    polled = await MaildirPoller(maildir, keeper, most_bytes=MOST).poll()
    assert (polled.taken, polled.failed, polled.aside, polled.more) == (2, 0, 0, False)
    assert keeper.kept == [(message, (PATH,))] * 2
    assert _names(maildir / "cur") == ["1.a.host:2,S", "2.b.host:2,S"]
    assert _names(maildir / "new") == [".not-yet"]


async def test_what_cannot_be_recorded_stays(maildir: Path) -> None:
    """Nothing is moved, and after three in a row the store is left in peace."""
    _put(maildir, *(f"{number}.x" for number in range(9)))
    keeper = Keeper()
    keeper.failing = RuntimeError
    poller = MaildirPoller(maildir, keeper, most_bytes=MOST)
    assert (await poller.poll()).failed == 3
    assert len(_names(maildir / "new")) == 9
    keeper.failing = None
    assert (await poller.poll()).taken == 9


async def test_one_that_always_fails_holds_nobody_up(maildir: Path) -> None:
    """It is tried again behind the others."""
    _put(maildir, "1.bad", "2.bad", "3.bad", message=b"bad")
    _put(maildir, *(f"{number}.good" for number in range(4, 9)))
    tried: list[bytes] = []

    async def deliver(message: bytes, _recipients: object) -> None:
        tried.append(message)
        if message == b"bad":
            raise RuntimeError

    poller = MaildirPoller(maildir, deliver, most_bytes=MOST)
    assert (await poller.poll()).taken == 0
    assert (await poller.poll()).taken == 5
    assert _names(maildir / "new") == ["1.bad", "2.bad", "3.bad"]


async def test_what_cannot_be_read_is_put_aside_and_never_deleted(maildir: Path) -> None:
    """Too big, empty, a link, a pipe, a folder: each is moved to .unread as it is."""
    _put(maildir, "1.big", message=b"x" * (MOST + 1))
    _put(maildir, "2.empty", message=b"")
    (maildir / "new" / "3.link").symlink_to("/etc/passwd")
    os.mkfifo(maildir / "new" / "4.pipe")
    (maildir / "new" / "5.folder").mkdir()
    _put(maildir, "6.good")
    keeper = Keeper()
    polled = await MaildirPoller(maildir, keeper, most_bytes=MOST).poll()
    assert (polled.taken, polled.aside) == (1, 5)
    aside = [name.partition(":")[0] for name in _names(maildir / ".unread" / "cur")]
    assert aside == ["1.big", "2.empty", "3.link", "4.pipe", "5.folder"]
    assert (maildir / ".unread" / "cur" / "1.big:2,").stat().st_size == MOST + 1
    assert keeper.kept == [(BOUNCE, ())]


async def test_a_message_never_replaces_another(maildir: Path) -> None:
    """A name that is taken in cur already gets an addition."""
    (maildir / "cur" / "1.a:2,S").write_bytes(b"older")
    _put(maildir, "1.a")
    await MaildirPoller(maildir, Keeper(), most_bytes=MOST).poll()
    assert sorted(path.read_bytes() for path in (maildir / "cur").iterdir()) == sorted([BOUNCE, b"older"])


async def test_two_pollers_on_one_maildir(maildir: Path) -> None:
    """Every message is brought, some perhaps twice, and nothing breaks."""
    names = [f"{number:03}.x" for number in range(100)]
    for name in names:
        _put(maildir, name, message=name.encode())
    keeper = Keeper()
    pollers = [MaildirPoller(maildir, keeper, most_bytes=MOST) for _ in range(2)]
    await asyncio.gather(*(poller.poll() for poller in pollers))
    assert {message.decode() for message, _ in keeper.kept} == set(names)
    assert len(_names(maildir / "cur")) == 100
    assert _names(maildir / "new") == []


async def test_more_than_is_brought_at_once(maildir: Path) -> None:
    """Whoever polls is told that there is more, and gets it at the next look."""
    _put(maildir, *(f"{number}.x" for number in range(501)))
    poller = MaildirPoller(maildir, Keeper(), most_bytes=MOST)
    first, second = await poller.poll(), await poller.poll()
    assert (first.taken, first.more, second.taken, second.more) == (500, True, 1, False)


@pytest.mark.parametrize("missing", ["", "new"])
async def test_a_folder_that_is_no_maildir(maildir: Path, missing: str) -> None:
    """It is trouble with a reason, not an empty mailbox."""
    folder = maildir if missing else maildir / "nowhere"
    if missing:
        (maildir / missing).rmdir()
    with pytest.raises(MailboxTrouble):
        await MaildirPoller(folder, Keeper(), most_bytes=MOST).poll()


_KILLED = """
import asyncio, os, pathlib, signal, sys
from notifier.channels.email.inbound.mailboxes import MaildirPoller

record = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
async def deliver(message, recipients):
    if sys.argv[3] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    os.write(record, message + b"\\n")
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(MaildirPoller(pathlib.Path(sys.argv[1]), deliver, most_bytes=1000).poll())
"""


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_kill_around_the_record_loses_nothing(maildir: Path, tmp_path: Path, moment: str) -> None:
    """Killed before the message is on record, or between that and the move, it is brought once more."""
    _put(maildir, "1.a", message=b"one")
    script = [sys.executable, "-c", _KILLED, str(maildir), str(tmp_path / "record"), moment]
    ended = await asyncio.to_thread(subprocess.run, script, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "record").read_bytes() == (b"one\n" if moment == "after" else b"")
    assert _names(maildir / "new") == ["1.a"]
    keeper = Keeper()
    await MaildirPoller(maildir, keeper, most_bytes=MOST).poll()
    assert keeper.kept == [(b"one", ())]
    assert _names(maildir / "cur") == ["1.a:2,S"]
