"""The channel of a drill: it can reach nobody, by construction.

It is built from nothing but the sender's name and address: it starts the loopback sink itself and hands
over to that and to nothing else. Relay and provider settings are never given to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from notifier.channels import Envelope, Finding, Outcome, ignore
from notifier.channels.email.channel import EmailChannel
from notifier.channels.email.scripts import Script
from notifier.channels.email.sink import HOST, LoopbackSink
from notifier.settings import EmailSettings, RelaySettings


class DrillChannel:
    """Hands everything over to a mail catcher of its own on the loopback address.

    ``log`` is the file in which the catcher notes each message; ``scripts`` let it defer or refuse some, as
    real servers do.
    """

    name = "email"

    def __init__(self, *, log: Path | None = None, scripts: Sequence[Script] = ()) -> None:
        self.sink = LoopbackSink(log=log, scripts=scripts)
        self._inner: EmailChannel | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start the catcher."""
        await self._stack.enter_async_context(self.sink)
        relay = RelaySettings(name="drill-sink", host=HOST, port=self.sink.port, tls="none")
        self._inner = await self._stack.enter_async_context(EmailChannel(EmailSettings(relays=(relay,))))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the hand-overs under way end and stop the catcher."""
        await self._stack.aclose()

    def usable(self) -> bool:
        """Say whether the catcher may be used now."""
        return self._inner is not None and self._inner.usable()

    def check(self, envelope: Envelope) -> Sequence[Finding]:
        """List what e-mail cannot carry."""
        return (self._inner or EmailChannel(EmailSettings())).check(envelope)

    async def send(self, envelope: Envelope, settled: Callable[[Outcome], None] = ignore) -> Outcome:
        """Hand over to the catcher."""
        if self._inner is None:
            raise RuntimeError("the drill's channel is not open")
        return await self._inner.send(envelope, settled)
