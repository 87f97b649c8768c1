"""Who got it: the people of whom a notice may have left the house, or came back, and how it went to them.

What came back may have been read all the same (an address that forwards), so its reader is told again too;
what was refused, suppressed, cancelled or never made reached nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from incidents import told
from incidents.corrections.standing import GOT, UNAFFECTED
from incidents.selection import Selection
from incidents.store import Incident
from notifier.audiences import Audience
from notifier.errors import BadInput
from notifier.precedence import MAY_HAVE_LEFT
from notifier.store import Transaction
from notifier.words import amount


@dataclass(frozen=True, slots=True)
class Base:
    """What was said before: one announcement, or all about a case."""

    corrects: str
    """The announcement's code or the incident's."""
    whole: bool

    @property
    def condition(self) -> str:
        """The condition on an announcement ``o`` and its audience ``u``."""
        return "u.subject = :corrects" if self.whole else "o.code = :corrects"


@dataclass(frozen=True, slots=True)
class Cohort:
    """Only some of those who got it."""

    numbers: Sequence[str] = ()
    selection: Selection | None = None

    def __str__(self) -> str:
        """Return the cohort as it is quoted by the audience."""
        return self.selection.text if self.selection else amount(len(self.numbers), "number")

    def __bool__(self) -> bool:
        """Say whether it leaves anybody out."""
        return bool(self.numbers or self.selection)


async def gather(
    tx: Transaction, incident: Incident, base: Base, kind: str, earlier: Sequence[Audience]
) -> int:
    """Fill the temporary table ``got``: a row a person, ``by_email`` 1 or 0. Returns how many there are.

    Left out are those who have been told so already, and, but for those who are told just that, those who
    are not affected after all.
    """
    await tx.make_temporary("got", key="customer_id", customer_id="bigint", by_email="bigint")
    await tx.housekeep(
        "INSERT INTO got (customer_id, by_email) SELECT d.customer_id,"
        " max(CASE WHEN d.channel = 'email' THEN 1 ELSE 0 END) FROM delivery d"
        " JOIN announcement o ON o.id = d.announcement_id JOIN audience u ON u.id = o.audience_id"
        f" WHERE {base.condition} AND {GOT} GROUP BY d.customer_id",
        {"corrects": base.corrects},
    )
    unaffected = UNAFFECTED.format(who="got.customer_id")
    wanted = f"NOT ({unaffected})" if kind == told.NOT_AFFECTED else unaffected
    await tx.housekeep(f"DELETE FROM got WHERE {wanted}", {"incident": incident.id})
    if kind != told.UPDATE:
        await _leave_out(tx, base, kind, earlier)
    return int(await tx.scalar("SELECT count(*) FROM got") or 0)


async def _leave_out(tx: Transaction, base: Base, kind: str, earlier: Sequence[Audience]) -> None:
    """Leave out whom another such announcement tells; of a cancelled one, of whom it may have left."""
    for one in earlier:
        if one.kind != kind or (kind == told.CORRECTION and one.selection.get("corrects") != base.corrects):
            continue
        # Whoever was told since that they are affected is told anew that they are not.
        later = (
            " AND NOT EXISTS (SELECT 1 FROM audience_member n JOIN audience v ON v.id = n.audience_id"
            " WHERE n.customer_id = m.customer_id AND n.state <> 'excluded' AND v.subject = :subject"
            " AND v.id > m.audience_id)"
            if kind == told.NOT_AFFECTED
            else ""
        )
        values: dict[str, Any] = {"id": one.id, **({"subject": one.subject} if later else {})}
        await tx.housekeep(
            "DELETE FROM got WHERE customer_id IN (SELECT m.customer_id FROM audience_member m"
            " WHERE m.audience_id = :id AND (EXISTS (SELECT 1 FROM announcement a"
            " WHERE a.audience_id = m.audience_id AND a.state <> 'cancelled') OR EXISTS (SELECT 1"
            f" FROM delivery d WHERE d.member_id = m.id AND {MAY_HAVE_LEFT})){later})",
            values,
        )


async def keep_only(tx: Transaction, cohort: Cohort) -> int:
    """Leave out of ``got`` whoever is not in the cohort; returns how many are left.

    A customer number of somebody who is not in ``got`` is ``BadInput``.
    """
    if cohort.numbers and cohort.selection:
        raise BadInput("name customers, or describe them", advice="Use --number or --where, one of the two.")
    if cohort.selection:
        condition, params = cohort.selection.condition(tx.dialect)
        chosen = f"SELECT c.id FROM customer c WHERE {condition}"
    else:
        source = tx.recordset("cohort", "v", number="text")
        params = {"cohort": orjson.dumps([{"number": one} for one in cohort.numbers]).decode()}
        chosen = f"SELECT c.id FROM {source} JOIN customer c ON c.number = v.number"
        found = await tx.scalar(
            f"SELECT count(*) FROM ({chosen}) AS f JOIN got g ON g.customer_id = f.id", **params
        )
        if missing := len(set(cohort.numbers)) - int(found or 0):
            raise BadInput(
                f"not among those who got it: {amount(missing, 'number')}",
                advice="Check them with `notifier customers show`; nothing was changed.",
            )
    await tx.housekeep(f"DELETE FROM got WHERE customer_id NOT IN ({chosen})", params)
    return int(await tx.scalar("SELECT count(*) FROM got") or 0)


async def channels(tx: Transaction, base: Base) -> set[str]:
    """Return the channels on which those in ``got`` got it."""
    rows = await tx.rows(
        "SELECT DISTINCT d.channel FROM delivery d JOIN announcement o ON o.id = d.announcement_id"
        " JOIN audience u ON u.id = o.audience_id JOIN got g ON g.customer_id = d.customer_id"
        f" WHERE {base.condition} AND {GOT}",
        corrects=base.corrects,
    )
    return {row.channel for row in rows}


async def moments(tx: Transaction, base: Base) -> tuple[int, int]:
    """Return the instants at which those in ``got`` were first and last told."""
    row = await tx.row(
        "SELECT min(COALESCE(d.opened_at, d.changed_at)) AS first, max(COALESCE(d.opened_at, d.changed_at))"
        " AS last FROM delivery d JOIN announcement o ON o.id = d.announcement_id"
        " JOIN audience u ON u.id = o.audience_id JOIN got g ON g.customer_id = d.customer_id"
        f" WHERE {base.condition} AND {GOT}",
        corrects=base.corrects,
    )
    return (int(row.first or 0), int(row.last or 0)) if row else (0, 0)
