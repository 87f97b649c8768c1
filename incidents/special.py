"""People whose notice is about somebody else: guardians and next of kin, and an account's contacts.

They are few, so their facts are put together one by one: names are opened and sealed again for the
reader. The result is the temporary table ``special``, which the freeze joins.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from incidents.affected.details import open_details, seal_details
from incidents.store import Incident
from notifier.categories import ordered
from notifier.customers.lookup import open_profiles
from notifier.customers.values import word_set
from notifier.keys import Keys
from notifier.notices import LISTED_RECORDS, shortened
from notifier.store import Transaction

_CHUNK = 500
_FOR_ANOTHER = (
    "c.guardian_id > 0 AND (c.marks LIKE '% minor %' OR c.marks LIKE '% deceased %')"
    # Nobody stands for another who needs somebody to stand for them.
    " AND NOT EXISTS (SELECT 1 FROM customer g WHERE g.id = c.guardian_id"
    " AND (g.marks LIKE '% minor %' OR g.marks LIKE '% deceased %'))"
)


async def gather(tx: Transaction, keys: Keys, incident: Incident) -> bool:
    """Fill the temporary table ``special``; says whether there is anybody in it."""
    await tx.make_temporary(
        "special",
        key="customer_id",
        customer_id="bigint",
        row_id="bigint",
        variant="text",
        categories="text",
        compromised="text",
        excluded="text",
        sealed="blob",
    )
    await _represented(tx, keys, incident)
    await _contacts(tx, keys, incident)
    return bool(await tx.scalar("SELECT 1 FROM special LIMIT 1"))


async def _represented(tx: Transaction, keys: Keys, incident: Incident) -> None:
    """Give guardians and next of kin the name of the person their notice is about."""
    after = 0
    while True:
        rows = await tx.rows(
            "SELECT a.id, a.customer_id, c.guardian_id, a.categories, a.compromised, a.excluded, a.sealed,"
            " CASE WHEN c.marks LIKE '% deceased %' THEN 'next-of-kin' ELSE 'guardian' END AS variant"
            # SQLite keeps the order of a CROSS JOIN: those with a guardian are few.
            " FROM customer c CROSS JOIN affected a WHERE a.customer_id = c.id AND a.incident_id = :id"
            f" AND a.via_account_id = 0 AND {_FOR_ANOTHER} AND c.id > :after ORDER BY c.id LIMIT {_CHUNK}",
            id=incident.id,
            after=after,
        )
        if not rows:
            return
        after = rows[-1].customer_id
        profiles = await open_profiles(
            tx, keys, [one for row in rows for one in (row.customer_id, row.guardian_id)]
        )
        opened = await open_details(tx, keys, {row.customer_id: row.sealed for row in rows})
        details = {}
        for row in rows:
            person, reader = profiles.get(row.customer_id), profiles.get(row.guardian_id)
            names = {"subject": person.name if person else "", "reader": reader.name if reader else ""}
            details[row.customer_id] = {
                **opened.get(row.customer_id, {}),
                **{name: value for name, value in names.items() if value},
            }
        sealed = await seal_details(tx, keys, details)
        await _insert(
            tx,
            (
                (
                    *(row.customer_id, row.id, row.variant, row.categories, row.compromised, row.excluded),
                    sealed.get(row.customer_id),
                )
                for row in rows
            ),
        )


async def _contacts(tx: Transaction, keys: Keys, incident: Incident) -> None:
    """Make one notice of all that an account's contact is to be told, for several accounts too."""
    rows = await tx.rows(
        "SELECT a.id, a.customer_id, a.via_account_id, a.categories, a.compromised, a.excluded, a.sealed"
        " FROM affected a WHERE a.incident_id = :id AND a.customer_id IN"
        " (SELECT customer_id FROM affected WHERE incident_id = :id AND via_account_id <> 0)"
        " AND a.customer_id NOT IN (SELECT customer_id FROM special) ORDER BY a.via_account_id, a.id",
        id=incident.id,
    )
    by_person: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        by_person[row.customer_id].append(row)
    # Own data of which nothing is known to be exposed is no list beside an account's.
    by_person = defaultdict(
        list, {one: [row for row in of if row.categories] or of for one, of in by_person.items()}
    )
    # Somebody excluded for their own data, or for one account, is still told about the rest.
    by_person = defaultdict(
        list, {one: [row for row in of if not row.excluded] or of for one, of in by_person.items()}
    )
    opened = await open_details(
        tx, keys, {row.id: row.sealed for row in rows}, {row.id: row.customer_id for row in rows}
    )
    details = {
        one: told(
            [
                (row.via_account_id, {**opened.get(row.id, {}), "categories": marked(row.categories)})
                for row in of
            ]
        )
        for one, of in by_person.items()
    }
    sealed = await seal_details(tx, keys, details)
    await _insert(tx, (_merged(one, several, sealed.get(one)) for one, several in by_person.items()))


def _merged(customer_id: int, rows: list[Any], sealed: bytes | None) -> tuple[object, ...]:
    own = [row for row in rows if row.via_account_id == 0]
    words = [word for row in rows for word in row.categories.split()]
    compromised = "".join(dict.fromkeys(f" {word} " for row in rows for word in row.compromised.split()))
    excluded = rows[0].excluded
    variant = "person" if own else "account"
    return (customer_id, rows[0].id, variant, word_set(ordered(words)), compromised, excluded, sealed)


def told(parts: Sequence[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    """Return the details of one notice from those of each account (0: the reader's own), in that order.

    Each has its data categories too, as ``marked`` makes them. A reader's own data and the accounts' are
    kept apart.
    """
    own = [details for account, details in parts if account == 0]
    if not own or len(own) == len(parts):
        return _joined([details for _account, details in parts])
    (details,) = own
    return {**details, "accounts": [one for account, one in parts if account]}


def marked(categories: str, new: Collection[str] = ()) -> dict[str, bool]:
    """Return data categories, each with whether it is new since the reader was last told.

    They are keys: unlike texts, keys are seen by the templates as they are.
    """
    return {code: code in new for code in categories.split()}


def _joined(several: list[dict[str, Any]]) -> dict[str, Any]:
    """Join the details of several accounts; each record names its account then, and they share the places."""
    if len(several) == 1:
        return several[0]
    made: dict[str, Any] = {}
    for one in several:
        made.update(one)
    share = max(1, LISTED_RECORDS // len(several))
    for name in ("records", "records_new"):
        if name in made:
            made[name] = [
                f"{one.get('subject', '')}: {record}"
                for one in several
                for record in shortened(one.get(name, ()), share)
            ]
    made["categories"] = {
        code: any(one["categories"].get(code) for one in several)
        for one in several
        for code in one["categories"]
    }
    made["count"] = sum(one.get("count", 0) for one in several)
    made["subject"] = ", ".join(one["subject"] for one in several if "subject" in one)
    return made


async def _insert(tx: Transaction, rows: Iterator[tuple[object, ...]]) -> None:
    columns = ("customer_id", "row_id", "variant", "categories", "compromised", "excluded", "sealed")
    await tx.insert_many("special", columns, rows)
