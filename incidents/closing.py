"""What closing an incident asks besides: whether a freeze now would have anybody."""

from __future__ import annotations

from incidents.affected.departed import part
from incidents.errors import NothingNew, StepRefused
from incidents.freeze import freeze
from incidents.lifecycle import MAY_FREEZE
from incidents.store import Incident
from notifier.keys import Keys
from notifier.store import Transaction
from notifier.words import persons

_NOTED_SINCE = (
    "SELECT 1 FROM affected a WHERE a.incident_id = :id AND a.noted_at >="
    " (SELECT max(u.frozen_at) FROM audience u WHERE u.subject = :code) LIMIT 1"
)


async def require_nobody_new(tx: Transaction, keys: Keys, incident: Incident, *, actor: str) -> None:
    """Refuse to close over people of whom more is known than was frozen last. Contacts who have left their
    account since are noted first: it may have nobody to tell now.
    """
    await part(tx, incident, actor=actor)
    noted = await tx.scalar(_NOTED_SINCE, id=incident.id, code=incident.code)
    if not noted or incident.state not in MAY_FREEZE:
        return
    people = 0
    async with tx.trial():
        try:
            people = (await freeze(tx, keys, incident, actor=actor)).people
        except NothingNew:
            return
    raise StepRefused(
        f"somebody is still to be told: since the last freeze more is known of {persons(people)}",
        advice=f"`notifier incidents freeze {incident.code} --operator HANDLE`, then announce; or exclude"
        " them with the reason.",
    )
