"""Who keeps an incident from being closed: people on its list whom nobody has told or chosen not to tell."""

from __future__ import annotations

from incidents import silence, told
from incidents.corrections.standing import untold_of_it
from incidents.errors import StepRefused
from notifier import audiences
from notifier.announcements import UNRELEASED
from notifier.engine.untold import ENDED, REACHABLE
from notifier.precedence import MAY_HAVE_LEFT
from notifier.store import Transaction
from notifier.words import amount, persons

_NAMED = 10
_UNFROZEN = (
    "SELECT count(DISTINCT a.customer_id) FROM affected a WHERE a.incident_id = :id AND a.excluded = ''"
    " AND NOT EXISTS (SELECT 1 FROM audience_member m JOIN audience u ON u.id = m.audience_id"
    " WHERE m.customer_id = a.customer_id AND u.subject = :code)"
)
_CANCELLED = (
    "SELECT count(*) FROM audience u JOIN audience_member m ON m.audience_id = u.id AND m.state = 'due'"
    # Whoever would have been told again has been told: another such announcement is up to somebody.
    " WHERE u.subject = :code AND u.kind IN ('first', 'top-up')"
    " AND EXISTS (SELECT 1 FROM announcement n WHERE n.audience_id = u.id)"
    " AND NOT EXISTS (SELECT 1 FROM announcement n WHERE n.audience_id = u.id AND n.state <> 'cancelled')"
    " AND NOT EXISTS (SELECT 1 FROM audience v JOIN audience_member o ON o.audience_id = v.id"
    " AND o.customer_id = m.customer_id WHERE v.subject = :code AND v.id > u.id)"
    " AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.member_id = m.id"
    f" AND ({MAY_HAVE_LEFT} OR d.state IN ('rejected', 'bounced')))"
)
_SUPPRESSED = (
    "SELECT count(DISTINCT d.customer_id) FROM audience u JOIN announcement n ON n.audience_id = u.id"
    " JOIN delivery d ON d.announcement_id = n.id JOIN audience_member m ON m.id = d.member_id"
    " JOIN contact_point p ON p.id = d.contact_point_id"
    " JOIN affected a ON a.incident_id = :id AND a.customer_id = d.customer_id AND a.excluded = ''"
    f" WHERE u.subject = :code AND {ENDED} AND {REACHABLE}"
)


async def check(tx: Transaction, incident: str, incident_id: int) -> None:
    """Refuse to close an incident while somebody is still to be told."""
    if people := await tx.scalar(_UNFROZEN, id=incident_id, code=incident):
        raise _refused(f"{persons(people)} on the list and in no audience", incident)
    waiting = [row.number for row in await silence.silent(tx, incident_id) if not row.excluded]
    if waiting:
        raise StepRefused(
            f"somebody is still to be told: {amount(len(waiting), 'account')} with nobody to tell:"
            f" {', '.join(waiting[:_NAMED])}{' …' if len(waiting) > _NAMED else ''}",
            advice=f"Import a contact, then `notifier incidents freeze {incident} --operator HANDLE`; or say"
            f" how it is told: `notifier incidents exclude {incident} --account {waiting[0]} --because …`.",
        )
    for one in await told.unannounced(tx, await audiences.about(tx, incident)):
        raise StepRefused(
            f"somebody is still to be told: {persons(one.counts['state']['due'])} of {one.code}, which nobody"
            " has announced",
            advice=f"`notifier incidents announce {incident} --audience {one.code} --operator HANDLE`.",
        )
    if people := await tx.scalar(_CANCELLED, code=incident):
        raise _refused(f"{persons(people)} whose announcement was cancelled before it left", incident)
    if people := await tx.scalar(_SUPPRESSED, id=incident_id, code=incident):
        raise _refused(
            f"{persons(people)} whose notice was suppressed, with a usable address on file now", incident
        )
    if people := await untold_of_it(tx, incident, incident_id):
        raise StepRefused(
            f"told that they are affected, and not yet told that they are not: {persons(people)}",
            advice=f"`notifier incidents correct {incident} --not-affected --operator HANDLE`.",
        )
    waiting = [
        row.code
        for row in await tx.rows(
            "SELECT n.code, n.state FROM announcement n JOIN audience u ON u.id = n.audience_id"
            " WHERE u.subject = :code ORDER BY n.id",
            code=incident,
        )
        if row.state in UNRELEASED
    ]
    if waiting:
        raise StepRefused(
            f"somebody is still to be told: {', '.join(waiting)} is not released",
            advice=f"Release or cancel it; `notifier announcements show {waiting[0]}` says where it stands.",
        )


def _refused(who: str, incident: str) -> StepRefused:
    return StepRefused(
        f"somebody is still to be told: {who}",
        advice=f"`notifier incidents freeze {incident} --operator HANDLE`, then announce; or exclude them"
        " with the reason.",
    )
