"""What the owner of an address says about it: STOP, and START, which takes it back.

It holds for the address, whoever has it, also if they are imported later. What was said stays on record by
its message's id, without the address, so that posting it once more changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.channels.receipts import Receipt, ReceiptKind
from notifier.customers.faults import Faulty
from notifier.keys import Keys
from notifier.receipts import parking
from notifier.receipts.marking import phone_index
from notifier.store import Transaction
from notifier.suppressions import Address, Reason, Standing, lift_address, suppress_address

_SAID = Standing("receipt", "its owner sent STOP")
_TAKEN_BACK = "its owner sent START"


async def heed(tx: Transaction, keys: Keys, source: str, said: Sequence[Receipt]) -> None:
    """Do what owners say, in the order in which they were heard; each has a ``channel`` and a new key."""
    if not said:
        return
    for one in said:
        address = _address(keys, one)
        if one.kind is ReceiptKind.STOPPED:
            changed = await suppress_address(tx, address, Reason.STOPPED, _SAID)
        else:
            changed = await lift_address(tx, address, [Reason.STOPPED], because=_TAKEN_BACK)
        facts: dict[str, Json] = {
            "source": source,
            "report": one.key,
            "channel": one.channel,
            "kind": str(one.kind),
            "changed": changed,
        }
        tx.record(Event(AuditAction.OWNER_HEARD, facts))
    await parking.keep(tx, keys, source, said)


def _address(keys: Keys, one: Receipt) -> Address:
    """Return the blind index under which a contact point with this number is, or would be."""
    try:
        index = phone_index(keys, one.address)
    except Faulty:  # A number that no plan has: nobody's contact point either, but it said what it said.
        index = keys.blind_index("phone", one.address)
    return Address(one.channel, index, index)
