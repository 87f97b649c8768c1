"""A Maildir in which bounces arrive (https://cr.yp.to/proto/maildir.html, and Maildir++ for its folders).

A message is read in ``new``, handed on, and moved to ``cur`` with the flag *seen* once it is on record. Two
pollers may work on one Maildir, and either may be killed at any point: a message is then read twice. What
cannot be read is moved to the folder ``.unread`` for a person.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
from contextlib import suppress
from itertools import islice
from pathlib import Path

from notifier.channels.email.inbound.delivering import Deliver
from notifier.channels.email.inbound.mailboxes.polling import Bringing, MailboxTrouble, Polled

_AT_ONCE = 500
_ASIDE = ".unread"


class MaildirPoller:
    """Reads a Maildir; messages of more than ``most_bytes`` are put aside."""

    def __init__(self, folder: Path, deliver: Deliver, *, most_bytes: int) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        self._bringing = Bringing(deliver)

    async def poll(self) -> Polled:
        """Bring the messages that have come; ``MailboxTrouble`` says that the folder is none, or not ours."""
        names, more = await asyncio.to_thread(self._waiting)
        aside = 0
        for name in self._bringing.begin(names):
            message = await asyncio.to_thread(self._read, name)
            if message is None:
                aside += await asyncio.to_thread(self._put_aside, name)
            elif message and await self._bringing.bring(name, message):
                await asyncio.to_thread(self._move, name, self._folder / "cur", ":2,S")
            if self._bringing.pointless:
                break
        more = more and bool(self._bringing.taken or aside)
        return Polled(self._bringing.taken, self._bringing.failed, aside, more)

    def _waiting(self) -> tuple[list[str], bool]:
        """Return names in ``new``, and whether there are more than are brought at once."""
        try:
            with os.scandir(self._folder / "new") as entries:
                visible = (entry.name for entry in entries if entry.name[0] != ".")
                names = list(islice(visible, _AT_ONCE + 1))
            (self._folder / "cur").mkdir(exist_ok=True)
        except OSError as error:
            raise MailboxTrouble(
                f"the Maildir cannot be read: {error.strerror}",
                advice="Check inbound.maildir: the folder that holds new, cur and tmp, ours to write.",
            ) from None
        return sorted(names[:_AT_ONCE]), len(names) > _AT_ONCE

    def _read(self, name: str) -> bytes | None:
        """Return a message; nothing if another poller has taken it, None if it cannot be read."""
        try:
            # Neither follow a link out of the Maildir nor wait for somebody to write into a pipe.
            handle = os.open(self._folder / "new" / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return b""
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            with os.fdopen(handle, "rb", closefd=False) as file:
                message = file.read(self._most_bytes + 1)
        except OSError:
            return None
        finally:
            os.close(handle)
        return message if 0 < len(message) <= self._most_bytes else None

    def _put_aside(self, name: str) -> bool:
        aside = self._folder / _ASIDE
        with suppress(OSError):  # Reported again when the move fails.
            for part in ("tmp", "new", "cur"):
                (aside / part).mkdir(parents=True, exist_ok=True)
            (aside / "maildirfolder").touch()
        return self._move(name, aside / "cur", ":2,")

    def _move(self, name: str, folder: Path, flags: str) -> bool:
        """Move a message out of ``new``; false if another poller was faster. It never replaces another."""
        target = folder / f"{name.partition(':')[0]}{flags}"
        if os.path.lexists(target):
            target = folder / f"{name.partition(':')[0]}_{secrets.token_hex(8)}{flags}"
        try:
            (self._folder / "new" / name).rename(target)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise MailboxTrouble(
                f"a message cannot be moved within the Maildir: {error.strerror}",
                advice="The Maildir's folders must be ours to write.",
            ) from None
        return True
