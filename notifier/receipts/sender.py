"""Reports that say that we are the trouble: our registration, our sender, our text, or what we may send.

Such a message did not arrive, so its delivery has bounced and its reader is reached in another way; the
number is as good as before. But everybody after them would fare alike, so from several such reports on, what
is still to go by text message waits for a person. Counted are the newest reports in the store, whichever
process took them.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from notifier.channels.receipts import Receipt, ReceiptKind
from notifier.engine.forecasting import waits_on
from notifier.engine.holds import SENDER, STOPS, ask_author, stop_channel, warning
from notifier.receipts.finding import About
from notifier.store import Transaction

ABOUT_US = frozenset(("about-us", "throttled"))
"""Reasons of a failure that is nobody's but ours: not let through, or more than we may send."""
CHANNEL = STOPS[SENDER]
"""By e-mail a single strict site says so of itself alone, and its answer to the hand-over slows us."""
LEAST = 5
"""Fewer such reports may be a few readers' case: one carrier, one country, one filter."""
SHARE = 0.2
"""Of the reports on the same announcement that say how a message ended."""
MINUTES = 15
_NEWEST = 10_000
"""So many reports, of whatever channel, are looked back on at most: the count costs the same however many
there are. At a hundred thousand a minute they are those of six seconds.
"""

_LISTED = ", ".join(f"'{reason}'" for reason in sorted(ABOUT_US))
_COUNT = (
    "SELECT count(*) AS ended, COALESCE(sum(CASE WHEN r.kind = 'bounced'"
    f" AND r.reason IN ({_LISTED}) THEN 1 ELSE 0 END), 0) AS ours"
    " FROM receipt r JOIN delivery d ON d.id = r.delivery_id"
    f" WHERE r.id > (SELECT max(id) FROM receipt) - {_NEWEST} AND r.received_at > :since"
    " AND d.announcement_id = :id AND d.channel = :channel"
    " AND r.kind IN ('delivered', 'displayed', 'bounced')"
)
_RESUMED = "SELECT max(ended_at) FROM hold WHERE announcement_id = :id AND kind = :kind"
_ADVICE = (
    "see the codes with `notifier customers show`; set the registration, the sender or the text right with"
    " the provider, then resume, or cancel"
)

log = structlog.get_logger()


async def heed(tx: Transaction, taken: Sequence[tuple[Receipt, About]]) -> None:
    """Stop the text messages of announcements of which too many came to nothing because of us, and nothing
    else of those: what goes by e-mail or letter has no trouble. Where nothing more of one would go that way,
    ask its author to look. What a person has resumed since counts anew.
    """
    for announcement_id in sorted({about.announcement_id for one, about in taken if _ours(one, about)}):
        resumed = await tx.scalar(_RESUMED, id=announcement_id, kind=SENDER) or 0
        since = max(resumed, tx.now_us() - MINUTES * 60_000_000)
        about = {"id": announcement_id, "channel": CHANNEL}
        counted = await tx.row(_COUNT, since=since, **about)
        if counted is None or counted.ours < max(LEAST, SHARE * counted.ended):
            continue
        await _one_by_one(tx, announcement_id)
        said = f"{counted.ours} of the last {counted.ended} reports say that we are the trouble"
        reason = f"{said}: {_ADVICE}"
        if await waits_on(tx, announcement_id, CHANNEL):
            stops = f"{said}, so no text message goes out; the other channels go on: {_ADVICE}"
            if await stop_channel(tx, announcement_id, kind=SENDER, reason=stops):
                log.error("stopped", why=SENDER, wrong=counted.ours, reported=counted.ended)
        else:
            await ask_author(tx, announcement_id, kind=warning(SENDER), reason=reason)


async def _one_by_one(tx: Transaction, announcement_id: int) -> None:
    """Let no two processes open the same hold. The announcement's own row would not do: each of them shares
    it already, and would wait for the other to let go.
    """
    if tx.dialect == "postgresql":
        await tx.rows("SELECT pg_advisory_xact_lock(hashtextextended('sender', :id))", id=announcement_id)


def _ours(one: Receipt, about: About) -> bool:
    return about.channel == CHANNEL and one.kind is ReceiptKind.BOUNCED and one.reason in ABOUT_US
