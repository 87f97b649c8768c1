"""Customers who may be one person: found by blind indexes alone, listed for review, never merged.

In a group that shares something, each is paired with the first: a switchboard's number shared by a
thousand gives a thousand candidates, not half a million. A child with a guardian's address is no candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.errors import Conflict, NotFound
from notifier.store import Transaction

Decision = Literal["same", "different"]

# First the groups, from the index alone; then their members, which are few.
_SHARED_POINTS = """
    SELECT first_id, customer_id AS second_id,
           CASE channel WHEN 'email' THEN 'email' ELSE 'phone' END AS reason
    FROM (SELECT p.customer_id, p.channel, min(p.customer_id) OVER (PARTITION BY p.folded_index) AS first_id
          FROM (SELECT folded_index FROM contact_point GROUP BY folded_index
                HAVING min(customer_id) <> max(customer_id)) g
          JOIN contact_point p ON p.folded_index = g.folded_index
          WHERE p.channel IN ('email', 'sms', 'voice') AND p.state <> 'retired') m
    WHERE customer_id <> first_id"""
_SHARED_PLACES = """
    SELECT first_id, id AS second_id, 'name-and-address' AS reason
    FROM (SELECT c.id, min(c.id) OVER (PARTITION BY c.place_index) AS first_id
          FROM (SELECT place_index FROM customer WHERE place_index IS NOT NULL
                GROUP BY place_index HAVING count(*) > 1) g
          JOIN customer c ON c.place_index = g.place_index) m
    WHERE id <> first_id"""
_FOUND = f"""
    SELECT DISTINCT d.first_id, d.second_id, d.reason
    FROM ({_SHARED_POINTS} UNION ALL {_SHARED_PLACES}) d
    JOIN customer a ON a.id = d.first_id JOIN customer b ON b.id = d.second_id
    WHERE coalesce(a.guardian_id, 0) <> b.id AND coalesce(b.guardian_id, 0) <> a.id"""


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found: candidates new, no longer matching, and open altogether."""

    found: int
    withdrawn: int
    open: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two customers who may be one person."""

    id: int
    reason: str
    state: str
    first_id: int
    second_id: int
    first_number: str
    second_number: str
    decided_by: str


WITHDRAW = (
    "DELETE FROM duplicate_candidate AS c WHERE c.state = 'open' "
    "AND NOT EXISTS (SELECT 1 FROM duplicate_found f "
    "WHERE f.first_id = c.first_id AND f.second_id = c.second_id AND f.reason = c.reason)"
)


async def gather_matches(tx: Transaction) -> None:
    """Put all that match now into a temporary table ``duplicate_found``, which ``WITHDRAW`` looks into."""
    # The types are declared: without them SQLite compares by conversion and reads the table for each row.
    await tx.make_temporary(
        "duplicate_found",
        key="first_id, second_id, reason",
        first_id="bigint",
        second_id="bigint",
        reason="text",
    )
    await tx.housekeep(f"INSERT INTO duplicate_found (first_id, second_id, reason) {_FOUND}")


async def search_duplicates(tx: Transaction) -> Search:
    """Find candidates in the whole store; open ones that no longer match are withdrawn."""
    await gather_matches(tx)
    withdrawn = await tx.write(WITHDRAW)
    found = await tx.write(
        "INSERT INTO duplicate_candidate (first_id, second_id, reason, state, decided_by) "
        "SELECT first_id, second_id, reason, 'open', '' FROM duplicate_found WHERE true "
        "ON CONFLICT (first_id, second_id, reason) DO NOTHING"
    )
    await tx.housekeep("DROP TABLE duplicate_found")
    still = int(await tx.scalar("SELECT count(*) FROM duplicate_candidate WHERE state = 'open'"))
    tx.record(
        Event(
            AuditAction.DUPLICATES_SEARCHED,
            {"actor": "system", "found": found, "withdrawn": withdrawn, "open": still},
        )
    )
    return Search(found, withdrawn, still)


_LIST = (
    "SELECT d.id, d.reason, d.state, d.first_id, d.second_id, a.number AS first_number, "
    "b.number AS second_number, d.decided_by "
    "FROM duplicate_candidate d JOIN customer a ON a.id = d.first_id JOIN customer b ON b.id = d.second_id "
)


async def list_duplicates(tx: Transaction, state: str, after: int, limit: int) -> Sequence[Candidate]:
    """Return candidates in ``state``, those with an id above ``after`` first: the next page begins there."""
    rows = await tx.rows(
        f"{_LIST} WHERE d.state = :state AND d.id > :after ORDER BY d.id LIMIT :limit",
        state=state,
        after=after,
        limit=limit,
    )
    return [Candidate(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


async def decide_duplicate(tx: Transaction, candidate_id: int, decision: Decision, actor: str) -> None:
    """Put on record that two customers are one person, or two. Nothing about them is changed."""
    rows = await tx.rows(f"{_LIST} WHERE d.id = :id", id=candidate_id)
    if not rows:
        raise NotFound(
            f"there is no candidate {candidate_id}", advice="`notifier customers duplicates list` lists them."
        )
    if rows[0].state == decision:
        raise Conflict(f"candidate {candidate_id} is already decided: {decision}")
    await tx.write(
        "UPDATE duplicate_candidate SET state = :state, decided_by = :actor, decided_at = :now "
        "WHERE id = :id",
        {"state": decision, "actor": actor, "now": tx.now_us(), "id": candidate_id},
    )
    uids = await tx.rows(
        "SELECT uid FROM customer WHERE id IN (:first, :second) ORDER BY id",
        first=rows[0].first_id,
        second=rows[0].second_id,
    )
    tx.record(
        Event(
            AuditAction.DUPLICATE_DECIDED,
            {
                "actor": actor,
                "candidate": candidate_id,
                "people": [row.uid for row in uids],
                "reason": rows[0].reason,
                "before": rows[0].state,
                "decision": decision,
            },
        )
    )
