"""For whom a step of the channel plan is due, as SQL over the members ``m`` of an announcement ``a``.

Who is reached, or may still be by what is on its way, is not gone on with; a banner that nobody has seen
reaches nobody and holds nothing up.
"""

from __future__ import annotations

from collections.abc import Sequence

from notifier.acknowledgements import ACKNOWLEDGED
from notifier.deliveries import OPEN, State
from notifier.plans import Step, When
from notifier.precedence import MAY_HAVE_LEFT
from notifier.standing import ASIDE, BARRED, REACHABLE, listed, resolved

_EARLIER = "delivery d WHERE d.member_id = m.id AND d.announcement_id = :id AND d.step < :step"
_ARRIVED_OR_MAY = (
    f"(d.state = '{State.DELIVERED}' OR (d.channel <> 'banner' AND d.state IN"
    f" ({listed([*OPEN, State.ACCEPTED])})))"
)
_LOST = f"NOT EXISTS (SELECT 1 FROM {_EARLIER} AND {_ARRIVED_OR_MAY})"
_WAITED = (
    f"EXISTS (SELECT 1 FROM {_EARLIER} AND d.opened_at IS NOT NULL)"
    f" AND NOT EXISTS (SELECT 1 FROM {_EARLIER} AND d.channel <> 'banner' AND d.state IN"
    f" ({listed([*OPEN, State.ACCEPTED, State.DELIVERED])})"
    " AND (d.opened_at IS NULL OR d.opened_at > :until))"
)
_NOT_HELD = (
    "(NOT EXISTS (SELECT 1 FROM wave w WHERE w.announcement_id = :id AND w.state = 'held')"
    " OR EXISTS (SELECT 1 FROM delivery d WHERE d.member_id = m.id AND d.announcement_id = :id"
    " AND d.step = 0 AND d.opened_at IS NOT NULL))"
)
"""While the canary is awaited, only those of the canary are gone on with."""


def due(steps: Sequence[Step], number: int) -> str:
    """Return the condition under which step ``number`` (from 1) is due for a member ``m`` of ``a``.

    Its parameters: ``id`` of the announcement, ``step``, and ``until``: the instant now, less the step's
    waiting time. ``always`` steps ask for no time here; the caller counts it from the start.
    """
    step = steps[number - 1]
    made = [REACHABLE, f"NOT {resolved(number)}", f"NOT {ASIDE}", _NOT_HELD]
    if not step.required:
        made.append(f"NOT {ACKNOWLEDGED}")
    if step.when is When.ALWAYS or step.when is When.AS_BEFORE:
        return " AND ".join(made)
    # Whom nothing has reached goes through all such steps in their order.
    lost = [
        _LOST,
        *(
            _passed(place, earlier)
            for place, earlier in enumerate(steps[: number - 1], start=1)
            if earlier.when in {When.UNREACHED, When.UNACKNOWLEDGED, When.AS_BEFORE}
        ),
    ]
    if step.when is When.UNREACHED:
        if step.after_hours:
            lost.append(f"NOT EXISTS (SELECT 1 FROM {_EARLIER} AND d.changed_at > :until)")
        return " AND ".join([*made, *lost])
    waited = [
        _WAITED,
        *(
            _passed(place, earlier)
            for place, earlier in enumerate(steps[: number - 1], start=1)
            if earlier.when is When.UNACKNOWLEDGED
        ),
    ]
    return " AND ".join([*made, f"(({' AND '.join(lost)}) OR ({' AND '.join(waited)}))"])


def _passed(place: int, step: Step) -> str:
    """Return the condition that a step keeps nobody from the ones behind it."""
    return resolved(place) if step.required else f"({resolved(place)} OR {ACKNOWLEDGED})"


UNREACHED = (
    f"{REACHABLE} AND NOT {ASIDE} AND NOT {BARRED} AND NOT {ACKNOWLEDGED}"
    " AND NOT EXISTS (SELECT 1 FROM delivery d"
    f" WHERE d.member_id = m.id AND d.announcement_id = a.id AND {_ARRIVED_OR_MAY})"
)
"""Of a member ``m`` of ``a``: nothing has reached them, and nothing is on its way."""
WAS_TOLD = (
    "EXISTS (SELECT 1 FROM delivery d JOIN announcement o ON o.id = d.announcement_id"
    " WHERE (o.code = :corrects OR (o.id < :id AND EXISTS (SELECT 1 FROM audience v"
    " WHERE v.id = o.audience_id AND v.subject = :corrects)))"
    " AND d.customer_id = m.customer_id AND d.channel = :channel"
    f" AND ({MAY_HAVE_LEFT} OR d.state = '{State.BOUNCED}'))"
)
"""Of a member ``m``: the corrected announcement, or an earlier one about the case, was sent to them on this
channel."""
