"""Putting on record what a reader did with a banner, with what that says of its delivery: one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notifier.acknowledgements import Assurance, acknowledge
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Disclosure, Event, Json
from notifier.banners.out import MOMENTS, Out, out
from notifier.channels.banner import rules
from notifier.channels.banner.notices import BannerEvent, Reading
from notifier.channels.banner.repository import Facts
from notifier.clock import to_instant
from notifier.deliveries import Happening, State, after
from notifier.keys import Keys, SubjectKey
from notifier.store import Transaction

SEAL_CONTEXT = b"banner"
DISCLOSED = "session"
"""What the audit entry discloses: the token by which the host finds the session."""
_EVENT = (
    *("delivery_id", "member_id", "report", "revision", "event", "at", "form", "locale", "key_id"),
    *("customary_place", "authenticated_at", "was", "became", "sealed", "event_id"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """One reported event."""

    sub: str
    reference: str
    """As the store has it."""
    event: BannerEvent
    at: datetime
    facts: Facts


@dataclass(frozen=True, slots=True)
class _Change:
    """An event about to be put on record, and what it makes of reading and delivery."""

    report: Report
    found: Out
    reading: Reading
    locale: str
    """The notice's, where the page had it in that one."""

    @property
    def was(self) -> State:
        return State(self.found.row.state)

    @property
    def became(self) -> State:
        """The delivery's state afterwards: given out it is taken over, seen it has arrived."""
        if self.report.event is not BannerEvent.SERVED:
            return after(self.was, Happening.DELIVERED)
        return after(self.was, Happening.SERVED) if self.was is State.PLANNED else self.was

    @property
    def moved(self) -> tuple[str, str]:
        """The states before and after; both empty where it keeps its own."""
        return ("", "") if self.was is self.became else (str(self.was), str(self.became))

    def entry(self, tx: Transaction, subject: SubjectKey) -> Event:
        row, said = self.found.row, self.report.facts
        facts: dict[str, Json] = {
            "announcement": row.code,
            "delivery": row.reference,
            "member": row.member,
            "revision": said.revision,
            "digest": bytes(row.digest).hex(),
            "locale": self.locale,
            "form": said.form,
            "key": said.key_id,
            "report_digest": tx.commitment("report", said.event_id),
        }
        if said.customary_place is not None:
            facts["customary_place"] = int(said.customary_place)
        if said.authenticated_at is not None:
            facts["authenticated_at"] = to_instant(said.authenticated_at)
        was, became = self.moved
        if became:
            facts |= {"was": was, "became": became}
        token = [Disclosure(DISCLOSED, {"token": said.token_id})] if said.token_id else []
        action = AuditAction(f"banner:{self.report.event}")
        return Event(action, facts, token, subject if token else None)

    def columns(self, subject: SubjectKey, event_id: str) -> tuple[Any, ...]:
        row, said = self.found.row, self.report.facts
        authenticated = None if said.authenticated_at is None else to_instant(said.authenticated_at)
        sealed = subject.seal(said.token_id.encode(), SEAL_CONTEXT) if said.token_id else None
        return (
            *(row.delivery_id, row.member_id, said.event_id, said.revision, str(self.report.event)),
            *(to_instant(self.report.at), said.form, self.locale, said.key_id),
            *(said.customary_place, authenticated, *self.moved, sealed, event_id),
        )


async def settled(tx: Transaction, keys: Keys, report: Report) -> bool | None:
    """Return what is answered where nothing is to be written, else ``None``."""
    decided = await _decided(tx, keys, report)
    return decided if isinstance(decided, bool) else None


async def record(tx: Transaction, keys: Keys, report: Report) -> bool:
    """Put an event on record; returns whether it is. Others of the same notice wait for this transaction."""
    await _lock(tx, report)
    change = await _decided(tx, keys, report)
    if isinstance(change, bool):
        return change
    subject = change.found.subject(keys)
    (event_id,) = tx.record(change.entry(tx, subject))
    await tx.insert_many("banner_event", _EVENT, [change.columns(subject, event_id)])
    await _keep(tx, change)
    await _move(tx, change)
    if report.event is BannerEvent.ACKNOWLEDGED:
        reference = change.found.row.reference
        await acknowledge(tx, keys, reference=reference, how="banner", assurance=assurance(report))
    return True


def assurance(report: Report) -> Assurance:
    """Return what vouches for the reader, as the host asserts."""
    facts = report.facts
    fresh = rules.vouched(facts.authenticated_at, facts.customary_place, report.at)
    return "fresh-sign-in" if fresh else ""


async def _decided(tx: Transaction, keys: Keys, report: Report) -> bool | _Change:
    known = await tx.scalar(
        "SELECT 1 FROM customer c JOIN audience_member m ON m.customer_id = c.id"
        " JOIN banner_event e ON e.member_id = m.id AND e.report = :report WHERE c.number = :sub",
        sub=report.sub,
        report=report.facts.event_id,
    )
    if known:
        return True
    found = await out(tx, report.sub, reference=report.reference)
    if not found or found[0].row.revision != report.facts.revision:
        return False
    notice = found[0].opened(keys)
    reading = rules.record(notice, report.event, report.at)
    if reading is None:
        return False
    confirmed = report.event is BannerEvent.ACKNOWLEDGED and notice.doubtful and assurance(report)
    if reading == notice.current and not confirmed:
        return True
    said = report.facts.locale
    return _Change(report, found[0], reading, said if said == notice.locale else "")


async def _lock(tx: Transaction, report: Report) -> None:
    """Lock the notice's announcement, then its delivery, as everybody does who changes one. SQLite has one
    writer.
    """
    if tx.dialect != "postgresql":
        return
    named = (
        "FROM customer c JOIN audience_member m ON m.customer_id = c.id JOIN delivery d ON d.member_id = m.id"
        " JOIN announcement a ON a.id = d.announcement_id WHERE c.number = :sub AND d.reference = :reference"
    )
    for locked in ("SHARE OF a", "UPDATE OF d"):
        await tx.rows(f"SELECT d.id {named} FOR {locked}", sub=report.sub, reference=report.reference)


async def _keep(tx: Transaction, change: _Change) -> None:
    """Write how far the reader has come."""
    reading, row = change.reading, change.found.row
    values: dict[str, Any] = {
        name: None if (at := getattr(reading, name)) is None else to_instant(at) for name in MOMENTS
    }
    values |= {"revision": reading.revision, "dismissals": reading.dismissals}
    await tx.write(
        f"INSERT INTO banner_reading (member_id, reference, {', '.join(values)}) VALUES (:member, :reference,"
        f" {', '.join(f':{name}' for name in values)}) ON CONFLICT (member_id, reference) DO UPDATE SET"
        f" {', '.join(f'{name} = excluded.{name}' for name in values)}",
        {**values, "member": row.member_id, "reference": row.reference},
    )


async def _move(tx: Transaction, change: _Change) -> None:
    """Give the delivery its state. One that is merely given out keeps its time: nobody has seen it, and what
    waits for that to be long ago goes on waiting from when it was made.
    """
    _, became = change.moved
    if became:
        await tx.write(
            "UPDATE delivery SET state = :state, changed_at = COALESCE(CAST(:seen AS bigint), changed_at)"
            " WHERE id = :id",
            {
                "state": became,
                "seen": tx.now_us() if became == State.DELIVERED else None,
                "id": change.found.row.delivery_id,
            },
        )
