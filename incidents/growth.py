"""What has grown since people were told: details that are new, and an account's data beside their own.

Categories are compared in the freeze itself. Details are sealed, so those that were sealed anew since are
opened and compared here; they are few. The result stands in ``told_before``: one row a customer, whose
``told`` lacks the categories to be told as new.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Row

from incidents import special
from incidents.actions import IncidentAction
from incidents.affected.details import Since, open_details, seal_details, since
from incidents.affected.words import difference
from incidents.special import marked
from incidents.store import Incident
from notifier.audiences import Audience
from notifier.audit.entry import Event
from notifier.audit.frozen import Committed, Kind, commit
from notifier.categories import ordered
from notifier.customers.values import word_set
from notifier.keys import Keys
from notifier.store import Transaction

_CHUNK = 500
_NEXT_LAST = (
    "SELECT max(p.customer_id) FROM (SELECT customer_id FROM special WHERE customer_id > :after"
    f" ORDER BY customer_id LIMIT {_CHUNK}) AS p"
)
_TOLD_THROUGH = (
    "((x.variant IN ('guardian', 'next-of-kin') AND a.id = x.row_id)"
    " OR (x.variant NOT IN ('guardian', 'next-of-kin') AND a.excluded = ''"
    " AND NOT (x.variant = 'account' AND a.via_account_id = 0)))"
)
"""The rows whose data a notice has: a contact's own and each account's; a ward's is about the ward."""


_EXPOSURES = (
    "audience_exposure e JOIN audience_member m ON m.audience_id = e.audience_id"
    " AND m.customer_id = e.customer_id"
)
_EXPOSURE: Sequence[tuple[str, Kind]] = (
    ("m.uid", "text"),
    ("e.via_account_id", "number"),
    ("e.categories", "text"),
    ("e.sealed", "bytes"),
)


@dataclass(frozen=True, slots=True)
class _Exposure:
    """What is known of one person, or of an account they are a contact of, beside what was told of it."""

    via_account_id: int
    merged: str
    categories: str
    listed: str | None
    told: str | None
    details: dict[str, Any]
    since: Since
    """What was told."""
    since_listed: Since
    """What was frozen with them last, told or not."""

    @property
    def new(self) -> set[str]:
        """The data categories to be told as new, as the notice has them."""
        codes = set(self.categories.split())
        return codes if self.told is None else codes - set(self.told.split()) | self.since.hinted & codes

    @property
    def grown(self) -> set[str]:
        """The categories that make it grow: records name none, so that more of them count for all."""
        return set(self.categories.split()) if self.since.details["records_new"] else self.new

    @property
    def frozen(self) -> bool:
        """Whether they were last frozen with all of it."""
        later = self.since_listed
        return self.listed == self.categories and not (later.hinted or later.details["records_new"])

    def notice(self, *, first: bool) -> tuple[int, dict[str, Any]]:
        """Return its part of a notice. In a ``first`` one, only what was told before is set apart."""
        if first and self.told is None:
            return self.via_account_id, {**self.details, "categories": marked(self.categories)}
        return self.via_account_id, {**self.since.details, "categories": marked(self.categories, self.new)}


async def weigh(tx: Transaction, keys: Keys, incident: Incident, *, has_special: bool) -> bool:
    """Bring ``told_before`` to one row a customer, with what has grown taken out of what they were told.

    ``special`` has whoever is to be told other details too, then; says whether there is anybody in it.
    """
    has_special = await _other_details(tx, incident) or has_special
    if has_special:
        await _compare(tx, keys, incident)
    await _differences(tx, incident)
    return has_special


