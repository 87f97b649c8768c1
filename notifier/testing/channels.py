"""Channels for tests: one that remembers, one that follows a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from notifier.channels import Envelope, Finding, Outcome, OutcomeKind, ignore

ACCEPTED = Outcome(OutcomeKind.ACCEPTED, code=250, enhanced="2.0.0", text="Ok: queued", relay="test")


class ScriptedChannel:
    """Answers each recipient with the next outcome of its script, then with ``ACCEPTED`` for ever.

    ``sent`` lists every envelope it was given, in order: what a recording channel would keep.
    """

    name = "email"

    def __init__(self, script: Mapping[str, Sequence[Outcome | Exception]] | None = None) -> None:
        self.sent: list[Envelope] = []
        self._script = {recipient: list(outcomes) for recipient, outcomes in (script or {}).items()}
        self.down = False
        """Whether it knows that nothing can be handed over now."""
        self.gate: asyncio.Event | None = None
        """Where set, every hand-over waits for it before it is answered."""

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""

    def answer(self, recipient: str, *outcomes: Outcome | Exception) -> None:
        """Add outcomes to a recipient's script."""
        self._script.setdefault(recipient, []).extend(outcomes)

    def usable(self) -> bool:
        """Say what ``down`` says."""
        return not self.down

    def check(self, envelope: Envelope) -> Sequence[Finding]:
        """Carry everything."""
        del envelope
        return ()

    async def send(self, envelope: Envelope, settled: Callable[[Outcome], None] = ignore) -> Outcome:
        """Answer as the script says; an exception in the script is raised, as a broken channel would."""
        self.sent.append(envelope)
        if self.gate is not None:
            await self.gate.wait()
        waiting = self._script.get(envelope.recipient)
        answer = waiting.pop(0) if waiting else ACCEPTED
        if isinstance(answer, Exception):
            raise answer
        settled(answer)
        return answer
