"""Contact points that the incident compromised: never used for this incident, whoever owns them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from incidents.actions import IncidentAction
from incidents.affected.acts import keep_act, read_note, require_open
from incidents.affected.barring import bar_compromised
from incidents.affected.criteria import read_channels
from incidents.affected.listing import Entry, PeopleList
from incidents.affected.lists import INVALID, UNMATCHED, ProblemRow
from incidents.selection import Selection
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.categories import CODES
from notifier.customers.faults import Faulty
from notifier.customers.normalise import emails, phones
from notifier.customers.normalise.cells import clean
from notifier.customers.sealing import Sealer
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.store import Transaction

_CHUNK = 500


@dataclass(slots=True)
class CompromisedList:
    """What became of a list of compromised addresses."""

    rows: int = 0
    points: int = 0
    """Contact points of affected people that are now never used."""
    problems: list[ProblemRow] = field(default_factory=list)


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

    For everybody affected, for those a selection describes, or for those of whom ``exposed`` was exposed.
    """
    require_open(incident)
    reason = read_note("the reason", reason)
    if not channels:
        raise BadInput("no channel was named", advice="Use --channel email, or --list FILE.")
    if exposed and exposed not in CODES:
        raise BadInput("there is no such data category", advice=f"There are: {', '.join(CODES)}.")
    marked, conditions = read_channels(channels), ["incident_id = :incident"]
    params: dict[str, str] = {}
    if selection is not None:
        condition, params = selection.condition(tx.dialect)
        conditions.append(f"customer_id IN (SELECT c.id FROM customer c WHERE {condition})")
    if exposed:
        conditions.append(f"categories LIKE '% {exposed} %'")
    people = 0
    for word in marked.split():
        people = max(
            people,
            await tx.write(
                f"UPDATE affected SET compromised = compromised || ' {word} '"
                f" WHERE {' AND '.join(conditions)} AND compromised NOT LIKE '% {word} %'",
                {**params, "incident": incident.id},
            ),
        )
    if not people:
        raise BadInput("this would change nobody", advice="Choose who is affected first, then mark.")
    what = selection.text if selection else f"exposed {exposed}" if exposed else "everybody"
    await _keep(tx, incident, f"{marked.strip()}: {what}", reason=reason, people=people, actor=actor)
    return people


async def compromise_addresses(
    tx: Transaction, keys: Keys, incident: Incident, listed: PeopleList, *, reason: str, actor: str
) -> CompromisedList:
    """Mark single addresses of affected people, their guardians or an account's contacts as compromised."""
    require_open(incident)
    reason = read_note("the reason", reason)
    result = CompromisedList()
    sealer = Sealer(keys)
    for chunk in _chunks(listed.entries()):
        result.rows += len(chunk)
        indexed: dict[bytes, list[Entry]] = {}
        for entry in chunk:
            index = _index(sealer, entry)
            if index is None:
                result.problems.append(ProblemRow(entry, INVALID))
            else:
                indexed.setdefault(index, []).append(entry)
        found, points = await _mark(tx, incident, list(indexed))
        result.points += points
        result.problems += [
            ProblemRow(entry, UNMATCHED)
            for index, entries in indexed.items()
            if index not in found
            for entry in entries
        ]
    if not result.points:
        raise BadInput(
            "none of these addresses belongs to somebody affected by this incident",
            advice="Choose who is affected first; nothing was changed.",
        )
    await _keep(tx, incident, f"list {listed.digest()}", reason=reason, people=result.points, actor=actor)
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


async def _mark(tx: Transaction, incident: Incident, indexes: Sequence[bytes]) -> tuple[set[bytes], int]:
    if not indexes:
        return set(), 0
    names = {f"index_{place}": index for place, index in enumerate(indexes)}
    source = (
        "SELECT a.id AS affected_id, p.id AS point_id, p.folded_index FROM contact_point p"
        " JOIN customer c ON c.id = p.customer_id OR c.guardian_id = p.customer_id"
        " JOIN affected a ON a.customer_id = c.id AND a.incident_id = :incident"
        f" WHERE p.folded_index IN ({', '.join(f':{name}' for name in names)})"
    )
    params = {**names, "incident": incident.id}
    rows = await tx.rows(f"SELECT DISTINCT folded_index FROM ({source}) AS s", **params)
    points = await tx.write(
        f"INSERT INTO affected_compromised (affected_id, contact_point_id) SELECT affected_id, point_id"
        f" FROM ({source}) AS s WHERE true ON CONFLICT DO NOTHING",
        params,
    )
    return {bytes(row.folded_index) for row in rows}, points


async def _keep(
    tx: Transaction, incident: Incident, what: str, *, reason: str, people: int, actor: str
) -> None:
    await keep_act(tx, incident, kind="compromise", what=what, note=reason, people=people, actor=actor)
    await bar_compromised(tx, incident, actor=actor)
    tx.record(
        Event(
            IncidentAction.CONTACT_POINTS_COMPROMISED,
            {"incident": incident.code, "people": people, "actor": f"operator:{actor}"},
        )
    )


def _chunks(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    while chunk := list(islice(entries, _CHUNK)):
        yield chunk
