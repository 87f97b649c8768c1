"""What later steps of an announcement must not use: contact points that its incident compromised."""

from __future__ import annotations

from incidents.affected import rules
from notifier.announcements import Announcement
from notifier.escalation.candidates import Compromised
from notifier.store import Transaction


async def compromised(tx: Transaction, about: Announcement) -> Compromised:
    """Return the condition on a member and a contact point, as at the freeze, for what is known now."""
    incident = await tx.row(
        "SELECT i.id FROM incident i JOIN audience u ON u.subject = i.code WHERE u.id = :audience",
        audience=about.audience_id,
    )
    if incident is None:
        return Compromised()
    if not (await rules.any_marks(tx, incident.id) or await rules.about_addresses(tx, incident.id)):
        return Compromised()
    return Compromised(rules.COMPROMISED, {"incident": incident.id})
