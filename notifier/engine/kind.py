"""Drill or real: what was made for one kind of installation is never sent by the other.

The name of an installation's log says its kind, and a log keeps its name for life: settings whose ``drill``
says otherwise are refused when they are read. This is the second look, at the store itself, for whoever
gives a home another store. The third is in ``batches.claim``.
"""

from __future__ import annotations

from notifier.errors import Refused, StoreError
from notifier.keys import Keys
from notifier.store import Transaction


async def require(tx: Transaction, *, drill: bool) -> None:
    """Refuse a store that holds another log, or something of the other kind that is still to be sent."""
    origin = await tx.scalar("SELECT origin FROM log_state WHERE id = 1")
    if origin is not None and origin != tx.origin:
        raise Refused(
            f"the store holds the log {origin}, this installation's is {tx.origin}",
            advice="Use the store with the home it was made with: set store.url back.",
        )
    code = await tx.scalar(
        "SELECT min(code) FROM announcement WHERE state IN ('countdown', 'released') AND drill <> :drill",
        drill=drill,
    )
    if code is not None:
        raise Refused(
            f"{code} is no drill, and this is a drill installation"
            if drill
            else f"{code} is a drill, and this is no drill installation",
            advice="Go on with it from the installation it was made in, or cancel it.",
        )


async def require_keys(tx: Transaction, keys: Keys) -> None:
    """Refuse keys that open nobody: each notice would end as unreadable, one after the other. A few people
    are tried, because one of them may be damaged.
    """
    rows = await tx.rows(
        "SELECT c.uid, k.wrapped FROM subject_key k JOIN customer c ON c.id = k.customer_id LIMIT 20"
    )
    refusal = None
    for row in rows:
        try:
            keys.subject(row.uid, row.wrapped)
        except StoreError as error:
            refusal = error
        else:
            return
    if refusal:
        raise Refused(
            f"the keys of this installation do not open its store: {refusal}", advice=refusal.advice()
        )
