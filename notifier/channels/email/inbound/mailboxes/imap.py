"""An IMAP folder in which bounces arrive.

Each look opens a session of its own, so there is none to lose in between. A message gets the flag *seen* once
it is on record; what is too big is flagged for a person and left unseen. Nothing is moved or deleted.
"""

from __future__ import annotations

import asyncio

from notifier.channels.email.inbound.delivering import Deliver
from notifier.channels.email.inbound.mailboxes.imap_session import ImapSession
from notifier.channels.email.inbound.mailboxes.polling import Bringing, Polled
from notifier.settings import InboundSettings

_AT_ONCE = 200
_TIMEOUT = 30.0


class ImapPoller:
    """Reads one folder. ``timeout`` are the seconds to wait for one answer of the server."""

    def __init__(self, settings: InboundSettings, deliver: Deliver, *, timeout: float = _TIMEOUT) -> None:
        self._settings, self._timeout = settings, timeout
        self._bringing = Bringing(deliver)
        self._generation = 0
        self._on_record: set[int] = set()
        """UIDs that are on record, while the server does not know it yet."""

    async def poll(self) -> Polled:
        """Bring the messages that have come; ``MailboxTrouble`` says why that is not possible."""
        opening = asyncio.ensure_future(asyncio.to_thread(ImapSession, self._settings, timeout=self._timeout))
        try:
            session = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_end)
            raise
        try:
            return await self._bring_all(session)
        except asyncio.CancelledError:
            session.cut()  # The thread must not go on waiting for its answer.
            raise
        finally:
            await asyncio.to_thread(session.close)

    async def _bring_all(self, session: ImapSession) -> Polled:
        if session.generation != self._generation:
            self._generation = session.generation
            self._on_record.clear()
        uids = await asyncio.to_thread(session.unread)
        self._on_record.intersection_update(uids)
        aside = 0
        for uid in self._bringing.begin(uids)[:_AT_ONCE]:
            if uid not in self._on_record:
                message = await asyncio.to_thread(session.fetch, uid)
                if message is None:
                    await asyncio.to_thread(session.flag, uid, "\\Flagged")
                    aside += 1
                if not message:
                    continue
                if not await self._bringing.bring(uid, message):
                    if self._bringing.pointless:
                        break
                    continue
                self._on_record.add(uid)
            await asyncio.to_thread(session.flag, uid, "\\Seen")
        more = len(uids) > _AT_ONCE and bool(self._bringing.taken or aside)
        return Polled(self._bringing.taken, self._bringing.failed, aside, more)


def _end(opening: asyncio.Future[ImapSession]) -> None:
    """Close a session that was opened for nobody any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().cut()
