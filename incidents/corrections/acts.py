"""Telling again: a correction to those who got the wrong version, an update to those who were told, and the
word to those who are not affected after all.

An audience of exactly these people is frozen, with the data as it is now, and an announcement to it drafted,
in one transaction. Preflight, approval and release follow as for every other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from incidents import announce, growth, special, told
from incidents.actions import IncidentAction
from incidents.affected import rules
from incidents.corrections import recipients, texts
from incidents.corrections.planning import steps_again
from incidents.corrections.recipients import Base, Cohort
from incidents.errors import NothingNew
from incidents.freeze import source_of
from incidents.lifecycle import MAY_FREEZE, not_now
from incidents.records import digest
from incidents.store import Incident, find
from notifier import audiences
from notifier.announcements import UNRELEASED, Announcement, announcement
from notifier.audiences import Audience
from notifier.audit.entry import Event
from notifier.clock import from_instant
from notifier.deliveries import OPEN
from notifier.errors import BadInput, Refused
from notifier.keys import Keys
from notifier.release import draft
from notifier.rendering.moments import read_zone
from notifier.settings import Organisation
from notifier.standing import listed
from notifier.store import Transaction
from notifier.words import persons


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asks for."""

    kind: str
    """``correction``, ``update`` or ``not-affected``."""
    about: str
    """The code of the announcement that is corrected, or of the incident: all that was said about it."""
    said: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What comes first, by language; else what the record, or the approved announcement, has ready."""
    cohort: Cohort = field(default_factory=Cohort)
    plan: Mapping[str, Any] = field(default_factory=dict)
    """Without ``steps`` the channels are those on which people got it."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """An announcement that tells people again."""

    audience: Audience
    announcement: str
    plan: Mapping[str, Any]
    excluded: int
    """People who got it and are told nothing, for the reason of their exclusion."""


async def again(
    tx: Transaction, keys: Keys, order: Order, *, organisation: Organisation, author: str
) -> Drafted:
    """Freeze who got it and draft what they are told now; nobody is told anything yet.

    What still goes out as it was is ``Refused``; nobody to tell is ``NothingNew``.
    """
    incident, before = await _about(tx, order)
    if incident.state not in MAY_FREEZE:
        raise not_now(incident.code, incident.state, "nobody is told again")
    await _lock(tx, incident)
    base = Base(before.code if before else incident.code, whole=before is None)
    if before:
        await _refuse_under_way(tx, before, order.kind)
    earlier = await audiences.about(tx, incident.code)
    if order.kind == told.UPDATE:
        await _refuse_second(tx, incident)
    await rules.enforce(tx, incident, actor=author)
    if not await recipients.gather(tx, incident, base, order.kind, earlier):
        raise _nobody(order.kind, base)
    if order.cohort and not await recipients.keep_only(tx, order.cohort):
        raise NothingNew("nobody of those who got it is described", advice="Describe others, or all.")
    facts = texts.say_first(
        await _facts(tx, incident, base, order.kind, organisation),
        texts.chosen(incident.record, before, order.said) if order.kind == told.CORRECTION else order.said,
        order.kind,
    )
    plan = dict(order.plan)
    if "steps" not in plan:
        plan["steps"] = [step.model_dump(mode="json") for step in await _steps(tx, base)]
    audience = await _freeze(
        tx, keys, incident, base=base, order=order, number=len(earlier) + 1, actor=author
    )
    writers = await announce.writers(tx, incident, organisation)
    code = await _draft(tx, incident, audience, facts, plan, writers=writers, author=author)
    await announce.begin_notifying(tx, incident, audience, actor=author)
    tx.record(
        Event(
            IncidentAction.CORRECTION_DRAFTED,
            {
                "incident": incident.code,
                "kind": order.kind,
                "corrects": base.corrects,
                "announcement": code,
                "audience": audience.code,
                "people": audience.people,
                "actor": f"operator:{author}",
            },
        )
    )
    return Drafted(audience, code, plan, int(audience.counts.get("state", {}).get("excluded", 0)))


async def _about(tx: Transaction, order: Order) -> tuple[Incident, Announcement | None]:
    """Return the incident, and the announcement where one is named."""
    if "/" not in order.about:
        if order.kind == told.CORRECTION:
            raise BadInput(
                "an announcement is corrected, not an incident as a whole",
                advice="Name it, such as INC-2026-001/1/A1: `notifier incidents audiences CODE` lists them.",
            )
        return await find(tx, order.about), None
    before = await announcement(tx, order.about.upper(), lock=True)
    subject = await tx.scalar("SELECT subject FROM audience WHERE id = :id", id=before.audience_id)
    return await find(tx, str(subject)), before


async def _lock(tx: Transaction, incident: Incident) -> None:
    await tx.rows(
        f"SELECT id FROM incident WHERE id = :id{' FOR UPDATE' if tx.dialect == 'postgresql' else ''}",
        id=incident.id,
    )


async def _refuse_under_way(tx: Transaction, before: Announcement, kind: str) -> None:
    """Refuse to correct what nobody has got yet, and what goes on telling people the same."""
    if before.state in UNRELEASED:
        raise Refused(
            f"{before.code} is in state {before.state}: nobody has got it",
            advice="Bring it up to the record instead: `notifier incidents facts CODE --announcement"
            f" {before.code} --operator HANDLE`.",
        )
    if kind != told.CORRECTION or before.state != "released":
        return
    waiting = await tx.scalar(
        "SELECT count(*) FROM delivery d WHERE d.announcement_id = :id AND d.channel <> 'banner'"
        f" AND d.state IN ({listed(OPEN)})",
        id=before.id,
    )
    if waiting or before.plan.steps:
        to_come = f"it waits, or is in doubt, for {persons(waiting)}" if waiting else "it has later steps"
        raise Refused(
            f"{before.code} still goes out as it is: {to_come}",
            advice=f"`notifier announcements cancel {before.code} --operator HANDLE --reason …` stops the"
            " rest; whoever it did not reach is in the next freeze. Then correct it.",
        )


async def _refuse_second(tx: Transaction, incident: Incident) -> None:
    """Refuse an update while another one is not released: one of them is enough."""
    for row in await tx.rows(
        "SELECT n.code, n.state FROM announcement n JOIN audience u ON u.id = n.audience_id"
        " WHERE u.subject = :subject AND u.kind = :kind ORDER BY n.id",
        subject=incident.code,
        kind=told.UPDATE,
    ):
        if row.state in UNRELEASED:
            raise Refused(
                f"the update {row.code} is not released yet",
                advice=f"Bring it up to the record, or cancel it: `notifier announcements show {row.code}`.",
            )


def _nobody(kind: str, base: Base) -> NothingNew:
    if kind == told.NOT_AFFECTED:
        return NothingNew(
            "nobody who was told is to be told that they are not affected",
            advice="`notifier incidents unaffect` takes people off; whoever was never told is told nothing.",
        )
    return NothingNew(
        f"nobody got {base.corrects}"
        + (", or all who did are told by a correction of it already" if kind == told.CORRECTION else ""),
        advice="If the correction is wrong too, correct that one."
        if kind == told.CORRECTION
        else "Announce first; whoever was told can be brought up to date later.",
    )


async def _facts(
    tx: Transaction, incident: Incident, base: Base, kind: str, organisation: Organisation
) -> dict[str, Any]:
    facts = announce.facts(
        incident.record, code=incident.code, organisation=organisation, drill=incident.drill, kind=kind
    )
    if not facts["texts"]:
        raise BadInput(
            "the record has no customer texts",
            advice="Revise it: each language needs at least a summary and what_happened.",
        )
    zone = read_zone(facts["time_zone"])
    first, last = (
        from_instant(instant).astimezone(zone).date().isoformat()
        for instant in await recipients.moments(tx, base)
    )
    return {**facts, "corrects": base.corrects, "told": {"from": first, "to": last}}


async def _steps(tx: Transaction, base: Base) -> list[Any]:
    rows = await tx.rows(
        "SELECT o.code FROM announcement o JOIN audience u ON u.id = o.audience_id"
        f" WHERE {base.condition} ORDER BY o.id",
        corrects=base.corrects,
    )
    plans = [(await announcement(tx, row.code)).plan for row in rows]
    return steps_again(await recipients.channels(tx, base), plans)


async def _freeze(
    tx: Transaction, keys: Keys, incident: Incident, *, base: Base, order: Order, number: int, actor: str
) -> Audience:
    await told.refused(tx, incident.code)
    has_special = await special.gather(tx, keys, incident)
    made = await audiences.freeze(
        tx,
        code=f"{incident.code}/{number}",
        subject=incident.code,
        kind=order.kind,
        source=await source_of(tx, incident, has_special=has_special, kind=order.kind),
        params={"incident": incident.id},
        selection={
            "incident": incident.code,
            "revision": incident.revision,
            "record_digest": digest(incident.record),
            "corrects": base.corrects,
            **({"cohort": str(order.cohort)} if order.cohort else {}),
        },
        frozen_by=actor,
    )
    if has_special and order.kind != told.NOT_AFFECTED:
        await growth.keep(tx, incident, made)
    return made


async def _draft(
    tx: Transaction,
    incident: Incident,
    audience: Audience,
    facts: Mapping[str, Any],
    plan: Mapping[str, Any],
    *,
    writers: Collection[str],
    author: str,
) -> str:
    number = await draft(
        tx,
        code="",
        kind="breach",
        notice=announce.NOTICE,
        audience_id=audience.id,
        facts=facts,
        plan=plan,
        author=author,
        drill=incident.drill,
        writers=writers,
    )
    return str(await tx.scalar("SELECT code FROM announcement WHERE id = :id", id=number))
