"""A session with a relay that offers no pipelining: aiosmtplib's commands, one round trip each."""

from __future__ import annotations

import asyncio

import aiosmtplib

from notifier.channels.email.carrier import Owner
from notifier.channels.email.replies import Reply, Stage
from notifier.channels.email.session import abort, cut
from notifier.channels.email.text import readable
from notifier.channels.email.transfer import Offers, Transfer, Unusable, unknown

_CLOSING = 421
_GO_AHEAD = 354


class PlainSession:
    """Carries one transfer after the other; what it reports is what a pipelined session reports."""

    def __init__(self, owner: Owner, offers: Offers, client: aiosmtplib.SMTP) -> None:
        self.offers = offers
        self.bodies = 0
        self._owner = owner
        self._client = client
        self._loop = asyncio.get_running_loop()
        self.progress_at = self._loop.time()
        self._work: asyncio.Task[None] | None = None
        self._retiring = self._gone = False
        self._watch = self._loop.call_later(owner.idle_seconds, self._check_idle)

    @property
    def busy(self) -> bool:
        """Whether an answer is outstanding."""
        return self._work is not None

    @property
    def free(self) -> bool:
        """Whether a transfer may be begun."""
        return self._work is None and not self._retiring and not self._gone and self._client.is_connected

    def start(self, transfer: Transfer) -> None:
        """Begin a transfer."""
        self.progress_at = self._loop.time()
        self._work = self._loop.create_task(self._carry(transfer))

    def retire(self) -> None:
        """Take no more transfers; QUIT once the one under way has ended."""
        if not self._retiring:
            self._retiring = True
            if self._work is None:
                self._work = self._loop.create_task(self._quit())

    def abort(self) -> None:
        """Cut the connection; what waits for an answer hears of it."""
        abort(self._client)

    async def _carry(self, transfer: Transfer) -> None:
        following: Transfer | None = transfer
        while following:
            await self._hand_over(following)
            self.progress_at = self._loop.time()
            if not self._client.is_connected:
                self._leave(limit=False)
            following = None if self._retiring or self._gone else self._owner.pull(self)
        self._work = None
        if self._gone:
            return
        if self._retiring:
            await self._quit()
        else:
            self._owner.available(self)

    async def _hand_over(self, transfer: Transfer) -> None:
        stage: Stage = "mail"
        encoding = "utf-8" if transfer.utf8 else "ascii"
        try:
            options = transfer.options(self.offers).split()
            await self._client.mail(transfer.envelope.return_path, options=options, encoding=encoding)
            stage = "rcpt"
            await self._client.rcpt(transfer.recipient, encoding=encoding)
            stage = "data"
            reply = await self._client.execute_command(b"DATA")
            if reply.code == _GO_AHEAD:
                stage = "body"
                reply = await self._body(transfer)
            if stage == "body" and reply.code // 100 == 2:
                self._owner.ended(transfer, stage, _reply(reply.code, reply.message))
            else:
                await self._refused(transfer, stage, _reply(reply.code, reply.message))
        except aiosmtplib.SMTPResponseException as error:
            await self._refused(transfer, stage, _reply(error.code, error.message))
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            timed_out = isinstance(error, TimeoutError)
            reason = "no-answer" if timed_out else "connection-lost"
            early = stage == "mail" and not self.bodies
            self._lose(transfer, reason, readable(str(error)), early=early)

    async def _body(self, transfer: Transfer) -> aiosmtplib.SMTPResponse:
        protocol = self._client.protocol
        if transfer.stale(self._loop.time()) or protocol is None:
            # The relay waits for a body that must not be begun; only closing avoids an empty message.
            raise aiosmtplib.SMTPServerDisconnected("The hand-over was no longer allowed to begin.")
        data = transfer.body()
        transfer.begun = True
        self.bodies += 1
        protocol.write(data)
        dot_at = self._loop.time()
        reply = await protocol.read_response(timeout=self._owner.timeout)
        self._owner.timed(self._loop.time() - dot_at)
        return reply

    async def _refused(self, transfer: Transfer, stage: Stage, reply: Reply) -> None:
        if reply.code // 100 not in (4, 5):
            self._lose(transfer, "bad-reply", "The relay sent something that is no answer here.")
        elif reply.code == _CLOSING and stage == "mail" and self.bodies:
            self._leave(limit=True)
            self._owner.returned(transfer, Unusable("connection-lost", "The relay closed the connection."))
        else:
            self._owner.ended(transfer, stage, reply)
            await self._clear(reply.code, needed=stage != "body")

    async def _clear(self, code: int, *, needed: bool) -> None:
        """Part from a relay that said 421; else forget what is left of a refused transaction."""
        if code == _CLOSING:
            self._leave(limit=False)
        elif needed:
            try:
                await self._client.rset()
            except (aiosmtplib.SMTPException, OSError, TimeoutError):
                self._leave(limit=False)

    def _lose(self, transfer: Transfer, reason: str, text: str, *, early: bool = False) -> None:
        self._leave(limit=False)
        if transfer.begun:
            transfer.settle(unknown(self._owner.name, reason, text))
        else:
            self._owner.returned(transfer, Unusable(reason, text, early=early))

    def _leave(self, *, limit: bool) -> None:
        if not self._gone:
            self._gone = True
            self._watch.cancel()
            cut(self._client)
            self._owner.gone(self, limit=limit)

    async def _quit(self) -> None:
        try:
            await self._client.quit(timeout=self._owner.idle_seconds)
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            pass
        finally:
            self._leave(limit=False)

    def _check_idle(self) -> None:
        """Part from a relay that is not needed, or that has closed the connection."""
        silent = self._loop.time() - self.progress_at
        if self._work is None and not self._client.is_connected:
            self._leave(limit=False)
        elif self._work is None and silent >= self._owner.idle_seconds:
            self.retire()
        else:
            self._watch = self._loop.call_later(self._owner.idle_seconds, self._check_idle)


def _reply(code: int, message: str) -> Reply:
    return Reply(code, readable(message))
