"""Who has been told what: the base of a top-up, in which nobody is told the same facts twice.

People count as told while a notice to them is to be made or waits, and once one may have left the house;
not where it was refused, returned, suppressed, cancelled, expired or never made. An audience that was
replaced told nobody. What is compared is kept for each person and, for an account's contact, each account.
"""

from __future__ import annotations

from collections.abc import Sequence

from notifier.audiences import Audience
from notifier.deliveries import State
from notifier.precedence import MAY_HAVE_LEFT, WAITS
from notifier.standing import REACHABLE, STEPS_AHEAD
from notifier.store import Transaction

_STANDS = (
    "EXISTS (SELECT 1 FROM delivery d JOIN announcement n ON n.id = d.announcement_id"
    f" WHERE d.member_id = m.id AND ({MAY_HAVE_LEFT}"
    f" OR ({WAITS} AND n.state <> 'cancelled')))"
)
_OURS = (
    "'content-refused', 'too-big', 'needs-smtputf8', 'stray-line-end', 'stray-nul', 'not-one-reader',"
    " 'return-path-invalid', 'no-glyph', 'letter-incomplete'"
)
"""Reasons of a refusal that are mended on our side; the address may take the next notice."""
_TO_COME = (
    "EXISTS (SELECT 1 FROM announcement a WHERE a.audience_id = m.audience_id AND a.steps > 0"
    f" AND ((a.state NOT IN ('released', 'closed', 'cancelled') AND {REACHABLE}) OR {STEPS_AHEAD}))"
)
"""The channel plan will go on with them, or has not begun."""
_LAPSED = (
    f"m.state = 'due' AND EXISTS (SELECT 1 FROM delivery d WHERE d.member_id = m.id"
    f" AND d.state = '{State.SUPPRESSED}' AND NOT {MAY_HAVE_LEFT}) AND NOT {_STANDS} AND NOT {_TO_COME}"
)
"""Suppressed, so not told: a newer audience has them whether or not there is a way to tell them now."""
CORRECTION, UPDATE, NOT_AFFECTED = "correction", "update", "not-affected"
"""Kinds of audiences that are told again: what was wrong, what is known now, that it is not them."""
AGAIN = (CORRECTION, UPDATE, NOT_AFFECTED)
_DUE = "m.state = 'due'"
_AHEAD = dict.fromkeys(AGAIN, "m.state <> 'excluded'")
"""Who is still to be told: in these audiences also those who get no e-mail, on the channel as before."""
_NO_SET = "'-'"
"""No set of categories: whoever was listed with it is listed anew."""
_NEWEST = (
    " ON CONFLICT (customer_id, via_account_id) DO UPDATE SET listed = excluded.listed,"
    " told = COALESCE(excluded.told, told_before.told),"
    " sealed = CASE WHEN excluded.told IS NULL THEN told_before.sealed ELSE excluded.sealed END,"
    " reader_id = CASE WHEN excluded.told IS NULL THEN told_before.reader_id ELSE excluded.reader_id END,"
    " frozen = excluded.frozen"
)


def replaced(audiences: Sequence[Audience]) -> set[str]:
    """Return the codes of the audiences that another one has replaced."""
    return {code for one in audiences if (code := str(one.selection.get("replaces", "")))}


async def unannounced(tx: Transaction, audiences: Sequence[Audience]) -> list[Audience]:
    """Return those with people who are due a notice, which nobody has announced and none has replaced."""
    out, announced = replaced(audiences), await announcements(tx, audiences)
    return [
        one
        for one in audiences
        if one.code not in out and not announced[one.code] and one.counts.get("state", {}).get("due")
    ]


async def announcements(tx: Transaction, audiences: Sequence[Audience]) -> dict[str, dict[str, str]]:
    """Return, for each audience's code, its announcements with their states, the oldest first."""
    found: dict[str, dict[str, str]] = {one.code: {} for one in audiences}
    for row in await tx.rows(
        "SELECT u.code AS audience, n.code, n.state FROM announcement n JOIN audience u"
        " ON u.id = n.audience_id WHERE u.subject = :subject ORDER BY n.id",
        subject=audiences[0].subject if audiences else "",
    ):
        if row.audience in found:
            found[row.audience][row.code] = row.state
    return found


async def may_have_left(tx: Transaction, audience: Audience) -> bool:
    """Say whether a notice to anybody in ``audience`` may have left the house."""
    return bool(
        await tx.scalar(
            "SELECT 1 FROM announcement n JOIN delivery d ON d.announcement_id = n.id"
            f" WHERE n.audience_id = :id AND ({MAY_HAVE_LEFT} OR d.state = '{State.BOUNCED}') LIMIT 1",
            id=audience.id,
        )
    )


