"""One customer's data corrected by support, as they say it is: what is typed goes before what is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.customers.changing import change_customers
from notifier.customers.mapping import Column
from notifier.customers.normalise.rows import RowNormaliser, Rules
from notifier.errors import BadInput, NotFound
from notifier.keys import Keys
from notifier.store import Transaction

Learned = Literal["call", "letter", "email", "in-person", "own-records"]
"""How the right value became known. One of a few words, so that nothing personal stands on record."""
FIELDS: Mapping[str, tuple[str, ...]] = {
    "email": ("email",),
    "phone": ("phone",),
    "address": ("street", "postal_code", "city", "region", "country"),
    "name": ("name",),
    "language": ("locale",),
}
"""What can be corrected, and the fields that are asked for it."""
_CHANNELS = {"email": ("email",), "phone": ("sms", "voice"), "address": ("letter",)}


@dataclass(frozen=True, slots=True)
class Corrected:
    """What became of a correction."""

    customer: int
    changed: bool
    """Whether anything was otherwise than it is now."""
    unusable: Mapping[str, str]
    """By channel: why what was typed is not used, such as ``dead``. Lifting a suppression changes that."""


async def correct(
    tx: Transaction, keys: Keys, number: str, typed: Mapping[str, str], *, learned: str, actor: str
) -> Corrected:
    """Bring what was ``typed``, by field, into the store, and put on record which fields that were.

    ``NotFound`` where nobody has the number; ``BadInput`` where a value cannot be used, and then nothing is
    changed. A field typed as ``-`` is one that the person does not have any more. The next import that says
    otherwise about this person goes before it; one with the same row as the last does not.
    """
    if learned not in get_args(Learned):
        raise BadInput(f"{learned!r} is no way to learn it", advice=f"One of {', '.join(get_args(Learned))}.")
    row = await tx.row(
        "SELECT c.id, c.uid, c.country, c.fingerprint, k.wrapped FROM customer c"
        " LEFT JOIN subject_key k ON k.customer_id = c.id WHERE c.number = :number",
        number=number,
    )
    if row is None or row.wrapped is None:
        raise NotFound("nobody has this customer number", advice="`notifier customers list` shows them.")
    columns = tuple(Column(place, name, name, "given") for place, name in enumerate(("number", *typed)))
    rules = Rules(columns, tx.clock.now().date(), row.country)
    record, problems = RowNormaliser(rules).read(1, number, [number, *typed.values()])
    for problem in problems:
        if not problem.fault.advisory:
            raise BadInput(
                f"{problem.column} cannot be used: {problem.fault.value_class}. {problem.fault.reason}",
                advice=problem.fault.remedy,
            )
    changed, _ = await change_customers(tx, keys, [(record, bytes(row.fingerprint))])
    if changed:
        facts: dict[str, Json] = {
            "actor": f"operator:{actor}",
            "person": row.uid,
            "fields": sorted(typed),
            "learned": learned,
        }
        tx.record(Event(AuditAction.CUSTOMER_CORRECTED, facts))
    return Corrected(row.id, bool(changed), await _unusable(tx, row.id, typed))


async def _unusable(tx: Transaction, customer: int, typed: Mapping[str, str]) -> dict[str, str]:
    """Return the channels of what was typed on which nothing can be used, and why."""
    asked = {
        name for what, names in FIELDS.items() for name in _CHANNELS.get(what, ()) if set(names) & set(typed)
    }
    found: dict[str, str] = {}
    for row in await tx.rows(
        "SELECT channel, state, state_reason FROM contact_point WHERE customer_id = :id"
        " AND state <> 'retired' ORDER BY CASE state WHEN 'usable' THEN 1 ELSE 0 END, rank DESC",
        id=customer,
    ):
        if row.channel in asked:
            usable = row.state == "usable"
            found[row.channel] = "" if usable else f"{row.state}: {row.state_reason}"
    return {channel: why for channel, why in found.items() if why}
