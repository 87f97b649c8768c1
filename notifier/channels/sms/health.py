"""How Twilio and each sender fare: what is left alone for a while, and how fast the others may go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from notifier.channels import Outcome, OutcomeKind
from notifier.channels.circuit import Circuit, Trouble
from notifier.channels.pace import Limiter, Rate
from notifier.channels.sms.answers import deferred, relay
from notifier.channels.sms.codes import Meaning
from notifier.channels.sms.senders import Sender

PROVIDER = "provider:twilio"


class Health:
    """Circuits and rates of one channel. A sender to one country has a circuit of its own: an account that
    may not write to one country goes on in all others.
    """

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._circuits: dict[str, Circuit] = {}
        self._rates: dict[str, Rate] = {}

    @property
    def remaining(self) -> float:
        """Seconds for which Twilio is left alone; 0 when it may be used."""
        return self._circuit(PROVIDER).remaining

    def troubles(self) -> Sequence[Trouble]:
        """List what cannot be used at present: Twilio, or a sender to a country."""
        return [
            Trouble(name, circuit.text, circuit.troubled_for, "")
            for name, circuit in self._circuits.items()
            if circuit.troubled
        ]

    def held(self, sender: Sender) -> Outcome | None:
        """Return the outcome of a message that must wait, because Twilio or its sender is left alone."""
        provider, own = self._circuit(PROVIDER), self._circuit(sender.label)
        if provider.remaining:
            return deferred(relay(sender), "relay-down", provider.text, provider.remaining)
        if own.remaining:
            return deferred(relay(sender), own.reason, own.text, own.remaining)
        return None

    async def turn(self, sender: Sender, segments: int, longest: float) -> Outcome | None:
        """Wait for the message's turn; return its outcome if that would take too long."""
        wait = await self._limiter.permit((PROVIDER, sender.key), longest, max(1, segments))
        return deferred(relay(sender), "throttled", "Our own limit.", wait) if wait else None

    def unreachable(self, sender: Sender, what: str) -> Outcome:
        """Note that no request could be begun, and return the outcome."""
        circuit = self._circuit(PROVIDER)
        circuit.failed("relay-down", f"Twilio cannot be reached: {what}.")
        return deferred(relay(sender), "relay-down", circuit.text, circuit.remaining)

    def answered(self, sender: Sender, outcome: Outcome, means: Meaning | None) -> None:
        """Draw the consequences of an answer for what comes after it."""
        provider, own = self._circuit(PROVIDER), self._circuit(sender.label)
        for key in (PROVIDER, sender.key):
            self._rate(key).count()
        provider.connected()
        if outcome.kind is OutcomeKind.ACCEPTED:
            provider.accepted()
            own.accepted()
        if means is None or not means.slows:
            return
        circuit, key = (provider, PROVIDER) if means.slows == "provider" else (own, sender.key)
        # A single answer about us may be one reader's case; several in a row are everybody's. Twilio's own
        # words may quote the reader's number and stay out of what is logged and mailed.
        if means.reason != "about-us" or circuit.against_us(f"{outcome.code}: {means.means}"):
            pause = outcome.retry_after if outcome.named else None
            self._limiter.slow(key, pause=pause, rate=self._rate(key).now())

    def _circuit(self, name: str) -> Circuit:
        if name not in self._circuits:
            self._circuits[name] = Circuit(asyncio.get_running_loop().time, name)
        return self._circuits[name]

    def _rate(self, key: str) -> Rate:
        if key not in self._rates:
            self._rates[key] = Rate(asyncio.get_running_loop().time)
        return self._rates[key]
