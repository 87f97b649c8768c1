"""A pipelined session (RFC 2920): one round trip a message, one message in doubt at a time.

MAIL, RCPT and DATA leave in one write; the body follows the 354, and with it, behind the final dot, the
next envelope. Answers come in the order of the commands, so a queue of what was asked says what each one
answers, and only one body is ever unanswered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Literal, cast

from notifier.channels.email.carrier import Owner
from notifier.channels.email.replies import Reply, Stage
from notifier.channels.email.transfer import Offers, Transfer, Unusable, unknown

Asked = Literal["mail", "rcpt", "data", "body", "dot", "rset", "quit"]

_LONGEST_LINE = 4096
_LONGEST_REPLY = 32_768
_CLOSING = 421
_GO_AHEAD = 354


class PipelinedSession(asyncio.Protocol):
    """Takes over a connection that is ready for MAIL."""

    def __init__(self, owner: Owner, offers: Offers) -> None:
        self.offers = offers
        self.bodies = 0
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self.progress_at = self._loop.time()
        self._transport: asyncio.Transport | None = None
        self._asked: deque[tuple[Asked, Transfer | None]] = deque()
        self._envelope: Transfer | None = None
        """The transfer whose MAIL, RCPT and DATA are out."""
        self._named = False
        """Whether its reader was accepted."""
        self._refusal: tuple[Stage, Reply] | None = None
        self._dot_at = 0.0
        self._dirty = self._retiring = self._limit = self._body_just_left = False
        self._partial = b""
        self._lines: list[str] = []
        self._watch: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether an answer is outstanding."""
        return bool(self._asked)

    @property
    def free(self) -> bool:
        """Whether an envelope may be written: none is out, at most a body before it."""
        return (
            self._envelope is None
            and not self._retiring
            and self._transport is not None
            and not self._transport.is_closing()
        )

    def start(self, transfer: Transfer) -> None:
        """Write the envelope of a transfer, behind the body that is out, if one is."""
        if self._transport:
            self._transport.write(self._asking(transfer))
            self.progress_at = self._loop.time()

    def retire(self) -> None:
        """Take no more transfers; QUIT once the ones under way have ended."""
        if self._retiring:
            return
        self._retiring = True
        if not self._asked:
            self._quit()

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to watch the time."""
        self._transport = cast("asyncio.Transport", transport)
        self._check_time()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is under way: the body that was begun is in doubt, the envelope goes back."""
        self._lose("connection-lost", str(exc) if exc else "The relay closed the connection.")

    def data_received(self, data: bytes) -> None:
        """Pair each whole answer with what was asked."""
        self.progress_at = self._loop.time()
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()
        if len(self._partial) > _LONGEST_LINE:
            self._lose("bad-reply", "The relay sent an endless line.")
        self._body_just_left = False
        for line in lines:
            if self._transport is None:
                return
            if self._body_just_left:
                # It came together with the 354, so it cannot be about the body.
                self._lose("bad-reply", "The relay answered before it could have been asked.")
                return
            if not line[:3].isdigit() or line[3:4] not in b"- \r":
                self._lose("bad-reply", "The relay sent something that is no answer.")
                return
            self._lines.append(line[4:].decode("utf-8", "replace").strip())
            if line[3:4] == b"-":
                if sum(map(len, self._lines)) + 8 * len(self._lines) > _LONGEST_REPLY:
                    self._lose("bad-reply", "The relay sent an endless answer.")
                continue
            reply = Reply(int(line[:3]), "\n".join(self._lines) if len(self._lines) > 1 else self._lines[0])
            self._lines.clear()
            self._answer(reply)

    def _asking(self, transfer: Transfer) -> bytes:
        self._envelope, self._refusal, self._named = transfer, None, False
        commands = transfer.commands(self.offers)
        if self._dirty:
            # Whatever is left of a refused transaction would make the next MAIL a nested one.
            self._dirty = False
            self._asked.append(("rset", None))
            commands = b"RSET\r\n" + commands
        self._asked.extend((("mail", transfer), ("rcpt", transfer), ("data", transfer)))
        return commands

    def _answer(self, reply: Reply) -> None:
        if not self._asked:
            self._unasked(reply)
        elif not _fits(self._asked[0][0], reply.code):
            self._lose("bad-reply", f"The relay answered {reply.code} where that means nothing.")
        else:
            asked, transfer = self._asked.popleft()
            if reply.code == _CLOSING and asked != "quit":
                self._told_to_leave(asked, transfer, reply)
            else:
                self._answered(asked, transfer, reply)
            if not self._asked and self._transport:
                self._rest()

    def _answered(self, asked: Asked, transfer: Transfer | None, reply: Reply) -> None:
        if asked == "body" and transfer:
            self._owner.timed(self._loop.time() - self._dot_at)
            self._owner.ended(transfer, "body", reply)
        elif asked in ("mail", "rcpt"):
            if reply.code // 100 == 2:
                self._named = asked == "rcpt"
            elif self._refusal is None:
                self._refusal = (cast("Stage", asked), reply)
        elif asked == "data" and transfer:
            self._data_answered(transfer, reply)
        elif asked == "quit" or (asked == "rset" and reply.code // 100 != 2):
            self._close()

    def _data_answered(self, transfer: Transfer, reply: Reply) -> None:
        refusal = self._refusal or (None if reply.code == _GO_AHEAD else ("data", reply))
        if refusal is None and transfer.stale(self._loop.time()):
            # The relay waits for a body that must not be begun; only closing avoids an empty message.
            self._lose("too-late", "The hand-over was no longer allowed to begin.")
        elif refusal is None:
            self._write_body(transfer)
        else:
            self._envelope = None
            self._dirty = True
            self._owner.ended(transfer, *refusal)
            if reply.code == _GO_AHEAD:
                self._end_empty_data()

    def _end_empty_data(self) -> None:
        """End a DATA that was accepted though nobody is to get it: a lone dot (RFC 2920, section 3.1)."""
        if self._named:
            self._lose("bad-reply", "The relay refused the sender, yet would take the message.")
        elif self._transport:
            self._transport.write(b".\r\n")
            self._asked.append(("dot", None))

    def _write_body(self, transfer: Transfer) -> None:
        if self._transport is None or self._transport.is_closing():
            return  # connection_lost will take the transfer back.
        self._envelope = None
        self.bodies += 1
        self._asked.append(("body", transfer))
        following = None if self._retiring else self._owner.pull(self)
        data = transfer.body()
        if following:
            data += self._asking(following)
        transfer.begun = self._body_just_left = True
        self._transport.write(data)
        self._dot_at = self.progress_at = self._loop.time()
        if following is None and not self._retiring:
            self._owner.available(self)

    def _rest(self) -> None:
        if self._retiring:
            self._quit()
        elif following := self._owner.pull(self):
            self.start(following)
        elif self.free:
            self._owner.available(self)

    def _told_to_leave(self, asked: Asked, transfer: Transfer | None, reply: Reply) -> None:
        """421: the relay closes. It answers what it was asked, and nothing after it."""
        self._limit = asked == "mail" and self.bodies > 0
        ended = None if self._limit else transfer
        if ended and asked == "body":
            self._owner.ended(ended, "body", reply)
        elif ended:
            self._owner.ended(ended, *(self._refusal or (cast("Stage", asked), reply)))
        self._lose("connection-lost", "The relay closed the connection.", ended)

    def _unasked(self, reply: Reply) -> None:
        if reply.code == _CLOSING:
            self._close()
        else:
            self._lose("bad-reply", "The relay answered something it was not asked.")

    def _lose(self, reason: str, text: str, ended: Transfer | None = None) -> None:
        """Cut the connection; settle as unknown what was begun, give back what was not, once."""
        if self._transport is None:
            return
        transport, self._transport = self._transport, None
        transport.abort()
        if self._watch:
            self._watch.cancel()
        early = self.bodies == 0 and any(asked == "mail" for asked, _ in self._asked)
        under_way = dict.fromkeys(transfer for _, transfer in self._asked if transfer)
        if self._envelope:
            under_way[self._envelope] = None
        self._asked.clear()
        self._envelope = None
        self._owner.gone(self, limit=self._limit)
        for transfer in under_way:
            if transfer.begun:
                transfer.settle(unknown(self._owner.name, reason, text))
            elif transfer is not ended:
                self._owner.returned(transfer, Unusable(reason, text, early=early))

    def _close(self) -> None:
        if self._transport:
            self._transport.close()

    def _quit(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._asked.append(("quit", None))
            self._transport.write(b"QUIT\r\n")

    def _check_time(self) -> None:
        """Give up on a relay that does not answer, and part from one that is not needed."""
        if self._transport is None:
            return
        silent = self._loop.time() - self.progress_at
        if self._asked and silent >= self._owner.timeout:
            self._lose("no-answer", "The relay did not answer in time.")
            return
        if not self._asked and silent >= self._owner.idle_seconds:
            self.retire()
        step = min(self._owner.timeout, self._owner.idle_seconds)
        self._watch = self._loop.call_later(step, self._check_time)


def _fits(asked: Asked, code: int) -> bool:
    """Say whether ``code`` can answer a command: yes or no, and after DATA go ahead or no.

    Guessing what else a relay might mean could end in a message that nobody wrote.
    """
    if asked == "data":
        return code == _GO_AHEAD or code // 100 in (4, 5)
    return code // 100 in (2, 4, 5)