async def keep(tx: Transaction, incident: Incident, audience: Audience) -> None:
    """Keep what those in ``special`` are told, for each account: their notice alone does not say it."""
    await tx.write(
        "INSERT INTO audience_exposure (audience_id, customer_id, via_account_id, categories, sealed)"
        " SELECT m.audience_id, a.customer_id, a.via_account_id, a.categories, a.sealed FROM special x"
        " JOIN affected a ON a.customer_id = x.customer_id AND a.incident_id = :incident"
        " JOIN audience_member m ON m.customer_id = x.customer_id AND m.audience_id = :audience"
        f" WHERE {_TOLD_THROUGH}",
        {"incident": incident.id, "audience": audience.id},
    )
    salt = bytes(await tx.scalar("SELECT salt FROM audience WHERE id = :id", id=audience.id))
    made = await exposures(tx, audience.id, salt)
    tx.record(
        Event(
            IncidentAction.EXPOSURES_FROZEN,
            {
                "audience": audience.code,
                "count": made.rows,
                "root": made.root,
                "actor": f"operator:{audience.frozen_by}",
            },
        )
    )


async def exposures(tx: Transaction, audience_id: int, salt: bytes) -> Committed:
    """Commit to the rows that ``keep`` made, as an audience does to its members."""
    return await commit(tx, audience_id, salt, source=_EXPOSURES, columns=_EXPOSURE)


async def _differences(tx: Transaction, incident: Incident) -> None:
    """Fill the temporary table ``grown``: what each set of categories adds to what was told.

    A million people have some dozens of such pairs; working the difference out for each person costs seconds.
    """
    await tx.make_temporary("grown", key="categories, told", categories="text", told="text", added="text")
    await tx.housekeep(
        f"INSERT INTO grown SELECT p.categories, p.told, {difference('p.categories', 'p.told')} FROM"
        " (SELECT DISTINCT a.categories, k.told FROM affected a JOIN told_before k"
        " ON k.customer_id = a.customer_id AND k.via_account_id = 0 WHERE a.incident_id = :id"
        " AND a.via_account_id = 0 AND k.told IS NOT NULL AND a.categories <> k.told) AS p",
        {"id": incident.id},
    )


async def _other_details(tx: Transaction, incident: Incident) -> bool:
    """Put into ``special`` whoever else was told of details that were sealed anew since."""
    added = await tx.housekeep(
        "INSERT INTO special (customer_id, row_id, variant, categories, compromised, excluded, sealed)"
        " SELECT a.customer_id, a.id, 'person', a.categories, a.compromised, a.excluded, a.sealed"
        " FROM affected a JOIN told_before k ON k.customer_id = a.customer_id AND k.via_account_id = 0"
        " WHERE a.incident_id = :id AND a.via_account_id = 0 AND a.excluded = '' AND a.sealed IS NOT NULL"
        " AND k.told IS NOT NULL AND k.reader_id = a.customer_id AND a.sealed IS DISTINCT FROM k.sealed"
        " AND a.customer_id NOT IN (SELECT customer_id FROM special) RETURNING 1",
        {"id": incident.id},
    )
    return bool(added)


