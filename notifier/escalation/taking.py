"""Going with people through a step, in one transaction: their notices and deliveries, or why not.

Whoever has been settled meanwhile is left out: an answer, a receipt or an acknowledgement may have come while
the notices were being made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.audit.merkle import root
from notifier.audit.steps import skipped_root
from notifier.engine.dispatch import Dispatcher
from notifier.engine.sending import window_of
from notifier.escalation import candidates
from notifier.escalation.candidates import Asked, Candidate, Matter
from notifier.letters import waiting as letters_waiting
from notifier.store import Transaction

NO_BATCH = "done"
"""State of a batch that no worker sends: banners are shown to whoever signs in."""
_NOTICE = (
    *("announcement_id", "member_id", "reference", "channel", "occasion", "locale", "dictionary_id"),
    *("digest", "size", "sealed"),
)


@dataclass(frozen=True, slots=True)
class Notice:
    """What somebody is told in a step."""

    reference: str
    locale: str
    variant: str
    digest: bytes
    size: int
    sealed: bytes
    dictionary: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some people for whom a step was due."""

    taken: int = 0
    skipped: int = 0


async def take(
    tx: Transaction,
    step: Asked,
    made: Sequence[tuple[Candidate, Notice | str]],
    dispatcher: Dispatcher,
    matter: Matter,
) -> Taken:
    """Put the notices of a step on file and make them ready to be handed over; or why they are not made.

    The announcement is held until the end of the transaction: whoever bars a contact point waits for it, and
    then sees what was made. One transaction at a time goes on with the people of an announcement: the worker
    and somebody who sends again see what the other has done.
    """
    if tx.dialect == "postgresql":  # SQLite has one writer.
        await tx.rows(
            "SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))",
            name=f"steps of {step.announcement.id}",
        )
    share = " FOR SHARE" if tx.dialect == "postgresql" else ""
    now = await tx.row(
        f"SELECT state, control, plan FROM announcement WHERE id = :id{share}", id=step.announcement.id
    )
    if now is None or now.state != "released" or now.control != "run":
        return Taken()
    waiting = await candidates.still(tx, step, [one.id for one, _ in made])
    matter_now = await matter(tx, step.announcement)
    waiting -= await candidates.unusable(tx, [one for one, _ in made], matter_now)
    # Who was barred since is found, and skipped, the next time.
    waiting -= await candidates.barred(tx, [one for one, what in made if isinstance(what, Notice)])
    told = [(one, what) for one, what in made if one.id in waiting and isinstance(what, Notice)]
    passed = [(one, what) for one, what in made if one.id in waiting and isinstance(what, str)]
    if told:
        await _tell(tx, step, told, dispatcher)
    if passed and step.number > 0:  # Whom a resend cannot reach stands as before.
        await _skip(tx, step, passed)
    return Taken(len(told), len(passed))


async def _tell(
    tx: Transaction, step: Asked, told: Sequence[tuple[Candidate, Notice]], dispatcher: Dispatcher
) -> None:
    about = step.announcement
    now = tx.now_us()
    window = window_of(about.plan.as_json(), step.channel)
    # Of whom no zone is on file, the number tells it when the text is made ready.
    by_number = step.channel == "sms"
    due = {
        one.id: now
        if window is None or (by_number and not one.time_zone)
        else window.next(now, one.time_zone)
        for one, _ in told
    }
    batch_id, number = await _batch(tx, step, len(told), min(due.values()))
    head = (about.id,)
    await tx.insert_many(
        "notice",
        _NOTICE,
        [
            (
                *(*head, one.id, what.reference, step.channel, step.occasion, what.locale, what.dictionary),
                *(what.digest, what.size, what.sealed),
            )
            for one, what in told
        ],
    )
    source = tx.recordset(
        "rows", "v", reference="text", member="bigint", customer="bigint", point="bigint", due="bigint"
    )
    rows = [
        {
            "reference": what.reference,
            "member": one.id,
            "customer": one.customer_id,
            "point": one.point_id,
            "due": due[one.id],
        }
        for one, what in told
    ]
    await tx.write(
        "INSERT INTO delivery (reference, announcement_id, member_id, customer_id, contact_point_id, channel,"
        " step, occasion, notice_id, batch_id, state, attempts, due_at, claim_token, changed_at)"
        " SELECT v.reference, n.announcement_id, v.member, v.customer, v.point, n.channel,"
        " CAST(:step AS integer), n.occasion, n.id, CAST(:batch AS bigint), 'planned', 0, v.due, '',"
        f" CAST(:now AS bigint) FROM {source} JOIN notice n ON n.reference = v.reference",
        {
            "rows": orjson.dumps(rows).decode(),
            "step": step.number,
            "batch": batch_id,
            "now": now,
        },
    )
    if step.channel != "banner":
        await dispatcher.dispatch(tx, [batch_id], not_before=min(due.values()))
    if step.channel == "letter":
        await letters_waiting.ask(tx, about.id, about.code)
    names = sorted(what.reference for _, what in told)
    facts: dict[str, Json] = {
        **_head(step),
        "occasion": step.occasion,
        "batch": number,
        "count": len(told),
        "root": root([name.encode() for name in names]).hex(),
    }
    tx.record(Event(AuditAction.STEP_TAKEN, facts))


async def _skip(tx: Transaction, step: Asked, passed: Sequence[tuple[Candidate, str]]) -> None:
    now = tx.now_us()
    facts: dict[str, Json] = {
        **_head(step),
        "count": len(passed),
        "reasons": dict(sorted(Counter(reason for _, reason in passed).items())),
        "root": skipped_root((one.uid, reason) for one, reason in passed),
    }
    (event_id,) = tx.record(Event(AuditAction.STEP_SKIPPED, facts))
    await tx.insert_many(
        "skipped_step",
        ("announcement_id", "member_id", "step", "reason", "at", "event_id"),
        [(step.announcement.id, one.id, step.number, reason, now, event_id) for one, reason in passed],
    )


def _head(step: Asked) -> dict[str, Json]:
    return {"announcement": step.announcement.code, "step": step.number, "channel": step.channel}


async def _batch(tx: Transaction, step: Asked, size: int, not_before: int) -> tuple[int, int]:
    """Make one more batch of the step's wave; returns its id and number."""
    place = {"announcement": step.announcement.id, "step": step.number}
    wave = await tx.scalar(
        "SELECT id FROM wave WHERE announcement_id = :announcement AND step = :step", **place
    )
    if wave is None:
        (made,) = await tx.write_returning(
            "INSERT INTO wave (announcement_id, step, number, people, start_at, state)"
            " VALUES (:announcement, :step, 1, 0, :now, 'ready') RETURNING id",
            {**place, "now": tx.now_us()},
        )
        wave = made.id
    await tx.write("UPDATE wave SET people = people + :size WHERE id = :wave", {"size": size, "wave": wave})
    number = int(await tx.scalar("SELECT count(*) FROM send_batch WHERE wave_id = :wave", wave=wave) or 0)
    (batch,) = await tx.write_returning(
        "INSERT INTO send_batch (announcement_id, wave_id, number, channel, size, state, not_before,"
        " claim_token, worker, failures) VALUES (:announcement, :wave, :number, :channel, :size, :state,"
        " :not_before, '', '', 0) RETURNING id",
        {
            "announcement": step.announcement.id,
            "wave": wave,
            "number": number,
            "channel": step.channel,
            "size": size,
            "state": NO_BATCH if step.channel == "banner" else "ready",
            "not_before": not_before,
        },
    )
    return int(batch.id), number
