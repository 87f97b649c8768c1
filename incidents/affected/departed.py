"""Contacts who have left the account that they were to be told about are not told about it.

One who was told of all that is known before they left stays: the account knows of its records so far.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from incidents.actions import IncidentAction
from incidents.affected.acts import keep_act
from incidents.silence import LEFT
from incidents.store import Incident
from notifier.audit.entry import Event, Json
from notifier.precedence import MAY_HAVE_LEFT, WAITS
from notifier.store import Transaction

_CONTACT = (
    "EXISTS (SELECT 1 FROM account_contact t WHERE t.account_id = affected.via_account_id"
    " AND t.customer_id = affected.customer_id)"
)


_TOLD = (
    "EXISTS (SELECT 1 FROM audience u JOIN audience_exposure e ON e.audience_id = u.id"
    " JOIN audience_member m ON m.audience_id = u.id AND m.customer_id = e.customer_id"
    " JOIN delivery d ON d.member_id = m.id JOIN announcement n ON n.id = d.announcement_id"
    " WHERE u.subject = :code AND u.frozen_at >= affected.noted_at AND e.customer_id = affected.customer_id"
    " AND e.via_account_id = affected.via_account_id"
    f" AND ({MAY_HAVE_LEFT} OR ({WAITS} AND n.state <> 'cancelled')))"
)


async def gone(tx: Transaction, incident: Incident, accounts: Sequence[int]) -> None:
    """Note that contacts who have left are not told of the new records of these accounts."""
    await tx.write(
        "UPDATE affected SET excluded = :left WHERE incident_id = :incident AND excluded = ''"
        f" AND NOT {_CONTACT} AND via_account_id IN"
        f" (SELECT v.id FROM {tx.recordset('grown', 'v', id='bigint')})",
        {
            "left": LEFT,
            "incident": incident.id,
            "grown": orjson.dumps([{"id": one} for one in accounts]).decode(),
        },
    )


async def part(tx: Transaction, incident: Incident, *, actor: str) -> None:
    """Exclude from an account's notice whoever is no contact of it any more; who came back is in it again."""
    about = "UPDATE affected SET excluded = :to WHERE incident_id = :incident AND via_account_id <> 0"
    left = await tx.write(
        f"{about} AND excluded = '' AND NOT {_CONTACT} AND NOT {_TOLD}",
        {"to": LEFT, "incident": incident.id, "code": incident.code},
    )
    back = await tx.write(
        f"{about} AND excluded = :left AND {_CONTACT}", {"to": "", "left": LEFT, "incident": incident.id}
    )
    for people, kind, action in (
        (left, "exclusion", IncidentAction.AFFECTED_CONTACTS_LEFT),
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
