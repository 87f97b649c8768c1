"""What one incident looks like at a glance: the record, where it stands, who is affected."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from incidents import records
from incidents.history import fields
from incidents.lifecycle import State, possible_steps
from incidents.records import checks
from incidents.records.fields import UNKNOWN
from incidents.store import Incident, steps
from notifier.clock import from_instant
from notifier.store import Transaction


async def overview(tx: Transaction, incident: Incident, now: datetime) -> dict[str, Any]:
    """Return an incident as words and numbers."""
    affected = await tx.scalar(
        "SELECT count(DISTINCT customer_id) FROM affected WHERE incident_id = :id", id=incident.id
    )
    frozen = await tx.rows("SELECT code FROM audience WHERE subject = :code ORDER BY id", code=incident.code)
    shown = dict(fields(records.plain(incident.record)))
    return {
        "code": incident.code,
        "title": incident.record.title or UNKNOWN,
        "state": str(incident.state),
        "drill": incident.drill,
        "revision": incident.revision,
        "declared": incident.created_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
        "by": incident.created_by,
        "hold": await _hold(tx, incident, now),
        "affected": affected,
        "audiences": ", ".join(row.code for row in frozen),
        "next steps": ", ".join(possible_steps(incident.state)),
        "record": {path: said for path, said in shown.items() if said != UNKNOWN and path != "title"},
        "unknown": checks.unknown(incident.record),
        "warnings": checks.warnings(incident.record, now),
    }


async def _hold(tx: Transaction, incident: Incident, now: datetime) -> str:
    if incident.state is not State.HOLD:
        return ""
    last = (await steps(tx, incident))[-1]
    expires = from_instant(last.facts["expires_at"])
    passed = ", which has passed: resume it" if expires <= now else ""
    return f"order {last.facts['order']} until {expires:%Y-%m-%d %H:%MZ}{passed}"
