"""Compromise after a freeze: whoever would be written to there is barred in the audiences that exist."""

from __future__ import annotations

from incidents.store import Incident
from notifier import barring
from notifier.store import Transaction

# As at the freeze: a mark of the person's own, of whoever is written to for them, or on the very address.
_COMPROMISED = (
    "EXISTS (SELECT 1 FROM affected a WHERE a.incident_id = :incident"
    " AND a.customer_id IN (m.customer_id, p.customer_id)"
    " AND a.compromised LIKE '% ' || p.channel || ' %')"
    " OR p.id IN (SELECT y.contact_point_id FROM affected_compromised y"
    " JOIN affected z ON z.id = y.affected_id WHERE z.incident_id = :incident)"
)


async def bar_compromised(tx: Transaction, incident: Incident, *, actor: str) -> int:
    """Bar what the incident compromised by all that is marked now; returns for how many people it is new."""
    return await barring.bar(
        tx, subject=incident.code, condition=_COMPROMISED, params={"incident": incident.id}, actor=actor
    )
