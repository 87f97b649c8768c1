"""Drafts: announcements before their release, and what voids an approval given to one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from notifier.announcements import UNRELEASED, Announcement, announcement, canonical_digest, to_json
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.errors import Conflict, NotFound, Refused
from notifier.plans import SendPlan
from notifier.store import Transaction


async def draft(
    tx: Transaction,
    *,
    code: str,
    kind: str,
    notice: str,
    audience_id: int,
    facts: Mapping[str, Any],
    plan: Mapping[str, Any],
    author: str,
    drill: bool,
    writers: Collection[str] = (),
) -> int:
    """Put an announcement to a frozen audience on file and return its id; nobody is told anything yet.

    ``writers`` are those who wrote the facts, where it was not the author alone: they cannot approve it
    either. An empty ``code`` becomes the audience's with ``/A1``, ``/A2`` and so on. A plan that cannot be
    carried out is ``BadInput``, a taken code a ``Conflict``.
    """
    audience = await tx.row("SELECT code, digest FROM audience WHERE id = :id", id=audience_id)
    if audience is None:
        raise NotFound("that audience does not exist", advice="Freeze one first.")
    checked = await _checked(tx, plan, audience_id, kind)
    if not code:
        made = await tx.scalar("SELECT count(*) FROM announcement WHERE audience_id = :id", id=audience_id)
        code = f"{audience.code}/A{made + 1}"
    if await tx.scalar("SELECT 1 FROM announcement WHERE code = :code", code=code):
        raise Conflict(f"there is an announcement {code} already", advice="Choose another code.")
    editors = frozenset(writers) - {author}
    cast = "CAST({} AS jsonb)" if tx.dialect == "postgresql" else "{}"
    rows = await tx.write_returning(
        "INSERT INTO announcement (code, revision, kind, notice, drill, audience_id, state, facts, plan,"
        " steps, author, editors, created_at, audience_digest, texts_digest, plan_digest, channels_digest,"
        " preflight_inputs, control)"
        " VALUES (:code, 1, :kind, :notice, :drill, :audience, 'draft',"
        f" {cast.format(':facts')}, {cast.format(':plan')}, :steps, :author, :editors, :now, '', '', '', '',"
        " '', 'run')"
        " RETURNING id",
        {
            "code": code,
            "kind": kind,
            "notice": notice,
            "drill": drill,
            "audience": audience_id,
            "facts": to_json(facts),
            "plan": to_json(checked.as_json()),
            "steps": len(checked.steps),
            "author": author,
            "editors": _word_set(editors),
            "now": tx.now_us(),
        },
    )
    tx.record(
        Event(
            AuditAction.ANNOUNCEMENT_DRAFTED,
            {
                "actor": f"operator:{author}",
                "announcement": code,
                "audience": audience.code,
                "audience_digest": audience.digest,
                "facts_digest": canonical_digest(facts),
                "plan_digest": canonical_digest(checked.as_json()),
                "drill": int(drill),
                "editors": sorted(editors),
            },
        )
    )
    return int(rows[0].id)


async def revise(
    tx: Transaction,
    announcement_id: int,
    *,
    actor: str,
    facts: Mapping[str, Any] | None = None,
    plan: Mapping[str, Any] | None = None,
    writers: Collection[str] = (),
) -> None:
    """Change what is said or when, before the countdown; an approval given before is void, if it does change.

    Changed facts need a new preflight; a changed plan needs a new approval only. Whoever changes it cannot
    approve it any more, nor can the ``writers`` of changed facts. What changes nothing is not on record.
    """
    now = await announcement(tx, announcement_id, lock=True)
    if now.state not in UNRELEASED or now.state == "countdown":
        raise Refused(
            f"{now.code} is in state {now.state} and cannot be changed",
            advice="Stop the countdown first." if now.state == "countdown" else "Correct it with a new one.",
        )
    cast = "CAST(:value AS jsonb)" if tx.dialect == "postgresql" else ":value"
    if (
        plan is not None
        and (checked := (await _checked(tx, plan, now.audience_id, now.kind)).as_json()) != now.plan.as_json()
    ):
        await tx.write(
            f"UPDATE announcement SET plan = {cast}, steps = :steps, plan_digest ="
            " CASE WHEN plan_digest = '' THEN '' ELSE :digest END WHERE id = :id",
            {
                "value": to_json(checked),
                "steps": len(checked["steps"]),
                "digest": canonical_digest(checked),
                "id": now.id,
            },
        )
        # Other channels need notices and checks of their own.
        same = SendPlan.read(checked).channels == now.plan.channels
        state = "preflighted" if same else "draft"
        await void_approvals(tx, now.id, "the plan was changed", actor=actor, state=state)
    if facts is not None and canonical_digest(facts) != canonical_digest(now.facts):
        await tx.write(
            f"UPDATE announcement SET facts = {cast} WHERE id = :id", {"value": to_json(facts), "id": now.id}
        )
        await void_approvals(tx, now.id, "the facts were changed", actor=actor, state="draft")
    changed = await announcement(tx, announcement_id)
    if (changed.facts, changed.plan) == (now.facts, now.plan):
        return
    wrote = {*writers} if changed.facts != now.facts else set()
    editors = (now.editors | wrote | {actor}) - {now.author}
    await tx.write(
        "UPDATE announcement SET editors = :editors WHERE id = :id",
        {"editors": _word_set(editors), "id": now.id},
    )
    tx.record(
        Event(
            AuditAction.ANNOUNCEMENT_REVISED,
            {
                "actor": f"operator:{actor}",
                "announcement": now.code,
                "facts_digest": canonical_digest(changed.facts),
                "plan_digest": canonical_digest(changed.plan.as_json()),
                "editors": sorted(editors),
            },
        )
    )


async def void_approvals(
    tx: Transaction, announcement_id: int, reason: str, *, actor: str = "", state: str = "draft"
) -> int:
    """Void every approval of an unreleased announcement, end its countdown, return how many were void.

    ``state`` is where it falls back to: ``draft``, or ``preflighted`` where the notices still hold.
    """
    now = await announcement(tx, announcement_id, lock=True)
    if now.state not in UNRELEASED:
        raise Refused(f"{now.code} is in state {now.state}: its approval has been used")
    if now.state == "draft":
        return 0
    voided = await tx.write(
        "UPDATE approval SET voided_at = :now, voided_because = :reason"
        " WHERE announcement_id = :id AND voided_at IS NULL",
        {"now": tx.now_us(), "reason": reason, "id": announcement_id},
    )
    await set_state(tx, now, state)
    if state == "draft":  # The notices that were made no longer count.
        await tx.write("UPDATE announcement SET preflight_inputs = '' WHERE id = :id", {"id": now.id})
    facts = {"actor": f"operator:{actor}" if actor else "system", "announcement": now.code, "reason": reason}
    if voided:
        tx.record(Event(AuditAction.ANNOUNCEMENT_APPROVAL_VOIDED, {**facts, "approvals": voided}))
    else:
        tx.record(Event(AuditAction.ANNOUNCEMENT_RESET, facts))
    return voided


def _word_set(words: Collection[str]) -> str:
    return f" {' '.join(sorted(words))} " if words else ""


async def _checked(tx: Transaction, plan: Mapping[str, Any], audience_id: int, kind: str) -> SendPlan:
    people = await tx.scalar(
        "SELECT count(*) FROM audience_member WHERE audience_id = :id AND state = 'due'", id=audience_id
    )
    checked = SendPlan.read(plan)
    checked.check(people=int(people or 0), now=tx.now_us(), kind=kind)
    return checked


async def set_state(
    tx: Transaction,
    now: Announcement,
    state: str,
    *,
    release_at: int | None = None,
    released_at: int | None = None,
) -> None:
    """Move an announcement on; leaving the countdown ends it."""
    await tx.write(
        "UPDATE announcement SET state = :state, release_at = :at, released_at = :released WHERE id = :id",
        {"state": state, "at": release_at, "released": released_at, "id": now.id},
    )
    if now.state == "countdown":
        await tx.write(
            "UPDATE schedule SET next_fire_at = NULL WHERE announcement_id = :id AND kind = 'release'",
            {"id": now.id},
        )
