"""From rows to messages: what a batch needs in memory to hand its next deliveries over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import orjson
from sqlalchemy import Row

from notifier import notices
from notifier.acknowledgements import ACKNOWLEDGED
from notifier.clock import from_instant
from notifier.deliveries import State
from notifier.engine.attempts import RELAY_DOWN
from notifier.engine.batches import UNREADABLE, Ending, Lease, Opening
from notifier.engine.windows import FALLBACK_ZONE, MINUTE, Window
from notifier.errors import StoreError
from notifier.escalation.choosing import unwanted
from notifier.keys import Keys, SubjectKey
from notifier.plans import MANDATORY_KIND
from notifier.precedence import BEFORE
from notifier.store import Store
from notifier.suppressions import LegalClass

SIGNATURE_CONTEXT = b"signature"
LOOK_AGAIN = 5 * MINUTE
"""How long an update waits before it is asked again whether its reader's earlier notice has left."""
_DICTIONARIES = 100
"""Kept at most: a service that runs for years sends many announcements."""

_COMPLAINED = (
    f"CASE WHEN a.kind <> '{MANDATORY_KIND}' THEN {unwanted(LegalClass.VOLUNTARY, reminder=False)}"
    f" WHEN d.occasion LIKE 'reminder-%' THEN {unwanted(LegalClass.MANDATORY, reminder=True)} ELSE false END"
)
"""Of a delivery ``d`` of ``a`` to ``p``: its reader takes such notices, or reminders, for spam."""
_TRIES = "FROM attempt t WHERE t.delivery_id = d.id AND t.reason <> :down"


Zones = Callable[[str], Sequence[str]]
"""Gives the IANA time zones in which the owner of an address may live; none where it does not tell."""