async def gather(tx: Transaction, audiences: Sequence[Audience]) -> bool:
    """Fill the temporary table ``told_before``; says whether anything counts.

    One row a customer and account (0: in person): ``listed`` and ``frozen`` are the categories and details of
    the newest audience they were in (``-`` if their notice of it was suppressed), ``told`` and ``sealed``
    those they were told last (NULL if never), and ``reader_id`` to whom, a guardian perhaps.
    """
    await tx.make_temporary(
        "told_before",
        key="customer_id, via_account_id",
        customer_id="bigint",
        via_account_id="bigint",
        listed="text",
        told="text",
        sealed="blob",
        frozen="blob",
        reader_id="bigint",
    )
    out = replaced(audiences)
    for audience in audiences:
        if audience.code not in out:
            await _add(tx, audience)
    return bool(await tx.scalar("SELECT 1 FROM told_before LIMIT 1"))


async def refused(tx: Transaction, incident: str) -> None:
    """Fill the temporary table ``refused_before``: contact points that refused a notice about it for good.

    A notice refused for its size or form says nothing about the address; trouble with us (5.7.x) ends no
    delivery at all.
    """
    await tx.make_temporary("refused_before", key="contact_point_id", contact_point_id="bigint")
    await tx.housekeep(
        "INSERT INTO refused_before SELECT DISTINCT d.contact_point_id FROM audience u"
        " JOIN announcement n ON n.audience_id = u.id JOIN delivery d ON d.announcement_id = n.id"
        f" WHERE u.subject = :incident AND d.state = '{State.REJECTED}' AND d.contact_point_id IS NOT NULL"
        f" AND NOT EXISTS (SELECT 1"
        f" FROM attempt t WHERE t.delivery_id = d.id AND t.number = d.attempts AND t.reason IN ({_OURS}))",
        {"incident": incident},
    )


async def _take_back(tx: Transaction, audience: Audience, told: str) -> None:
    """Forget what they were told before: it is not so, and counts for nothing if they are readmitted."""
    await tx.housekeep(
        f"UPDATE told_before SET listed = {_NO_SET}, told = NULL, sealed = NULL, frozen = NULL,"
        " reader_id = NULL WHERE customer_id IN (SELECT m.customer_id FROM audience_member m"
        f" WHERE m.audience_id = :id AND m.state <> 'excluded' AND {told})",
        {"id": audience.id},
    )


async def _add(tx: Transaction, audience: Audience) -> None:
    rows = await tx.rows(
        "SELECT n.state, (n.released_at IS NOT NULL OR EXISTS (SELECT 1 FROM wave w"
        " WHERE w.announcement_id = n.id)) AS planned FROM announcement n WHERE n.audience_id = :id",
        id=audience.id,
    )
    cancelled = bool(rows) and all(row.state == "cancelled" for row in rows)
    # Not announced, or not sent yet: everybody in it is still to be told.
    ahead = not rows or any(row.state != "cancelled" and not row.planned for row in rows)
    if audience.kind == NOT_AFFECTED:
        await _take_back(tx, audience, "true" if ahead else _STANDS)
        return
    due = f"{_AHEAD.get(audience.kind, _DUE)} OR " if ahead else ""
    told = f"m.state <> 'excluded' AND ({due}{_STANDS} OR {_TO_COME})"
    lapsed = "false" if ahead else _LAPSED
    counts = _STANDS if cancelled else "true"
    several = bool(
        await tx.scalar("SELECT 1 FROM audience_exposure WHERE audience_id = :id LIMIT 1", id=audience.id)
    )
    alone = (
        " AND NOT EXISTS (SELECT 1 FROM audience_exposure e WHERE e.audience_id = m.audience_id"
        " AND e.customer_id = m.customer_id)"
    )
    columns = "customer_id, via_account_id, listed, told, sealed, frozen, reader_id"
    insert = f"INSERT INTO told_before ({columns}) SELECT"
    reader = (
        "CASE WHEN m.variant IN ('guardian', 'next-of-kin') THEN"
        " (SELECT p.customer_id FROM contact_point p WHERE p.id = m.contact_point_id) ELSE m.customer_id END"
    )

    def said(of: str) -> str:
        listed = f"CASE WHEN {lapsed} THEN {_NO_SET} ELSE {of}.categories END"
        return f"{listed}, CASE WHEN {told} THEN {of}.categories END, {of}.sealed, {of}.sealed, {reader}"

    await tx.housekeep(
        f"{insert} m.customer_id, 0, {said('m')} FROM audience_member m"
        f" WHERE m.audience_id = :id AND {counts}{alone if several else ''}{_NEWEST}",
        {"id": audience.id},
    )
    if several:
        await tx.housekeep(
            f"{insert} e.customer_id, e.via_account_id, {said('e')} FROM audience_exposure e"
            " JOIN audience_member m ON m.audience_id = e.audience_id AND m.customer_id = e.customer_id"
            f" WHERE e.audience_id = :id AND {counts}{_NEWEST}",
            {"id": audience.id},
        )
