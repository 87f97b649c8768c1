"""From a record to what notices say: the facts, and a drafted announcement of them.

Only what is meant for customers goes in: nothing here reads ``record.internal``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from incidents import told
from incidents.lifecycle import MAY_FREEZE, State, Step, not_now
from incidents.records import Contact, IncidentRecord, Said, Texts, validated
from incidents.records.moments import Moment
from incidents.store import Incident, revisions, take_step
from notifier import audiences, precedence
from notifier.audiences import Audience
from notifier.errors import BadInput, Refused
from notifier.release import draft
from notifier.settings import Organisation
from notifier.store import Transaction
from notifier.words import persons

NOTICE = "breach-notice"


def facts(
    record: IncidentRecord, *, code: str, organisation: Organisation, drill: bool, kind: str = "first"
) -> dict[str, Any]:
    """Return what notices are made from; a moment that is unknown yet is an empty text."""
    address = record.check_address or organisation.verify_address
    return {
        "brand": organisation.brand,
        "code": code,
        "kind": kind,
        "drill": drill,
        "occurred": {"from": _iso(record.occurred.from_), "to": _iso(record.occurred.to)},
        "discovered": _iso(_discovered(record)),
        "time_zone": record.time_zone or organisation.time_zone,
        "next_update": record.next_update.isoformat() if record.next_update else "",
        "contact": {name: getattr(record.contact, name) or "" for name in Contact.model_fields},
        "check": {"address": address, "url": f"https://{address}"},
        "texts": {locale: _texts(texts) for locale, texts in record.texts.items() if texts.written},
        "names_meant": list(record.names_meant),
    }


def unwritten(record: IncidentRecord) -> list[str]:
    """Return the languages of the record in which not enough is written for a notice."""
    return [locale for locale, texts in record.texts.items() if not texts.written]


async def writers(tx: Transaction, incident: Incident, organisation: Organisation) -> set[str]:
    """Return the operators whose revisions changed what notices say; inside notes do not."""
    found: set[str] = set()
    before: dict[str, Any] = {}
    for one in await revisions(tx, incident):
        said = facts(
            validated(one.record), code=incident.code, organisation=organisation, drill=incident.drill
        )
        if said != before:
            found.add(one.actor)
        before = said
    return found


async def announce(
    tx: Transaction,
    incident: Incident,
    audience: Audience,
    plan: Mapping[str, Any],
    *,
    organisation: Organisation,
    author: str,
) -> str:
    """Draft an announcement to a frozen audience and return its code; nobody is told anything yet.

    The incident is then ``notifying``. An audience that was replaced, or has an announcement already, is
    ``Refused``: nobody is told the same facts twice.
    """
    if incident.state not in MAY_FREEZE:
        raise not_now(incident.code, incident.state, "nothing is announced")
    if audience.subject != incident.code:
        raise BadInput("this audience belongs to another incident", advice="List this incident's audiences.")
    if audience.kind in told.AGAIN:
        raise Refused(
            f"{audience.code} was frozen for one announcement alone, which says why people are told again",
            advice="Make it anew: `notifier incidents correct`, or `notifier incidents update`.",
        )
    await _refuse_twice(tx, audience)
    said = facts(
        incident.record,
        code=incident.code,
        organisation=organisation,
        drill=incident.drill,
        kind=await _kind(tx, audience),
    )
    if not said["texts"]:
        waiting = ", ".join(unwritten(incident.record))
        raise BadInput(
            f"the record has no customer texts{f' yet in {waiting}' if waiting else ''}",
            advice="Revise it: each language needs at least a summary and what_happened.",
        )
    announcement_id = await draft(
        tx,
        code="",
        kind="breach",
        notice=NOTICE,
        audience_id=audience.id,
        facts=said,
        plan=plan,
        author=author,
        drill=incident.drill,
        writers=await writers(tx, incident, organisation),
    )
    await begin_notifying(tx, incident, audience, actor=author)
    return str(await tx.scalar("SELECT code FROM announcement WHERE id = :id", id=announcement_id))


async def begin_notifying(tx: Transaction, incident: Incident, audience: Audience, *, actor: str) -> None:
    """Take the incident to ``notifying``, where it is not there yet."""
    if incident.state is not State.NOTIFYING:
        await take_step(tx, incident.code, Step.NOTIFY, actor=actor, reason=f"announcing to {audience.code}")


async def _refuse_twice(tx: Transaction, audience: Audience) -> None:
    """Refuse to announce to people who may have been told, or are told by another announcement."""
    every = await audiences.about(tx, audience.subject)
    out = told.replaced(every)
    if audience.code in out:
        raise Refused("this audience was replaced by a newer one", advice="Announce to the newer one.")
    rows = await tx.rows("SELECT code, state FROM announcement WHERE audience_id = :id", id=audience.id)
    if taken := next((row.code for row in rows if row.state != "cancelled"), None):
        raise Refused(
            f"this audience has the announcement {taken} already",
            advice="Nobody is told the same facts twice. Go on with it"
            f" (`notifier announcements show {taken}`), or freeze a top-up.",
        )
    if await told.may_have_left(tx, audience):
        raise Refused(
            "people in this audience may have been told before its announcement was cancelled",
            advice="Nobody is told the same facts twice: freeze a top-up, which has those never told.",
        )
    others = [one for one in every if one.code not in out and one.id != audience.id]
    for one in others:
        if rows and one.id > audience.id and await _shares(tx, audience, one):
            raise Refused(
                f"people in this audience are in {one.code} too, frozen when this one was cancelled",
                advice=f"Nobody is told the same facts twice: announce to {one.code}, or freeze a top-up.",
            )
    for one in await told.unannounced(tx, others):
        if one.id < audience.id:
            raise Refused(
                f"{one.code} was not announced: {persons(one.counts['state']['due'])} would be left out",
                advice="Announce to it first:"
                f" `notifier incidents announce {one.subject} --audience {one.code} --operator HANDLE`.",
            )
    if never := await precedence.never_told(tx, audience.id):
        raise Refused(
            f"{audience.code} has updates for people who were never told: {persons(never)}."
            " What was to tell them first was cancelled before it left, or replaced",
            advice="Freeze again in its place:"
            f" `notifier incidents freeze {audience.subject} --replace {audience.code}`.",
        )


async def _shares(tx: Transaction, audience: Audience, newer: Audience) -> bool:
    """Say whether somebody due in ``audience`` is due a first notice in ``newer`` as well."""
    return bool(
        await tx.scalar(
            "SELECT 1 FROM audience_member m JOIN audience_member o ON o.customer_id = m.customer_id"
            " AND o.audience_id = :newer WHERE m.audience_id = :id AND m.state = 'due' AND o.state = 'due'"
            " AND o.new_categories = '' LIMIT 1",
            id=audience.id,
            newer=newer.id,
        )
    )


async def _kind(tx: Transaction, audience: Audience) -> str:
    """Return ``update`` where everybody in the audience has been told before."""
    fresh = await tx.scalar(
        "SELECT 1 FROM audience_member WHERE audience_id = :id AND state = 'due' AND new_categories = ''"
        " LIMIT 1",
        id=audience.id,
    )
    return "first" if fresh or audience.kind == "first" else "update"


def _discovered(record: IncidentRecord) -> Moment | None:
    """Return the earlier of our own detection and a third party's word: both make us aware."""
    known = [one for one in (record.detected, record.told_by_third_party) if isinstance(one, Moment)]
    return min(known, key=Moment.utc, default=None)


def _iso(moment: Moment | None) -> str:
    return moment.at.isoformat() if moment else ""


def _said(texts: Said) -> dict[str, Any]:
    return {
        "summary": texts.summary or "",
        "what_happened": list(texts.what_happened),
        "measures": list(texts.measures),
        "unknowns": list(texts.unknowns),
        "consequences": {category: list(said) for category, said in texts.consequences.items()},
        "advice": {category: list(said) for category, said in texts.advice.items()},
    }


def _texts(texts: Texts) -> dict[str, Any]:
    made = _said(texts)
    if texts.correction:
        made["correction_draft"] = list(texts.correction)
    variants = {
        variant: {name: value for name, value in _said(said).items() if value}
        for variant, said in texts.variants.items()
    }
    return {**made, "variants": variants} if variants else made
