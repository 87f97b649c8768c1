"""The e-mail channel: relays in order, limits, and one outcome for each message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from notifier.channels import Envelope, Finding, Outcome, OutcomeKind, ignore
from notifier.channels.circuit import Trouble
from notifier.channels.email.address import domain_of, wire_address
from notifier.channels.email.pool import Pool
from notifier.channels.email.replies import Verdict
from notifier.channels.email.text import UnsafeText
from notifier.channels.email.transfer import Transfer, Unusable, deferred
from notifier.channels.pace import Limiter, Pace
from notifier.channels.under_way import UnderWay
from notifier.settings import EmailSettings, RelaySettings

_LONGEST_WAIT = 5.0
"""Seconds that ``send`` waits for its turn; beyond that the message is deferred."""
_NO_RELAY_WAIT = 30.0


class EmailChannel:
    """Hands messages over to the relays of ``settings``, in their order.

    A relay that cannot be used is passed over; with none left the outcome is ``deferred``, reason
    ``relay-down``, and the message certainly never left. ``relays`` replaces those of the settings: a drill
    gives the loopback sink and nothing else.
    """

    name = "email"

    def __init__(
        self,
        settings: EmailSettings,
        *,
        relays: Sequence[RelaySettings] | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        self._relays = tuple(settings.relays if relays is None else relays)
        self._sites = settings.site_per_second
        rates = {f"site:{domain.lower()}": rate for domain, rate in self._sites.items()}
        rates |= {f"relay:{relay.name}": relay.per_second for relay in self._relays if relay.per_second}
        self._limiter: Limiter = limiter or Pace(rates)
        self._helo_name = settings.helo_name
        self._pools: list[Pool] = []
        self._under_way = UnderWay()

    async def __aenter__(self) -> Self:
        """Get ready; no connection is opened before the first message."""
        self._pools = [
            Pool(
                relay,
                helo_name=self._helo_name,
                alone=len(self._relays) == 1,
                slow=partial(self._slow, f"relay:{relay.name}"),
            )
            for relay in self._relays
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the hand-overs under way end, then say goodbye to the relays."""
        await self._under_way.wait()
        await asyncio.gather(*(pool.close() for pool in self._pools))

    def usable(self) -> bool:
        """Say whether a relay may be used now, or may be tried again."""
        return any(not pool.circuit.remaining for pool in self._pools)

    def check(self, envelope: Envelope) -> Sequence[Finding]:
        """List what cannot be carried: a wrong address, stray line ends, more than one reader."""
        return self._inspect(envelope)[1]

    def _inspect(self, envelope: Envelope) -> tuple[str, Sequence[Finding]]:
        """Return the recipient as it goes over the wire, and what stands against the envelope."""
        findings = []
        recipient = ""
        try:
            recipient = wire_address(envelope.recipient)
        except UnsafeText as refusal:
            findings.append(Finding("address-invalid", str(refusal)))
        try:
            wire_address(envelope.return_path)
        except UnsafeText as refusal:
            findings.append(Finding("return-path-invalid", str(refusal)))
        content = envelope.content
        unbroken = content.replace(b"\r\n", b"")
        if b"\n" in unbroken or b"\r" in unbroken:
            findings.append(Finding("stray-line-end", "A line of the message does not end with CR LF."))
        if b"\0" in content:
            findings.append(Finding("stray-nul", "The message holds a NUL byte."))
        head = b"\r\n" + content[: content.find(b"\r\n\r\n")].lower()
        if head.count(b"\r\nto:") != 1 or b"\r\ncc:" in head or b"\r\nbcc:" in head:
            findings.append(Finding("not-one-reader", "The message has not exactly one To, or copies."))
        if not recipient.isascii() and self._nobody_speaks_utf8():
            findings.append(Finding("needs-smtputf8", "The address needs SMTPUTF8; no relay offers it."))
        return recipient, findings

    def _nobody_speaks_utf8(self) -> bool:
        """Say whether every relay is known, and known not to offer SMTPUTF8."""
        known = [pool.offers for pool in self._pools if pool.offers]
        return 0 < len(known) == len(self._pools) and not any(offers.smtputf8 for offers in known)

    def troubles(self) -> Sequence[Trouble]:
        """List the relays that cannot be used at present."""
        instead = next((pool.name for pool in self._pools if not pool.circuit.troubled), "")
        return [
            Trouble(pool.name, pool.circuit.text, pool.circuit.troubled_for, instead)
            for pool in self._pools
            if pool.circuit.troubled
        ]

    async def send(self, envelope: Envelope, settled: Callable[[Outcome], None] = ignore) -> Outcome:
        """Hand over once."""
        recipient, findings = self._inspect(envelope)
        if findings:
            outcome = Outcome(
                OutcomeKind.REJECTED, text=findings[0].detail, reason=findings[0].code, handed_over=False
            )
            settled(outcome)
            return outcome
        transfer = Transfer(envelope, recipient, settled)
        with self._under_way:
            try:
                return await self._hand_over(transfer)
            except asyncio.CancelledError:
                transfer.cancel("")
                raise

    async def _hand_over(self, transfer: Transfer) -> Outcome:
        result = await self._offer(transfer)
        for _ in self._pools:
            if isinstance(result, Outcome):
                return result
            verdicts = [verdict for pool in self._pools if (verdict := pool.verdict())]
            if not verdicts:
                break
            # None has taken it, but it is being found out whether one can be used.
            await asyncio.wait(verdicts, return_when=asyncio.FIRST_COMPLETED)
            result = await self._offer(transfer)
        if isinstance(result, Outcome):
            return result
        if result.final:
            outcome = Outcome(OutcomeKind.REJECTED, text=result.text, reason=result.reason, handed_over=False)
        elif result.outcome:
            outcome = result.outcome
        else:
            outcome = deferred("", "relay-down", result.text, result.retry_after)
        return self._end(transfer, outcome)

    async def _offer(self, transfer: Transfer) -> Outcome | Unusable:
        """Ask each relay in turn; return why the last one did not begin, if none did."""
        last = Unusable("relay-down", "No relay is set up.", _NO_RELAY_WAIT)
        site = self._site(transfer)
        for pool in self._pools:
            if why := pool.unusable():
                last = last if last.final else why
                continue
            wait = await self._limiter.permit((f"relay:{pool.name}", site), self._patience(transfer))
            if wait:
                return self._end(transfer, deferred(pool.name, "throttled", "Our own limit.", wait))
            result = await pool.hand_over(transfer)
            if isinstance(result, Outcome):
                return result
            if not last.final or result.final:
                last = result
        return last

    def _end(self, transfer: Transfer, outcome: Outcome) -> Outcome:
        settled = transfer.settled
        transfer.settled = None
        if settled:
            settled(outcome)
        return outcome

    def _patience(self, transfer: Transfer) -> float:
        not_after = transfer.envelope.not_after
        if not_after is None:
            return _LONGEST_WAIT
        return max(0.0, min(_LONGEST_WAIT, not_after - asyncio.get_running_loop().time()))

    def _site(self, transfer: Transfer) -> str:
        """Return the key of the destination's limit: its domain where a setting names it, else its digest."""
        domain = domain_of(transfer.recipient)
        return f"site:{domain if domain in self._sites else transfer.envelope.site or domain}"

    def _slow(self, relay: str, verdict: Verdict, transfer: Transfer, rate: float) -> None:
        if verdict.slows == "relay":
            self._limiter.slow(relay, pause=verdict.asked, rate=rate)
        else:
            self._limiter.slow(self._site(transfer), pause=verdict.asked)
