"""Which contact point a step uses, or why there is none: SQL over a member ``m``, the customer ``c``."""

from __future__ import annotations

from notifier.suppressions import TREATMENTS, LegalClass, Treatment

HOLDER = "CASE WHEN m.variant IN ('guardian', 'next-of-kin') THEN c.guardian_id ELSE m.customer_id END"
"""Whose contact points are used: whoever stands for the person, where somebody does."""
_BARRED = "EXISTS (SELECT 1 FROM barred_point b WHERE b.member_id = m.id AND b.contact_point_id = p.id)"
_RANK = 1 << 40
"""More than any id: the lowest of rank and id in one number is found without sorting."""
_POINTS = f"contact_point p WHERE p.customer_id = {HOLDER} AND p.channel = :channel"


def unwanted(legal_class: LegalClass, *, reminder: bool) -> str:
    """Return the condition that an address ``p`` is refused for such a notice by a suppression that is no
    state of the contact point.
    """
    refusing = {Treatment.NEVER, Treatment.ONCE} if reminder else {Treatment.NEVER}
    reasons = [str(reason) for reason, by_class in TREATMENTS.items() if by_class[legal_class] in refusing]
    named = ", ".join(f"'{reason}'" for reason in reasons)
    return (
        "EXISTS (SELECT 1 FROM suppression u WHERE u.lifted_at IS NULL AND u.channel = p.channel"
        f" AND u.value_index = p.value_index AND u.reason IN ({named}))"
    )


def point(compromised: str, legal_class: LegalClass, *, reminder: bool) -> tuple[str, str]:
    """Return two expressions: the id of the contact point to be used, NULL for none; and then why not.

    ``compromised`` is a condition on ``m`` and ``p``. The parameter ``channel`` names the step's.
    """
    refused = unwanted(legal_class, reminder=reminder)
    place = f"CASE WHEN p.id = m.contact_point_id THEN 0 ELSE p.rank + 1 END * {_RANK} + p.id"
    chosen = (
        f"(SELECT min({place}) FROM {_POINTS} AND p.state = 'usable' AND NOT {_BARRED}"
        f" AND NOT ({compromised}) AND NOT {refused}) % {_RANK}"
    )
    why = (
        f"CASE WHEN EXISTS (SELECT 1 FROM {_POINTS} AND p.state = 'usable' AND {refused}) THEN 'complained'"
        f" WHEN EXISTS (SELECT 1 FROM {_POINTS} AND p.state = 'usable') THEN 'compromised'"
        f" ELSE COALESCE((SELECT min('contact-point-' || p.state) FROM {_POINTS} AND p.state <> 'retired'),"
        " 'no-contact-point') END"
    )
    return chosen, why
