"""Contact points that the incident compromised: never used for this incident, whoever owns them, and when."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from incidents.affected import rules
from incidents.affected.acts import read_note, require_open
from incidents.affected.listing import Entry, PeopleList
from incidents.affected.lists import NO_ADDRESS, ProblemRow
from incidents.selection import Selection
from incidents.store import Incident
from notifier.categories import CODES
from notifier.customers.faults import Faulty
from notifier.customers.normalise import emails, phones
from notifier.customers.normalise.cells import clean
from notifier.customers.sealing import Sealer
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.store import Transaction


@dataclass(slots=True)
class CompromisedList:
    """What became of a list of compromised addresses."""

    rows: int = 0
    marked: int = 0
    """Addresses that were not marked before."""
    points: int = 0
    """Contact points of affected people, and of whoever is written to for them, that are never used."""
    waiting: int = 0
    """Addresses of nobody who is affected yet: kept, should somebody come who has them."""
    problems: list[ProblemRow] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return the counts as plain data."""
        return {"addresses": self.marked, "contact_points": self.points, "waiting": self.waiting}


async def compromise_channels(
    tx: Transaction,
    incident: Incident,
    channels: Collection[str],
    *,
    selection: Selection | None = None,
    exposed: str = "",
    reason: str,
    actor: str,
) -> int:
    """Mark all contact points of some channels as compromised; returns for how many affected people.

    For everybody, for those a selection describes, or for those of whom ``exposed`` was exposed: whoever is
    affected now, and whoever comes to be.
    """
    require_open(incident)
    reason = read_note("the reason", reason)
    if not channels:
        raise BadInput("no channel was named", advice="Use --channel email, or --list FILE.")
    if exposed and exposed not in CODES:
        raise BadInput("there is no such data category", advice=f"There are: {', '.join(CODES)}.")
    marked, described = rules.read_channels(channels), selection.text if selection else ""
    where, params = rules.unmarked(tx, marked, selection, exposed)
    people = int(
        await tx.scalar(
            f"SELECT count(DISTINCT customer_id) FROM affected WHERE {where}",
            **params,
            incident=incident.id,
        )
    )
    new = 0
    for channel in marked.split():
        new += await rules.add_channel(
            tx, incident, channel, described=described, exposed=exposed, actor=actor
        )
    if new and selection is not None and not exposed:
        people += await rules.wards(tx, incident, selection)
    if not (people or new):
        raise BadInput("this is marked already", advice="Nothing was changed.")
    whose = " and ".join(part for part in (described, f"exposed {exposed}" if exposed else "") if part)
    what = f"{' '.join(marked.split())}: {whose or 'everybody'}"
    await rules.keep(tx, incident, what, reason=reason, people=people, actor=actor)
    return people


async def compromise_addresses(
    tx: Transaction, keys: Keys, incident: Incident, listed: PeopleList, *, reason: str, actor: str
) -> CompromisedList:
    """Mark single addresses as compromised, whoever has them or comes to have them."""
    require_open(incident)
    reason = read_note("the reason", reason)
    result = CompromisedList()
    sealer = Sealer(keys)
    before = await rules.concerned(tx, incident)
    for chunk in listed.chunks():
        result.rows += len(chunk)
        found: dict[bytes, None] = {}
        for entry in chunk:
            index = _index(sealer, entry)
            if index is None:
                result.problems.append(ProblemRow(entry, NO_ADDRESS))
            else:
                found[index] = None
        await _mark(tx, incident, list(found), result, actor=actor)
    if len(result.problems) == result.rows:
        raise BadInput("no address in this list can be read", advice="Correct it; nothing was changed.")
    people = await rules.concerned(tx, incident) - before
    what = f"list {listed.digest(tx)}"
    await rules.keep(tx, incident, what, reason=reason, people=people, addresses=result.marked, actor=actor)
    return result


def _index(sealer: Sealer, entry: Entry) -> bytes | None:
    """Return the blind index of the mailbox or line, whichever way its address is spelled."""
    try:
        if address := entry.values.get("email"):
            return sealer.indexes(emails.email(clean(address, [])))[1]
        if number := entry.values.get("phone"):
            return sealer.indexes(phones.phone(clean(number, []), "", []))[1]
    except Faulty:
        pass
    return None


async def _mark(
    tx: Transaction, incident: Incident, indexes: Sequence[bytes], result: CompromisedList, *, actor: str
) -> None:
    if not indexes:
        return
    result.marked += await rules.add_addresses(tx, incident, indexes, actor=actor)
    named = {f"index_{place}": index for place, index in enumerate(indexes)}
    affected = "SELECT 1 FROM affected a WHERE a.incident_id = :incident AND a.customer_id"
    points = await tx.rows(
        "SELECT p.folded_index FROM contact_point p"
        f" WHERE p.folded_index IN ({', '.join(f':{name}' for name in named)})"
        f" AND (EXISTS ({affected} = p.customer_id)"
        f" OR EXISTS ({affected} IN (SELECT w.id FROM customer w WHERE w.guardian_id = p.customer_id)))",
        **named,
        incident=incident.id,
    )
    result.points += len(points)
    result.waiting += len(indexes) - len({bytes(row.folded_index) for row in points})