class Finisher(Protocol):
    """Puts the last header fields before a notice: those that are fixed when it is first handed over."""

    def finish(self, message: bytes, date: datetime, kept: bytes | None) -> tuple[bytes, bytes | None]:
        """Return the complete message for ``date``, and its signature fields where there are any.

        ``kept`` are the signature fields of an earlier attempt: they are used again, byte for byte.
        """
        ...

    def return_path(self, reference: str, attempt: int) -> str:
        """Return the envelope sender that carries the signed token of one attempt."""
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A delivery ready to be opened and handed over."""

    delivery_id: int
    reference: str
    member: str
    customer: str
    attempt: int
    tries: int
    """Attempts before this one in which a relay could be used."""
    tried_since: int | None
    """When the first of them was opened."""
    message_date: int
    first_time: bool
    recipient: str
    return_path: str
    site: str
    time_zone: str
    content: bytes
    subject: SubjectKey
    signature: bytes | None
    closes: int | None = None
    """When the hours end in which its reader is written to, where the plan has such hours."""

    def opening(self) -> Opening:
        """Return what opening its attempt writes."""
        kept = (
            self.subject.seal(self.signature, SIGNATURE_CONTEXT)
            if self.signature and self.first_time
            else None
        )
        return Opening(self.delivery_id, self.reference, self.message_date, kept)


@dataclass(frozen=True, slots=True)
class Policy:
    """What becomes of a delivery whose answer was lost."""

    hold_unknown: bool
    unknown_most: int


@dataclass(frozen=True, slots=True)
class Part:
    """What becomes of some deliveries that are due: handed over, ended or held, or at a later instant."""

    prepared: list[Prepared]
    endings: list[Ending]
    later: list[tuple[int, int]]


class Loader:
    """Loads the deliveries of one batch. Dictionaries are few and kept; messages are not."""

    def __init__(
        self, store: Store, keys: Keys, finisher: Finisher, policy: Policy, zones: Zones | None = None
    ) -> None:
        self._store = store
        self._keys = keys
        self._finisher = finisher
        self._policy = policy
        self._zones = zones
        self._dictionaries: dict[int, bytes] = {}

    async def due(self, lease: Lease, now: int) -> list[int]:
        """Return the ids of the batch's deliveries that are due, those in doubt last."""
        async with self._store.read() as tx:
            rows = await tx.rows(
                "SELECT id FROM delivery WHERE batch_id = :batch AND due_at <= :now "
                "AND state IN ('planned', 'deferred', 'unknown') "
                "ORDER BY CASE WHEN state = 'unknown' THEN 1 ELSE 0 END, due_at, id",
                batch=lease.batch_id,
                now=now,
            )
        return [row.id for row in rows]

    async def prepare(
        self,
        ids: Sequence[int],
        now: int,
        window: Window | None = None,
        *,
        required: Collection[int] = (),
    ) -> Part:
        """Return the messages of these deliveries, those that end or are held instead, and those whose
        readers are outside their ``window`` at this moment or have an earlier notice on its way.

        Later steps of the channel plan end where the reader has acknowledged, but for the ``required`` ones.
        """
        async with self._store.read() as tx:
            source = tx.recordset("ids", "v", id="bigint")
            rows = await tx.rows(
                "SELECT d.id, d.reference, d.step, d.state, d.attempts, d.message_date, d.signature, "
                "m.uid AS member, m.time_zone, c.uid, c.number, k.wrapped, "
                "n.sealed, n.dictionary_id, n.digest, p.site, "
                "CASE WHEN b.member_id IS NOT NULL THEN 'compromised' "
                f"WHEN p.state = 'usable' AND {_COMPLAINED} THEN 'complained' ELSE p.state END AS point, "
                f"CASE WHEN d.step <> 0 AND {ACKNOWLEDGED} THEN 1 ELSE 0 END AS acknowledged, "
                f"CASE WHEN d.attempts > 0 THEN 'told' ELSE {BEFORE} END AS before, "
                f"CASE WHEN d.attempts > 0 THEN (SELECT count(*) {_TRIES}) ELSE 0 END AS tries, "
                f"CASE WHEN d.attempts > 0 THEN (SELECT min(t.opened_at) {_TRIES}) END AS tried_since "
                f"FROM {source} JOIN delivery d ON d.id = v.id JOIN notice n ON n.id = d.notice_id "
                "JOIN audience_member m ON m.id = d.member_id JOIN customer c ON c.id = d.customer_id "
                "JOIN contact_point p ON p.id = d.contact_point_id "
                "JOIN announcement a ON a.id = d.announcement_id "
                "LEFT JOIN barred_point b ON b.member_id = d.member_id "
                "AND b.contact_point_id = d.contact_point_id "
                # The notice is sealed for the person it is about; a guardian may be the one it goes to.
                "LEFT JOIN subject_key k ON k.customer_id = d.customer_id",
                ids=orjson.dumps([{"id": one} for one in ids]).decode(),
                down=RELAY_DOWN,
            )
            if len(self._dictionaries) > _DICTIONARIES:
                self._dictionaries.clear()
            for missing in {row.dictionary_id for row in rows} - self._dictionaries.keys():
                content = await tx.scalar("SELECT content FROM notice_dictionary WHERE id = :id", id=missing)
                self._dictionaries[missing] = bytes(content)
        part = Part([], [], [])
        rank = {delivery_id: place for place, delivery_id in enumerate(ids)}
        for row in sorted(rows, key=lambda row: rank[row.id]):
            if ending := self._instead(row, required):
                part.endings.append(ending)
                continue
            if row.before == "waits":
                part.later.append((row.id, now + LOOK_AGAIN))
                continue
            told_by_address = self._zones is not None and not row.time_zone
            if window and not told_by_address and (opening := window.next(now, row.time_zone)) > now:
                part.later.append((row.id, opening))
                continue
            try:
                one = self._open(row, now)
            except StoreError:
                part.endings.append(Ending(row.id, row.reference, row.member, State.SUPPRESSED, UNREADABLE))
                continue
            if window:
                zones = self._zones_of(one.recipient) if told_by_address else (row.time_zone,)
                if told_by_address and (opening := window.next_in_all(now, zones)) > now:
                    part.later.append((row.id, opening))
                    continue
                one = replace(one, closes=min(window.closing(now, zone) for zone in zones))
            part.prepared.append(one)
        return part

    def _zones_of(self, recipient: str) -> Sequence[str]:
        """Return where somebody may live of whom no time zone is on file."""
        return (self._zones(recipient) if self._zones else ()) or (FALLBACK_ZONE,)

    def _instead(self, row: Row[Any], required: Collection[int]) -> Ending | None:
        if row.acknowledged and row.step not in required:
            return Ending(row.id, row.reference, row.member, State.SUPPRESSED, "acknowledged")
        if row.point != "usable":
            return Ending(row.id, row.reference, row.member, State.SUPPRESSED, f"contact-point-{row.point}")
        if row.wrapped is None:
            return Ending(row.id, row.reference, row.member, State.SUPPRESSED, "erased")
        if row.before == "never":
            return Ending(row.id, row.reference, row.member, State.SUPPRESSED, "never-told")
        if row.state == State.UNKNOWN and (
            self._policy.hold_unknown or row.tries >= self._policy.unknown_most
        ):
            return Ending(row.id, row.reference, row.member, State.HELD, "answer-lost")
        return None

    def _open(self, row: Row[Any], now: int) -> Prepared:
        subject = self._keys.subject(row.uid, row.wrapped)
        packed = subject.open(row.sealed, notices.SEAL_CONTEXT)
        recipient, message = notices.unpack(packed, self._dictionaries[row.dictionary_id])
        if notices.keyed_digest(message, self._keys.index) != row.digest:
            raise StoreError("a notice does not match its digest")
        first_time = row.message_date is None
        date = now if first_time else row.message_date
        kept = subject.open(row.signature, SIGNATURE_CONTEXT) if row.signature else None
        content, signature = self._finisher.finish(message, from_instant(date), kept)
        return Prepared(
            delivery_id=row.id,
            reference=row.reference,
            member=row.member,
            customer=row.number,
            attempt=row.attempts + 1,
            tries=row.tries,
            tried_since=row.tried_since,
            message_date=date,
            first_time=first_time,
            recipient=recipient,
            return_path=self._finisher.return_path(row.reference, row.attempts + 1),
            site=row.site,
            time_zone=row.time_zone,
            content=content,
            subject=subject,
            signature=signature,
        )