async def _compare(tx: Transaction, keys: Keys, incident: Incident) -> None:
    """Compare, for all in ``special``, what is known with what was told, and say in their notice what is new.

    Where a contact's own data stands beside an account's, one category may be new in one list and told
    before in another.
    """
    await tx.make_temporary("said_anew", key="customer_id", customer_id="bigint", sealed="blob")
    after = 0
    while (last := await tx.scalar(_NEXT_LAST, after=after)) is not None:
        rows = await _between(tx, incident, after, last)
        after = last
        owners = {row.id: row.customer_id for row in rows}
        details = await open_details(tx, keys, {row.id: row.sealed for row in rows}, owners)
        told = {row.id: row.before for row in rows if row.told is not None}
        before = await open_details(tx, keys, told, owners)
        frozen = await open_details(tx, keys, {row.id: row.frozen for row in rows}, owners)
        by_person: dict[int, list[_Exposure]] = defaultdict(list)
        for row in rows:
            now = details.get(row.id, {})
            by_person[row.customer_id].append(
                _Exposure(
                    *(row.via_account_id, row.merged, row.categories, row.listed, row.told),
                    *(now, since(before.get(row.id, {}), now), since(frozen.get(row.id, {}), now)),
                )
            )
        readers = {row.customer_id: (row.reader_id, row.told_reader_id) for row in rows}
        made = {one: _together(several) for one, several in by_person.items() if _known(several)}
        await tx.housekeep(
            "DELETE FROM told_before WHERE customer_id IN"
            f" (SELECT v.id FROM {tx.recordset('gathered', 'v', id='bigint')})",
            {"gathered": orjson.dumps([{"id": one} for one in by_person]).decode()},
        )
        await tx.insert_many(
            "told_before",
            ("customer_id", "via_account_id", "listed", "told", "reader_id"),
            ((one, 0, *said, readers[one][1]) for one, said in made.items()),
        )
        notices = await open_details(tx, keys, {row.customer_id: row.notice for row in rows})
        anew = {}
        for one, (_listed, said) in made.items():
            now, before_now = readers[one]
            if before_now is None or now == before_now:  # Somebody else reads it for the first time.
                parts = [exposure.notice(first=said is None) for exposure in by_person[one]]
                anew[one] = {**notices.get(one, {}), **special.told(parts)}
        sealed = await seal_details(tx, keys, anew)
        await tx.housekeep_many("said_anew", ("customer_id", "sealed"), sealed.items())
    # Whoever is excluded as a whole was known all the same.
    await tx.housekeep(
        "INSERT INTO told_before (customer_id, via_account_id, listed) SELECT DISTINCT k.customer_id, 0, ''"
        " FROM told_before k JOIN special x ON x.customer_id = k.customer_id WHERE x.excluded <> ''"
        " AND k.via_account_id <> 0 ON CONFLICT DO NOTHING"
    )
    await tx.housekeep(
        "UPDATE special SET sealed = s.sealed FROM said_anew s WHERE s.customer_id = special.customer_id"
    )


async def _between(tx: Transaction, incident: Incident, after: int, last: int) -> Sequence[Row[Any]]:
    """Return what the people in ``special`` behind ``after`` up to ``last`` are told of; perhaps nothing."""
    return await tx.rows(
        "SELECT a.id, a.customer_id, a.via_account_id, a.categories, a.sealed, x.categories AS merged,"
        " x.sealed AS notice, k.listed, k.told, k.sealed AS before, k.frozen, k.reader_id AS told_reader_id,"
        " CASE WHEN x.variant IN ('guardian', 'next-of-kin') THEN c.guardian_id ELSE c.id END AS reader_id"
        " FROM special x JOIN affected a ON a.customer_id = x.customer_id AND a.incident_id = :id"
        " JOIN customer c ON c.id = x.customer_id"
        " LEFT JOIN told_before k ON k.customer_id = a.customer_id AND k.via_account_id = a.via_account_id"
        f" WHERE x.customer_id > :after AND x.customer_id <= :last AND {_TOLD_THROUGH}"
        " ORDER BY a.customer_id, a.via_account_id, a.id",
        id=incident.id,
        after=after,
        last=last,
    )


def _known(several: Iterable[_Exposure]) -> bool:
    return any(one.listed is not None for one in several)


def _together(several: list[_Exposure]) -> tuple[str, str | None]:
    """Return what a person was listed with and told, as if it had been said in one notice."""
    merged = several[0].merged
    listed = merged if all(one.frozen for one in several) else ""
    own_untold = any(one.via_account_id == 0 and one.told is None for one in several)
    if own_untold or all(one.told is None for one in several):
        # Whoever has not been told of their own data gets a first notice, not an update of an account's.
        return listed, None
    grown = set[str]().union(*(one.grown for one in several))
    if not grown:
        return listed, merged
    told = word_set(ordered([code for code in merged.split() if code not in grown]))
    return listed, told if told != merged else ""
