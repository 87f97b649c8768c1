"""An account with nobody to tell that learns of its records otherwise, such as by a letter."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from incidents.actions import IncidentAction
from incidents.affected.acts import keep_act, read_note, require_open
from incidents.silence import silent
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.errors import BadInput
from notifier.store import Transaction
from notifier.words import amount


async def settle_accounts(
    tx: Transaction, incident: Incident, numbers: Sequence[str], *, reason: str, actor: str
) -> int:
    """Put on record how these accounts are told, until more of their records are affected.

    One that has somebody to tell, or no affected records, is ``BadInput``, and then nothing is changed.
    """
    require_open(incident)
    reason = read_note("the reason", reason)
    ids = {row.number: row.id for row in await silent(tx, incident.id)}
    wanted = set(numbers)
    if missing := wanted - set(ids):
        raise BadInput(
            f"not among the accounts with nobody to tell: {amount(len(missing), 'number')}",
            advice="Exclude an account's contacts by --number; nothing was changed.",
        )
    await tx.write(
        "UPDATE affected_record SET settled = :reason WHERE incident_id = :incident AND settled = ''"
        f" AND account_id IN (SELECT v.id FROM {tx.recordset('settled_accounts', 'v', id='bigint')})",
        {
            "reason": reason,
            "incident": incident.id,
            "settled_accounts": orjson.dumps([{"id": ids[one]} for one in sorted(wanted)]).decode(),
        },
    )
    what = f"{amount(len(wanted), 'account')} with nobody to tell: {', '.join(sorted(wanted))}"
    await keep_act(tx, incident, kind="exclusion", what=what, note=reason, people=0, actor=actor)
    tx.record(
        Event(
            IncidentAction.AFFECTED_ACCOUNT_SETTLED,
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
