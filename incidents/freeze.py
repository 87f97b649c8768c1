"""Freeze: take the snapshot of everybody affected, with how each of them is to be told.

Set-based: one INSERT … SELECT chooses contact point, variant and state for everybody. The first freeze of
an incident has everybody; later ones, top-ups, have only people nobody has told, and people whose
exposure grew, with what is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from incidents import growth, silence, special, told
from incidents.affected import rules
from incidents.affected.acts import acts
from incidents.affected.successors import succeed
from incidents.affected.words import difference
from incidents.errors import NothingNew
from incidents.lifecycle import MAY_FREEZE, not_now
from incidents.records import digest
from incidents.store import Incident
from notifier import audiences
from notifier.audiences import Audience, EmptyAudience
from notifier.engine import untold
from notifier.errors import Refused
from notifier.keys import Keys
from notifier.store import Dialect, Transaction
from notifier.words import amount

_KNOWN = (
    "k.customer_id AS known_id, k.listed, k.told,"
    # Whoever reads it now may be another guardian, or a next of kin, who was never written to.
    " CASE WHEN k.reader_id IS NULL OR k.reader_id = q.holder_id THEN k.told END AS reader_told"
)
_KNOWN_JOIN = " LEFT JOIN told_before k ON k.customer_id = q.customer_id AND k.via_account_id = 0"
_RANK = 1 << 40
"""More than any id: the lowest of rank and id in one number is found without sorting."""
_FENCE: Mapping[Dialect, str] = {"sqlite": "LIMIT -1", "postgresql": "OFFSET 0"}
"""Keeps planners from merging the query into the one around it, which would choose each address thrice."""
_REFUSED = "EXISTS (SELECT 1 FROM refused_before f WHERE f.contact_point_id = p.id)"
_OWN_OR_SPECIAL = "(x.row_id = a.id OR (x.row_id IS NULL AND a.via_account_id = 0))"
_NEEDS_ANOTHER = "q.marks <> '' AND (q.marks LIKE '% minor %' OR q.marks LIKE '% deceased %')"


async def freeze(
    tx: Transaction, keys: Keys, incident: Incident, *, replace: str = "", ask_again: bool = False, actor: str
) -> Audience:
    """Freeze who is affected now. ``replace`` names an audience that nobody was told from: it is void then.
    ``ask_again`` uses the addresses too that refused a notice about it.

    Nobody new is ``NothingNew``; an incident that is not declared is ``StepRefused``.
    """
    if incident.state not in MAY_FREEZE:
        raise not_now(incident.code, incident.state, "nobody is frozen")
    await tx.rows(
        f"SELECT id FROM incident WHERE id = :id{' FOR UPDATE' if tx.dialect == 'postgresql' else ''}",
        id=incident.id,
    )
    await succeed(tx, keys, incident, actor=actor)
    await rules.enforce(tx, incident, actor=actor)
    without = [row.number for row in await silence.silent(tx, incident.id)]
    earlier = await audiences.about(tx, incident.code)
    if replace:
        await _may_replace(tx, earlier, replace)
    counting = [one for one in earlier if one.code != replace]
    known = await told.gather(tx, counting) if counting else False
    await told.refused(tx, "" if ask_again else incident.code)
    has_special = await special.gather(tx, keys, incident)
    if known:
        has_special = await growth.weigh(tx, keys, incident, has_special=has_special)
    source = await source_of(tx, incident, has_special=has_special, known=known)
    selection = {
        "incident": incident.code,
        "revision": incident.revision,
        "record_digest": digest(incident.record),
        "acts": await acts(tx, incident),
        **({"replaces": replace} if replace else {}),
        **({"asks_again": 1} if ask_again else {}),
        **({"silent_accounts": len(without)} if without else {}),
    }
    try:
        made = await audiences.freeze(
            tx,
            code=f"{incident.code}/{len(earlier) + 1}",
            subject=incident.code,
            kind="top-up" if known else "first",
            source=source,
            params={"incident": incident.id},
            selection=selection,
            frozen_by=actor,
        )
        if has_special:
            await growth.keep(tx, incident, made)
        if known:
            await untold.settle(tx, incident.code, actor=f"operator:{actor}")
    except EmptyAudience:
        if known:
            waiting = [one.code for one in await told.unannounced(tx, earlier)]
            raise NothingNew(
                "nobody new is affected, and nobody's exposure has grown since the last freeze",
                advice=f"Not announced yet: {', '.join(waiting)}. Tell these people with"
                f" `notifier incidents announce {incident.code} --audience {waiting[0]}`."
                if waiting
                else "Put more people on the list with `notifier incidents affect`.",
            ) from None
        raise NothingNew(
            f"nobody can be told: {amount(len(without), 'account')} with nobody to tell"
            if without
            else "nobody is affected yet",
            advice="Import a contact for it, then freeze."
            if without
            else "Choose who is: `notifier incidents affect …`.",
        ) from None
    return made


async def _may_replace(tx: Transaction, earlier: list[Audience], code: str) -> None:
    audience = next((one for one in earlier if one.code == code), None)
    if audience is None or code in told.replaced(earlier):
        raise Refused(
            "this incident has no such audience to replace",
            advice="`notifier incidents audiences CODE` lists them.",
        )
    if await tx.scalar(
        "SELECT 1 FROM announcement WHERE audience_id = :id AND state <> 'cancelled' LIMIT 1", id=audience.id
    ):
        raise Refused(
            f"{code} is being announced, so it cannot be replaced",
            advice="Cancel its announcement first, or freeze a top-up without --replace.",
        )


async def source_of(
    tx: Transaction, incident: Incident, *, has_special: bool, known: bool = False, kind: str = ""
) -> str:
    """Return the SELECT of an audience's members. ``known``: the table ``told_before`` says what is new.

    With a ``kind`` of ``told.AGAIN`` only those in the table ``got``, by e-mail those who got it by e-mail.
    """
    usable = _usable(
        marks=await rules.any_marks(tx, incident.id), points=await rules.about_addresses(tx, incident.id)
    )
    rows = _rows(has_special=has_special, unaffected=kind == told.NOT_AFFECTED)
    if kind:
        chosen = (
            f"SELECT q.*, g.by_email, CASE WHEN g.by_email = 1 THEN {_point(usable)} END AS contact_point_id,"
            f" NULL AS known_id FROM ({rows}) AS q JOIN got g ON g.customer_id = q.customer_id"
            f" {_FENCE[tx.dialect]}"
        )
        return _members(chosen, known=False, again=True)
    chosen = (
        f"SELECT q.*, {_point(usable)} AS contact_point_id,"
        f" {_KNOWN if known else 'NULL AS known_id'} FROM ({rows}) AS q{_KNOWN_JOIN if known else ''}"
        f" {_FENCE[tx.dialect]}"
    )
    return _members(chosen, known=known)


def _rows(*, has_special: bool, unaffected: bool) -> str:
    """Return a SELECT of one row for each affected person, with the holder of the address to be used.

    ``unaffected``: they are told that nothing of theirs was exposed, although they are excluded.
    """

    def of(name: str) -> str:
        return f"COALESCE(x.{name}, a.{name})" if has_special else f"a.{name}"

    exposed, excluded = ("''", "''") if unaffected else (of("categories"), of("excluded"))
    variant = "COALESCE(x.variant, 'person')" if has_special else "'person'"
    join = " LEFT JOIN special x ON x.customer_id = a.customer_id" if has_special else ""
    own = _OWN_OR_SPECIAL if has_special else "a.via_account_id = 0"
    # A notice to a guardian is in the guardian's language and hours; law follows the person's own country.
    guardian = " LEFT JOIN customer g ON g.id = c.guardian_id" if has_special else ""
    reader = {
        name: f"CASE WHEN {_represented(variant)} AND g.{name} <> '' THEN g.{name} ELSE c.{name} END"
        if has_special
        else f"c.{name}"
        for name in ("locale", "time_zone")
    }
    holder = f"CASE WHEN {_represented(variant)} THEN c.guardian_id ELSE c.id END" if has_special else "c.id"
    return (
        f"SELECT a.customer_id, {exposed} AS categories, {of('compromised')} AS compromised,"
        f" {excluded} AS excluded, {of('sealed')} AS sealed, a.basis, {variant} AS variant,"
        f" c.marks, c.country, {reader['locale']} AS locale, {reader['time_zone']} AS time_zone,"
        f" {holder} AS holder_id"
        f" FROM affected a JOIN customer c ON c.id = a.customer_id{join}{guardian}"
        f" WHERE a.incident_id = :incident AND {own}"
    )


def _represented(variant: str) -> str:
    return f"({variant} IN ('guardian', 'next-of-kin'))"


def _usable(*, marks: bool, points: bool) -> str:
    """Return the condition on a contact point ``p`` that may be written to; what nothing is marked by is
    not asked.
    """
    made = ["(q.compromised = '' OR q.compromised NOT LIKE '% email %')"]
    if marks:
        made.append(f"NOT {rules.ON_MAILBOX}")
    if points:
        made.append(f"NOT {rules.ON_POINT}")
    return " AND ".join(made)


def _point(usable: str) -> str:
    # A minor or a deceased person without anybody who stands for them is not written to.
    return (
        f"CASE WHEN NOT {_represented('q.variant')} AND {_NEEDS_ANOTHER} THEN NULL ELSE"
        f" (SELECT min(p.rank * {_RANK} + p.id) FROM contact_point p WHERE p.customer_id = q.holder_id"
        f" AND p.channel = 'email' AND p.state = 'usable' AND NOT {_REFUSED} AND {usable})"
        f" % {_RANK} END"
    )


_EMAILS = "SELECT 1 FROM contact_point p WHERE p.customer_id = h.holder_id AND p.channel = 'email'"
ANOTHER_WAY = "told-another-way"
"""Why somebody is sent no e-mail who was sent none before."""


def _why_not(*, again: bool) -> str:
    """Return why a member has no address to be used; ``again``: by e-mail only who was told by e-mail."""
    otherwise = f" WHEN h.by_email = 0 THEN '{ANOTHER_WAY}'" if again else ""
    return (
        "CASE WHEN h.variant IN ('person', 'account') AND h.marks LIKE '% deceased %' THEN 'deceased'"
        f" WHEN h.variant IN ('person', 'account') AND h.marks LIKE '% minor %' THEN 'no-guardian'{otherwise}"
        f" WHEN EXISTS ({_EMAILS} AND p.state = 'usable' AND {_REFUSED}) THEN 'refused'"
        f" WHEN EXISTS ({_EMAILS} AND p.state = 'usable') THEN 'compromised'"
        f" WHEN EXISTS ({_EMAILS} AND p.state <> 'retired') THEN 'dead' ELSE 'none' END"
    )


def _members(chosen: str, *, known: bool, again: bool = False) -> str:
    """Return the SELECT of the audience's members, in the columns that ``audiences.freeze`` asks for."""
    state = (
        "CASE WHEN h.excluded <> '' THEN 'excluded' WHEN h.contact_point_id IS NULL THEN 'needs-channel'"
        " ELSE 'due' END"
    )
    reason = (
        "CASE WHEN h.excluded <> '' THEN h.excluded WHEN h.contact_point_id IS NOT NULL THEN ''"
        f" ELSE {_why_not(again=again)} END"
    )
    point = "CASE WHEN h.excluded = '' THEN h.contact_point_id END"
    variant, new = "h.variant", "''"
    wanted = "true"
    if known:
        variant = (
            "CASE WHEN h.reader_told IS NOT NULL AND h.variant = 'person' THEN 'update' ELSE h.variant END"
        )
        added = "SELECT g.added FROM grown g WHERE g.categories = h.categories AND g.told = h.told"
        anew = difference("h.categories", "h.told")
        new = f"CASE WHEN h.reader_told IS NULL THEN '' ELSE COALESCE(({added}), {anew}) END"
        # Once told: only what has grown. Listed and not told: once there is a way, or something to add.
        wanted = (
            "h.known_id IS NULL OR (h.excluded = '' AND (h.told IS NULL OR h.categories <> h.told)"
            " AND (h.contact_point_id IS NOT NULL OR h.categories <> h.listed))"
        )
    columns: dict[str, Any] = {
        "customer_id": "h.customer_id",
        "state": state,
        "reason": reason,
        "variant": variant,
        "contact_point_id": point,
        "locale": "h.locale",
        "country": "h.country",
        "time_zone": "h.time_zone",
        "categories": "h.categories",
        "new_categories": new,
        "basis": "h.basis",
        "sealed": "h.sealed",
    }
    listed = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return f"SELECT {listed} FROM ({chosen}) AS h WHERE {wanted}"
