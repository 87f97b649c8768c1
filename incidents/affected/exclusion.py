"""Exclusion with a reason: these people stay on the list, are counted as excluded, and get no notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from incidents.actions import IncidentAction
from incidents.affected.acts import keep_act, read_note, require_open
from incidents.affected.successors import Moved, succeed
from incidents.selection import Selection
from incidents.silence import LEFT
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.store import Transaction
from notifier.words import amount

_ACTS = {
    "exclude": ("exclusion", IncidentAction.AFFECTED_EXCLUDED),
    "readmit": ("readmission", IncidentAction.AFFECTED_READMITTED),
    "unaffected": ("not-affected", IncidentAction.AFFECTED_WITHDRAWN),
}


@dataclass(frozen=True, slots=True)
class Excluded:
    """What an exclusion or readmission changed."""

    people: int
    moved: tuple[Moved, ...] = ()
    """Accounts whose notice goes to another role now."""
    without_contact: tuple[str, ...] = ()
    """Numbers of accounts that have nobody left to tell: to be repaired."""


async def exclude(
    tx: Transaction,
    keys: Keys,
    incident: Incident,
    *,
    numbers: Sequence[str] = (),
    selection: Selection | None = None,
    reason: str,
    readmit: bool = False,
    unaffected: bool = False,
    actor: str,
) -> Excluded:
    """Exclude affected customers, or readmit excluded ones; ``unaffected``: they were not affected after all.

    They are named by customer number or described by a selection. A selection is about people's own data:
    who is told for an account still is, unless named by number. An account whose contacts are all excluded
    is told through its next role. A number that is not on the list is ``BadInput``, and then nothing is
    changed. Not to be affected after all concerns people's own data alone, too.
    """
    require_open(incident)
    reason = read_note("the reason", reason)
    if bool(numbers) == (selection is not None):
        raise BadInput("name customers, or describe them", advice="Use --number or --where, one of the two.")
    who, params, what = await _described(tx, incident, numbers, selection)
    standing = "excluded <> ''" if readmit else f"excluded IN ('', '{LEFT}')"
    if unaffected:  # Whoever was excluded for another reason is not affected either.
        standing = "NOT unaffected"
    own = " AND via_account_id = 0" if unaffected or (selection is not None and not readmit) else ""
    rows = f"incident_id = :incident AND {standing}{own} AND customer_id IN ({who})"
    people, committed = await _commit(tx, rows, {**params, "incident": incident.id})
    await tx.write(
        f"UPDATE affected SET excluded = :reason, unaffected = :unaffected WHERE {rows}",
        {
            **params,
            "reason": "" if readmit else reason,
            "unaffected": unaffected,
            "incident": incident.id,
        },
    )
    if not people:
        raise BadInput(
            "this would change nobody",
            advice="They are not on the list, or excluded already: see `notifier incidents affected`.",
        )
    kind, action = _ACTS["readmit" if readmit else "unaffected" if unaffected else "exclude"]
    what = f"{what}: {committed}"
    await keep_act(tx, incident, kind=kind, what=what, note=reason, people=people, actor=actor)
    tx.record(
        Event(
            action,
            {
                "incident": incident.code,
                "people": people,
                "who_digest": committed,
                "reason_digest": tx.commitment("reason", reason),
                "actor": f"operator:{actor}",
            },
        )
    )
    if readmit or unaffected or selection is not None:
        return Excluded(people)
    accounts = await tx.rows(
        "SELECT DISTINCT via_account_id AS id FROM affected"
        f" WHERE incident_id = :incident AND via_account_id <> 0 AND customer_id IN ({who})",
        **params,
        incident=incident.id,
    )
    moved, silent = await succeed(tx, keys, incident, [row.id for row in accounts], actor=actor)
    return Excluded(people, tuple(moved), tuple(silent))


async def _commit(tx: Transaction, rows: str, params: Mapping[str, Any]) -> tuple[int, str]:
    """Return how many people some rows are about, and the commitment to exactly these; memory stays flat."""
    people, made = 0, tx.committing("people")
    async for part in tx.stream(
        f"SELECT uid FROM customer WHERE id IN (SELECT customer_id FROM affected WHERE {rows}) ORDER BY uid",
        **params,
    ):
        people += len(part)
        made.update("".join(f"{row.uid}\n" for row in part).encode())
    return people, made.hexdigest()


async def _described(
    tx: Transaction, incident: Incident, numbers: Sequence[str], selection: Selection | None
) -> tuple[str, dict[str, str], str]:
    """Return a SELECT of customer ids, its values, and the words for the record."""
    if selection is not None:
        condition, params = selection.condition(tx.dialect)
        return f"SELECT c.id FROM customer c WHERE {condition}", params, selection.text
    source = tx.recordset("excluded_numbers", "v", number="text")
    bound = {"excluded_numbers": orjson.dumps([{"number": number} for number in numbers]).decode()}
    found = await tx.rows(
        f"SELECT c.number FROM {source} JOIN customer c ON c.number = v.number"
        " JOIN affected a ON a.customer_id = c.id AND a.incident_id = :incident",
        incident=incident.id,
        **bound,
    )
    if missing := set(numbers) - {row.number for row in found}:
        raise BadInput(
            f"not on the list of affected customers: {amount(len(missing), 'number')}",
            advice="Check them with `notifier incidents affected`; nothing was changed.",
        )
    return (
        f"SELECT c.id FROM {source} JOIN customer c ON c.number = v.number",
        bound,
        amount(len(numbers), "number"),
    )
