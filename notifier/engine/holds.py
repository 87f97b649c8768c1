"""Holds: something waits on purpose, and somebody owns the waiting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.errors import NotFound
from notifier.store import Transaction

REFUSALS = "refusals"
LOST = "lost-answers"
SENDER = "sender"
"""Reports say that the trouble is our sender, its registration or the text, and no reader's."""

LATER = "sms"
"""The channel beside the e-mail that workers carry; banners and letters are taken, not handed over."""


def about(kind: str, channel: str) -> str:
    """Return the kind of hold for trouble with one channel: the e-mail's has no name of its own."""
    return kind if channel == "email" else f"{kind}-{channel}"


PAUSES = ("pause", "restored", REFUSALS, LOST)
"""Kinds of hold in which an announcement is paused until a person resumes it."""

STOPS: Mapping[str, str] = {SENDER: LATER, about(REFUSALS, LATER): LATER, about(LOST, LATER): LATER}
"""Kinds of hold in which one channel of an announcement stands still until a person resumes it, and its
others go on; by kind, the channel.
"""


TROUBLES = ("relay", "carrier")
"""Kinds of hold while nobody takes what is to go out: the e-mail relays, or another channel's carrier."""


def trouble(channel: str) -> str:
    """Return the kind of hold that says that a channel's carriers are out of order."""
    return TROUBLES[0] if channel == "email" else TROUBLES[1]


def warning(kind: str) -> str:
    """Return the kind that holds nothing yet and asks somebody to look before it comes to a pause."""
    return f"{kind}-warning"


STEPS = "steps"
"""Later steps of the channel plan cannot be gone: what they say is not what was approved."""

UNTOLD = "untold"
"""Asks somebody to look: people are not told although an address of theirs could be used."""

LETTERS = "letters"
"""Asks somebody to print the letters that wait; ends once none of them does."""

WARNINGS = (*(warning(kind) for kind in (REFUSALS, LOST, *STOPS)), UNTOLD, LETTERS)
"""Kinds of hold that hold nothing back and end with the announcement."""


STOPPED = " OR ".join(
    f"(b.channel = '{channel}' AND EXISTS (SELECT 1 FROM hold s WHERE s.announcement_id = b.announcement_id"
    f" AND s.kind = '{kind}' AND s.ended_at IS NULL))"
    for kind, channel in STOPS.items()
)
"""Of a batch ``b``: its channel stands still."""


async def stopped_channels(tx: Transaction, announcement_id: int) -> Sequence[str]:
    """Return the channels of an announcement that stand still while its others go on."""
    return sorted({channel for kind, channel in STOPS.items() if await is_open(tx, announcement_id, kind)})


async def stop_channel(tx: Transaction, announcement_id: int, *, kind: str, reason: str) -> bool:
    """Stop one channel (``STOPS``) of what is released until a person resumes it; says whether it went on
    until now. A flush that begins after the commit opens no hand-over of it.
    """
    if await is_open(tx, announcement_id, kind):
        return False
    await ask_author(tx, announcement_id, kind=kind, reason=reason)
    return await is_open(tx, announcement_id, kind)


async def open_hold(
    tx: Transaction, announcement_id: int, *, kind: str, reason: str, owner: str, wave_id: int | None = None
) -> int:
    """Open a hold unless one of that kind is open already; returns its id.

    One that is just being ended is waited for, and then another is opened.
    """
    existing = await tx.scalar(
        "SELECT id FROM hold WHERE announcement_id = :id AND kind = :kind AND ended_at IS NULL"
        f"{' FOR UPDATE' if tx.dialect == 'postgresql' else ''}",
        id=announcement_id,
        kind=kind,
    )
    if existing is not None:
        return int(existing)
    (made,) = await tx.write_returning(
        "INSERT INTO hold "
        "(announcement_id, wave_id, kind, reason, owner, opened_at, taken_by, ended_by) "
        "VALUES (:announcement, :wave, :kind, :reason, :owner, :now, '', '') RETURNING id",
        {
            "announcement": announcement_id,
            "wave": wave_id,
            "kind": kind,
            "reason": reason,
            "owner": owner,
            "now": tx.now_us(),
        },
    )
    tx.record(
        Event(
            AuditAction.HOLD_OPENED,
            {"announcement": await _code(tx, announcement_id), "hold": made.id, "kind": kind, "owner": owner},
        )
    )
    return int(made.id)


