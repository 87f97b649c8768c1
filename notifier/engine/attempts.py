"""Closed attempts: the row, the audit entry, and what the outcome does to the delivery."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Disclosure, Event, Json
from notifier.channels import Outcome, OutcomeKind
from notifier.deliveries import State
from notifier.keys import SubjectKey
from notifier.store import Transaction
from notifier.suppressions import Reason, Standing, suppress

RESPONSE_CONTEXT = b"response"
_STANDINGS = {
    Reason.DEAD: Standing("answer", "refused by the receiving server"),
    Reason.STOPPED: Standing("answer", "its owner told the carrier to stop"),
}
ADDRESS_DEAD = "address-dead"
INTERRUPTED = "interrupted"
RELAY_DOWN = "relay-down"
"""No relay could be used, so the message never left: an attempt on record that is no try of the reader's. The
channel says so too once a relay keeps answering that the trouble is with us (5.7.x).
"""

_ACTIONS = {
    OutcomeKind.ACCEPTED: AuditAction.ATTEMPT_ACCEPTED,
    OutcomeKind.DEFERRED: AuditAction.ATTEMPT_DEFERRED,
    OutcomeKind.REJECTED: AuditAction.ATTEMPT_REJECTED,
    OutcomeKind.UNKNOWN: AuditAction.ATTEMPT_UNKNOWN,
}
_COLUMNS = (
    "delivery_id", "number", "opened_at", "closed_at", "outcome", "code", "enhanced", "relay", "reason",
    "sealed", "event_id", "carrier_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settled:
    """An attempt whose outcome is known, with everything that is written down about it."""

    delivery_id: int
    reference: str
    number: int
    opened_at: int
    member: str
    code: str
    """The announcement's."""
    outcome: Outcome
    state: State
    due_at: int
    subject: SubjectKey | None = None
    recipient: str = ""
    customer: str = ""
    content: bytes = b""
    channel: str = "email"
    digest: str = ""
    """SHA-256, in hex, of what was handed over, where that is not ``content`` itself: of a letter's pages."""

    def refused_for(self, reason: str) -> bool:
        """Say whether it was refused, for this reason."""
        return self.outcome.kind is OutcomeKind.REJECTED and self.outcome.reason == reason

    @classmethod
    def interrupted(
        cls,
        *,
        delivery_id: int,
        reference: str,
        number: int,
        opened_at: int,
        member: str,
        code: str,
        channel: str,
    ) -> Settled:
        """Make the record of an attempt that its worker never closed."""
        outcome = Outcome(OutcomeKind.UNKNOWN, reason=INTERRUPTED)
        return cls(
            *(delivery_id, reference, number, opened_at, member, code, outcome, State.UNKNOWN, 0),
            channel=channel,
        )

    def event(self) -> Event:
        """Return the audit entry: codes in the clear, address, digest and reply as disclosures."""
        outcome = self.outcome
        facts: dict[str, Json] = {
            "announcement": self.code,
            "delivery": self.reference,
            "member": self.member,
            "channel": self.channel,
            "attempt": self.number,
            "code": outcome.code,
            "enhanced": outcome.enhanced,
            "relay": outcome.relay,
            "reason": outcome.reason,
        }
        if self.state is State.EXPIRED:
            facts["then"] = "expired"
        if self.subject is None:
            return Event(_ACTIONS[outcome.kind], facts)
        recipient: Mapping[str, Json] = {
            "address": self.recipient,
            "customer": self.customer,
            "digest": self.digest or hashlib.sha256(self.content).hexdigest(),
        }
        disclosures = [Disclosure("recipient", recipient)]
        if outcome.text:
            disclosures.append(Disclosure("response", {"text": self._reply().decode()}))
        return Event(_ACTIONS[outcome.kind], facts, disclosures, self.subject)

    def sealed_reply(self) -> bytes | None:
        """Return the server's reply text, sealed; ``None`` where there is none."""
        if self.subject is None or not self.outcome.text:
            return None
        return self.subject.seal(self._reply(), RESPONSE_CONTEXT)

    def _reply(self) -> bytes:
        """Return the reply as UTF-8, whatever a channel has read: what a server writes stops no commit."""
        return self.outcome.text.encode("utf-8", "replace")


async def record_attempts(tx: Transaction, settled: Sequence[Settled]) -> None:
    """Write the attempt rows and their audit entries."""
    if not settled:
        return
    event_ids = tx.record(*(one.event() for one in settled))
    now = tx.now_us()
    await tx.insert_many(
        "attempt",
        _COLUMNS,
        [
            (
                one.delivery_id, one.number, one.opened_at, now, str(one.outcome.kind), one.outcome.code,
                one.outcome.enhanced, one.outcome.relay, one.outcome.reason, one.sealed_reply(), event_id,
                one.outcome.carrier_id,
            )
            for one, event_id in zip(settled, event_ids, strict=True)
        ],
    )  # fmt: skip


async def mark_dead(tx: Transaction, settled: Sequence[Settled]) -> None:
    """Mark the addresses that the receiving side says do not exist, or whose owners have stopped us."""
    for answered, reason in ((ADDRESS_DEAD, Reason.DEAD), (Reason.STOPPED, Reason.STOPPED)):
        found = [{"id": one.delivery_id} for one in settled if one.refused_for(answered)]
        if found:
            points = await tx.rows(
                f"SELECT d.contact_point_id AS id FROM {tx.recordset('rows', 'v', id='bigint')}"
                " JOIN delivery d ON d.id = v.id",
                rows=orjson.dumps(found).decode(),
            )
            await suppress(tx, [row.id for row in points], reason, _STANDINGS[reason])
