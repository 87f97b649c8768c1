"""What receipts say about contact points: which of them must not be used any more."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from notifier.channels.receipts import Receipt, ReceiptKind
from notifier.customers.faults import Faulty
from notifier.customers.normalise import emails, phones
from notifier.deliveries import State
from notifier.engine.attempts import ADDRESS_DEAD
from notifier.keys import Keys
from notifier.receipts.finding import About
from notifier.store import Transaction
from notifier.suppressions import Reason, Standing, lift, suppress

_RETURNED = Standing("receipt", "returned: there is no such mailbox")
_REPORTED = Standing("receipt", "its reader reported a message of ours as spam")
_STOPPED = Standing("receipt", "its owner told the carrier to stop")
STOPPED = "stopped"
"""The reason of a message that did not arrive because its reader had stopped us."""


_ANY_DEAD = "SELECT 1 FROM suppression WHERE lifted_at IS NULL AND reason = 'dead' LIMIT 1"


async def mark(tx: Transaction, keys: Keys, taken: Sequence[tuple[Receipt, About]]) -> None:
    """Suppress the addresses that do not exist, and those whose owners complain or stop us; lift what a
    delivery disproves. All of these reports are proven to be about our own hand-overs.

    Where a report names another address than the one we wrote to, that one forwards its mail: it exists.
    """
    for kind, reason, standing in (
        (ReceiptKind.COMPLAINED, Reason.COMPLAINED, _REPORTED),
        (ReceiptKind.STOPPED, Reason.STOPPED, _STOPPED),
    ):
        if said := {about.contact_point_id for one, about in taken if _says(one, kind)}:
            await suppress(tx, sorted(said), reason, standing)
    arrived = {
        about.contact_point_id
        for one, about in taken
        if one.kind in {ReceiptKind.DELIVERED, ReceiptKind.DISPLAYED} and about.state is not State.BOUNCED
    }
    if arrived and await tx.scalar(_ANY_DEAD):
        await lift(tx, sorted(arrived), [Reason.DEAD], because="a notice has arrived since")
    dead = {
        about.contact_point_id: receipt.address
        for receipt, about in taken
        if receipt.kind is ReceiptKind.BOUNCED and receipt.reason == ADDRESS_DEAD
    }
    if not dead:
        return
    source = tx.recordset("points", "v", id="bigint")
    points = await tx.rows(
        f"SELECT p.id, p.value_index, p.folded_index FROM {source} JOIN contact_point p ON p.id = v.id"
        " WHERE p.state <> 'dead'",
        points=_ids(dead),
    )
    found = [
        row.id
        for row in points
        if not dead[row.id]
        or not {bytes(row.value_index), bytes(row.folded_index)}.isdisjoint(indexes_of(keys, dead[row.id]))
    ]
    if found:
        await suppress(tx, found, Reason.DEAD, _RETURNED)


def _says(one: Receipt, kind: ReceiptKind) -> bool:
    refused = kind is ReceiptKind.STOPPED and one.kind is ReceiptKind.BOUNCED and one.reason == STOPPED
    return one.kind is kind or refused


def indexes_of(keys: Keys, address: str) -> set[bytes]:
    """Return the blind indexes that a contact point with this e-mail address or telephone number has; none if
    it is neither.
    """
    try:
        if "@" not in address:
            return {phone_index(keys, address)}
        point = emails.email(address)
    except Faulty:
        return set()
    return {
        keys.blind_index("email", point.value.lower()),
        keys.blind_index("email-folded", point.folded),
    }


def phone_index(keys: Keys, number: str) -> bytes:
    """Return the blind index of a telephone number, whoever has it; what is none is ``Faulty``."""
    return keys.blind_index("phone", phones.normalise(number))


def _ids(points: Sequence[int] | dict[int, str]) -> str:
    return orjson.dumps([{"id": one} for one in points]).decode()
