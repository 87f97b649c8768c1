"""Who has acknowledged, whose word alone is not enough, and what can be acknowledged: as SQL."""

from __future__ import annotations

from notifier.categories import ACCESS
from notifier.deliveries import State
from notifier.precedence import MAY_HAVE_LEFT

_BARRED = "EXISTS (SELECT 1 FROM barred_point x WHERE x.member_id = m.id)"
_ACCESS = " OR ".join(
    f"m.{column} LIKE '% {code} %'" for code in sorted(ACCESS) for column in ("categories", "new_categories")
)
EXPOSED = f"(m.reason = 'compromised' OR {_ACCESS} OR {_BARRED})"
"""Of a member ``m``: others may have their means of signing in or their mailbox."""
ACKNOWLEDGED = (
    "EXISTS (SELECT 1 FROM acknowledgement w WHERE w.member_id = m.id AND w.counts"
    f" AND (w.assurance <> '' OR NOT {_BARRED}))"
)
"""Of a member ``m``: they have acknowledged, and it counts. What was taken before somebody learnt that a
contact point of theirs is compromised does so no more.
"""
_SHOWN = f"d.channel = 'banner' AND d.state IN ('{State.PLANNED}', '{State.ACCEPTED}', '{State.DELIVERED}')"
TOLD = f"({MAY_HAVE_LEFT} OR d.state = '{State.BOUNCED}' OR ({_SHOWN} AND n.state IN ('released', 'closed')))"
"""Of a delivery ``d`` of an announcement ``n``: its notice may have come before its reader. A banner waits
for its reader in the service, from the release on, in whatever state its delivery is.
"""