async def is_open(tx: Transaction, announcement_id: int, kind: str) -> bool:
    """Say whether a hold of this kind is open."""
    return bool(
        await tx.scalar(
            "SELECT 1 FROM hold WHERE announcement_id = :id AND kind = :kind AND ended_at IS NULL",
            id=announcement_id,
            kind=kind,
        )
    )


async def ask_author(tx: Transaction, announcement_id: int, *, kind: str, reason: str) -> None:
    """Open a hold for the author of what is being sent; what was cancelled meanwhile waits for nothing."""
    share = " FOR SHARE" if tx.dialect == "postgresql" else ""  # A cancel that is being written is seen.
    author = await tx.scalar(
        f"SELECT author FROM announcement WHERE id = :id AND state = 'released'{share}", id=announcement_id
    )
    if author is not None:
        await open_hold(tx, announcement_id, kind=kind, reason=reason, owner=str(author))


async def take_hold(tx: Transaction, hold_id: int, *, operator: str) -> None:
    """Note that ``operator`` looks after a hold: its alerts stop."""
    taken = await tx.write_returning(
        "UPDATE hold SET taken_by = :operator, taken_at = :now WHERE id = :id AND ended_at IS NULL "
        "RETURNING announcement_id",
        {"operator": operator, "now": tx.now_us(), "id": hold_id},
    )
    if not taken:
        raise NotFound(
            f"there is no open hold {hold_id}", advice="List them with `notifier announcements holds`."
        )
    code = await _code(tx, taken[0].announcement_id)
    facts: dict[str, Json] = {"announcement": code, "hold": hold_id, "actor": f"operator:{operator}"}
    tx.record(Event(AuditAction.HOLD_TAKEN, facts))


async def end_holds(tx: Transaction, announcement_id: int, *, kinds: Sequence[str], actor: str) -> int:
    """End the open holds of these kinds; returns how many there were."""
    ended = 0
    for kind in kinds:
        rows = await tx.write_returning(
            "UPDATE hold SET ended_at = :now, ended_by = :actor WHERE announcement_id = :id AND kind = :kind "
            "AND ended_at IS NULL RETURNING id",
            {"now": tx.now_us(), "actor": actor, "id": announcement_id, "kind": kind},
        )
        for row in rows:
            code = await _code(tx, announcement_id)
            facts = {"announcement": code, "hold": row.id, "kind": kind, "actor": actor}
            tx.record(Event(AuditAction.HOLD_ENDED, facts))
        ended += len(rows)
    return ended


async def change_reason(tx: Transaction, announcement_id: int, *, kind: str, reason: str) -> None:
    """Say anew why something waits; it alerts again at once, whoever had taken it."""
    changed = await tx.housekeep(
        "UPDATE hold SET reason = :reason, taken_by = '', taken_at = NULL "
        "WHERE announcement_id = :id AND kind = :kind AND ended_at IS NULL RETURNING id",
        {"reason": reason, "id": announcement_id, "kind": kind},
    )
    for row in changed:
        await tx.housekeep("DELETE FROM hold_alert WHERE hold_id = :hold", {"hold": row.id})


async def alerted(tx: Transaction, hold_id: int, recipient_index: str) -> None:
    """Note that somebody has been alerted about a hold now."""
    await tx.housekeep(
        "INSERT INTO hold_alert (hold_id, recipient_index, alerted_at) VALUES (:hold, :recipient, :now) "
        "ON CONFLICT (hold_id, recipient_index) DO UPDATE SET alerted_at = excluded.alerted_at",
        {"hold": hold_id, "recipient": recipient_index, "now": tx.now_us()},
    )


async def alerted_since(tx: Transaction, hold_id: int, instant: int) -> set[str]:
    """Return the blind indexes of those who have been alerted about a hold after ``instant``."""
    rows = await tx.rows(
        "SELECT recipient_index FROM hold_alert WHERE hold_id = :hold AND alerted_at > :since",
        hold=hold_id,
        since=instant,
    )
    return {row.recipient_index for row in rows}


async def open_holds(tx: Transaction) -> Sequence[Row[Any]]:
    """Return all open holds, oldest first, with the announcement's code and plan."""
    return await tx.rows(
        "SELECT h.*, a.code, a.plan FROM hold h JOIN announcement a ON a.id = h.announcement_id "
        "WHERE h.ended_at IS NULL ORDER BY h.opened_at, h.id"
    )


async def _code(tx: Transaction, announcement_id: int) -> str:
    return str(await tx.scalar("SELECT code FROM announcement WHERE id = :id", id=announcement_id))
