"""Contacts who have left the account that they were to be told about are not told about it."""

from __future__ import annotations

from incidents.actions import IncidentAction
from incidents.affected.acts import keep_act
from incidents.silence import LEFT
from incidents.store import Incident
from notifier.audit.entry import Event, Json
from notifier.store import Transaction

_CONTACT = (
    "EXISTS (SELECT 1 FROM account_contact t WHERE t.account_id = affected.via_account_id"
    " AND t.customer_id = affected.customer_id)"
)


async def part(tx: Transaction, incident: Incident, *, actor: str) -> None:
    """Exclude from an account's notice whoever is no contact of it any more; who came back is in it again."""
    about = "UPDATE affected SET excluded = :to WHERE incident_id = :incident AND via_account_id <> 0"
    gone = await tx.write(
        f"{about} AND excluded = '' AND NOT {_CONTACT}", {"to": LEFT, "incident": incident.id}
    )
    back = await tx.write(
        f"{about} AND excluded = :left AND {_CONTACT}", {"to": "", "left": LEFT, "incident": incident.id}
    )
    for people, kind, action in (
        (gone, "exclusion", IncidentAction.AFFECTED_CONTACTS_LEFT),
        (back, "readmission", IncidentAction.AFFECTED_CONTACTS_BACK),
    ):
        if people:
            what = "contacts, as imported now"
            await keep_act(tx, incident, kind=kind, what=what, note=LEFT, people=people, actor=actor)
            facts: dict[str, Json] = {
                "incident": incident.code,
                "people": people,
                "actor": f"operator:{actor}",
            }
            tx.record(Event(action, facts))
