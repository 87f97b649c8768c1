"""How a public notice stands, as plain data: its terms, its approval, and the proof that it was public."""

from __future__ import annotations

from typing import Any

from incidents.substitute.acts import Desk
from incidents.substitute.alerts import in_trouble
from incidents.substitute.notices import APPROVED, DRAFT, PUBLISHED, Notice
from incidents.substitute.proof import unseen_days
from incidents.substitute.standing import ended_at, standing


async def view(desk: Desk, now: Notice) -> dict[str, Any]:
    """Return everything there is to know of an incident's newest notice, and the proof of the one that is
    public where that is another.
    """
    tx = desk.tx
    public = (await standing(tx)).get(now.slug, now)
    rows = await tx.rows(
        "SELECT occasion, locale, served, status, digest, at FROM substitute_proof WHERE notice_id = :id"
        " ORDER BY id",
        id=public.id,
    )
    proof = [{**row._mapping, "served": bool(row.served)} for row in rows]  # noqa: SLF001 - its public view
    every = set(public.terms.locales)
    days = {str(one["occasion"]) for one in proof}
    whole = [
        day
        for day in days
        if {one["locale"] for one in proof if one["served"] and one["occasion"] == day} == every
    ]
    return {
        "incident": desk.incident.code,
        "revision": now.revision,
        "state": now.state,
        "address": now.address,
        "from": now.terms.start.isoformat(),
        "until": now.terms.last.isoformat(),
        "languages": " ".join(now.terms.locales),
        "people": now.facts["public"]["people"],
        "digest": now.digest,
        "drafted by": now.drafted_by,
        "approved by": now.approved_by,
        "notes": await _notes(desk, now, public),
        "proof": proof,
        "days without proof": unseen_days(public, whole, tx.now_us()),
    }


async def _notes(desk: Desk, now: Notice, public: Notice) -> list[str]:
    """Return what somebody should know or do, a sentence each."""
    made = []
    code, moment = desk.incident.code, desk.tx.now_us()
    if now.state == DRAFT and (changed := await desk.changed(now)):
        made.append(f"It must be drafted again: {changed}.")
    if now.state == APPROVED and (problem := await desk.problem(now)):
        made.append(f"The approval does not count any more: {problem}.")
    if now.state == PUBLISHED and ended_at(now) > moment and await desk.changed(now):
        made.append("The record or a template changed since: draft it again to say so at the same address.")
    if public.id != now.id:
        made.append(f"The proof is that of revision {public.revision}, which is public or was last.")
    if ended_at(public) <= moment and public.visible_at is not None:
        made.append("It has ended.")
    if any(one.id == public.id for _, one in await in_trouble(desk.tx)):
        who = (
            f"{public.taken_by} looks after it."
            if public.taken_by
            else (f"Take it: notifier incidents substitute take {code} --operator HANDLE.")
        )
        made.append(f"It was NOT served as approved at the last look. {who}")
    return made
