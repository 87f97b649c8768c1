"""Who has been told what: the base of a top-up, in which nobody is told the same facts twice.

An audience counts as told unless it was replaced, or every announcement to it was cancelled; of a
cancelled one only those count whose notice may have left the house.
"""

from __future__ import annotations

from collections.abc import Sequence

from notifier.audiences import Audience
from notifier.deliveries import State
from notifier.store import Transaction

_MAY_HAVE_LEFT = (
    *(State.ACCEPTED, State.DELIVERED, State.BOUNCED, State.UNKNOWN, State.HELD, State.HANDING_OVER),
)


def replaced(audiences: Sequence[Audience]) -> set[str]:
    """Return the codes of the audiences that another one has replaced."""
    return {code for one in audiences if (code := str(one.selection.get("replaces", "")))}


async def gather(tx: Transaction, audiences: Sequence[Audience]) -> bool:
    """Fill the temporary table ``told_before``; says whether anything counts.

    One row a customer: ``listed`` are the categories of the newest audience they were in, ``told`` those of
    the newest in which they were due a notice (NULL if never).
    """
    await tx.housekeep("DROP TABLE IF EXISTS told_before")
    gone = " ON COMMIT DROP" if tx.dialect == "postgresql" else ""
    await tx.housekeep(
        f"CREATE TEMP TABLE told_before (customer_id bigint PRIMARY KEY, listed text, told text){gone}"
    )
    out = replaced(audiences)
    for audience in audiences:
        if audience.code in out:
            continue
        rows = await tx.rows("SELECT state FROM announcement WHERE audience_id = :id", id=audience.id)
        cancelled = bool(rows) and all(row.state == "cancelled" for row in rows)
        await tx.housekeep(
            "INSERT INTO told_before (customer_id, listed, told)"
            " SELECT m.customer_id, m.categories, CASE WHEN m.state = 'due' THEN m.categories END"
            f" FROM audience_member m WHERE m.audience_id = :id AND {_left() if cancelled else 'true'}"
            " ON CONFLICT (customer_id) DO UPDATE SET listed = excluded.listed,"
            " told = COALESCE(excluded.told, told_before.told)",
            {"id": audience.id},
        )
    return bool(await tx.scalar("SELECT 1 FROM told_before LIMIT 1"))


def _left() -> str:
    states = ", ".join(f"'{state}'" for state in _MAY_HAVE_LEFT)
    return f"EXISTS (SELECT 1 FROM delivery d WHERE d.member_id = m.id AND d.state IN ({states}))"
