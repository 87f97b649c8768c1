"""Taking people off: they were thought to be affected, and were not.

They stay on the list, counted apart. What still waits for them is not sent. Those who were told are told so
by ``acts.again``; nobody else is told anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from incidents.affected.exclusion import exclude
from incidents.corrections.standing import UNAFFECTED_MEMBER, untold_of_it
from incidents.selection import Selection
from incidents.store import Incident
from notifier import barring
from notifier.keys import Keys
from notifier.store import Transaction


@dataclass(frozen=True, slots=True)
class TakenOff:
    """What taking people off has done."""

    people: int
    told: int
    """People of the incident, taken off now or before, who were told and not yet told that it is not them."""


async def unaffect(
    tx: Transaction,
    keys: Keys,
    incident: Incident,
    *,
    numbers: Sequence[str] = (),
    selection: Selection | None = None,
    reason: str,
    actor: str,
) -> TakenOff:
    """Take affected customers off with a reason, by number or as described.

    This is about their own data; whoever is told for an account still is. ``exclude`` with ``readmit`` undoes
    it. Numbers that are not on the list, and nobody to take off, are ``BadInput``.
    """
    done = await exclude(
        tx, keys, incident, numbers=numbers, selection=selection, reason=reason, unaffected=True, actor=actor
    )
    await barring.bar(
        tx,
        subject=incident.code,
        condition=f"u.kind <> 'not-affected' AND {UNAFFECTED_MEMBER}",
        params={"incident": incident.id},
        actor=actor,
        altogether=True,
    )
    return TakenOff(done.people, await untold_of_it(tx, incident.code, incident.id))
