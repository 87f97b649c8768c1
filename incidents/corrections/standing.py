"""Who got a notice, who is not affected after all, and who of these has not been told so: SQL."""

from __future__ import annotations

from notifier.deliveries import State
from notifier.precedence import MAY_HAVE_LEFT
from notifier.store import Transaction

GOT = f"({MAY_HAVE_LEFT} OR d.state = '{State.BOUNCED}')"
"""A delivery ``d`` may have been read: it may have left, or came back, perhaps after it was read."""
UNAFFECTED = (
    "(EXISTS (SELECT 1 FROM affected x WHERE x.incident_id = :incident AND x.customer_id = {who})"
    " AND NOT EXISTS (SELECT 1 FROM affected x WHERE x.incident_id = :incident AND x.customer_id = {who}"
    " AND NOT x.unaffected))"
)
"""The customer ``{who}`` is on the list, and not affected after all, in person or for an account."""
UNAFFECTED_MEMBER = UNAFFECTED.format(who="m.customer_id")
_UNTOLD = (
    "SELECT count(DISTINCT m.customer_id) FROM audience u JOIN audience_member m ON m.audience_id = u.id"
    f" JOIN delivery d ON d.member_id = m.id AND {GOT} WHERE u.subject = :code AND u.kind <> 'not-affected'"
    f" AND {UNAFFECTED_MEMBER} AND NOT EXISTS (SELECT 1 FROM audience v JOIN audience_member n"
    " ON n.audience_id = v.id AND n.customer_id = m.customer_id JOIN announcement a ON a.audience_id = v.id"
    " WHERE v.subject = :code AND v.kind = 'not-affected' AND v.id > u.id AND (a.state <> 'cancelled'"
    f" OR EXISTS (SELECT 1 FROM delivery d WHERE d.member_id = n.id AND {GOT})))"
)


async def untold_of_it(tx: Transaction, incident: str, incident_id: int) -> int:
    """Count those who were told that they are affected, are not, and whom nothing tells so yet."""
    return int(await tx.scalar(_UNTOLD, incident=incident_id, code=incident) or 0)
