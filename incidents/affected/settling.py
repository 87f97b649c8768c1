"""An account with nobody to tell that learns of its records otherwise, such as by a letter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Row

from incidents.actions import IncidentAction
from incidents.affected.acts import keep_act, read_note, require_open
from incidents.silence import silent
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.errors import BadInput
from notifier.store import Transaction
from notifier.words import amount


async def settle_accounts(
    tx: Transaction,
    incident: Incident,
    numbers: Sequence[str],
    *,
    reason: str,
    again: bool = False,
    actor: str,
) -> int:
    """Put on record how these accounts are told, until more of their records are affected; ``again`` takes
    that back.

    One that has somebody to tell, or no affected records, is ``BadInput``, and then nothing is changed.
    """
    require_open(incident)
    reason = read_note("the reason", reason)
    ids = {row.number: row.id for row in await (_settled if again else silent)(tx, incident.id)}
    wanted = set(numbers)
    if missing := wanted - set(ids):
        count = amount(len(missing), "number")
        raise BadInput(
            f"not among the accounts that are told otherwise: {count}"
            if again
            else f"not among the accounts with nobody to tell: {count}",
            advice="`notifier incidents history CODE` lists what was excluded; nothing was changed."
            if again
            else "Exclude an account's contacts by --number; nothing was changed.",
        )
    await tx.write(
        f"UPDATE affected_record SET settled = :settled WHERE incident_id = :incident"
        f" AND settled {'<>' if again else '='} ''"
        f" AND account_id IN (SELECT v.id FROM {tx.recordset('settled_accounts', 'v', id='bigint')})",
        {
            "settled": "" if again else reason,
            "incident": incident.id,
            "settled_accounts": orjson.dumps([{"id": ids[one]} for one in sorted(wanted)]).decode(),
        },
    )
    what = f"{amount(len(wanted), 'account')} with nobody to tell: {', '.join(sorted(wanted))}"
    kind = "readmission" if again else "exclusion"
    await keep_act(tx, incident, kind=kind, what=what, note=reason, people=0, actor=actor)
    tx.record(
        Event(
            IncidentAction.AFFECTED_ACCOUNT_READMITTED if again else IncidentAction.AFFECTED_ACCOUNT_SETTLED,
            {
                "incident": incident.code,
                "accounts": len(wanted),
                "who_digest": tx.commitment("accounts", "\n".join(sorted(wanted))),
                "reason_digest": tx.commitment("reason", reason),
                "actor": f"operator:{actor}",
            },
        )
    )
    return len(wanted)


async def _settled(tx: Transaction, incident_id: int) -> Sequence[Row[Any]]:
    return await tx.rows(
        "SELECT DISTINCT t.id, t.number FROM affected_record r JOIN account t ON t.id = r.account_id"
        " WHERE r.incident_id = :id AND r.settled <> ''",
        id=incident_id,
    )
