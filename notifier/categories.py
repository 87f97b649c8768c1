"""The one list of data categories: what kinds of data about a person an incident can expose.

Their order is the order of urgency: what a person must act on first stands first, and notices list
categories, consequences and advice in this order. Labels are text and live with the templates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from notifier.errors import BadInput


@dataclass(frozen=True, slots=True)
class Category:
    """One kind of data. ``sensitive`` data harms or shames if it is named where others can see it; with
    ``access`` somebody else may sign in as the person or read their mail.
    """

    code: str
    sensitive: bool = False
    access: bool = False


CATEGORIES = (
    Category("password", sensitive=True, access=True),
    Category("password-hash", sensitive=True, access=True),
    Category("payment-card", sensitive=True),
    Category("bank-account", sensitive=True),
    Category("government-id", sensitive=True),
    Category("tax-id", sensitive=True),
    Category("health", sensitive=True),
    Category("messages", sensitive=True, access=True),
    Category("photos", sensitive=True),
    Category("location", sensitive=True),
    Category("account-number"),
    Category("login-history"),
    Category("date-of-birth"),
    Category("employment"),
    Category("purchase-history"),
    Category("email"),
    Category("phone"),
    Category("postal-address"),
    Category("name"),
    Category("ip-address"),
)
CODES = tuple(category.code for category in CATEGORIES)
SENSITIVE = frozenset(category.code for category in CATEGORIES if category.sensitive)
ACCESS = frozenset(category.code for category in CATEGORIES if category.access)
"""Where one of these was exposed, the person's word counts only if something else vouches for the person."""
_RANK = {code: rank for rank, code in enumerate(CODES)}


def ordered(codes: Iterable[str]) -> tuple[str, ...]:
    """Return ``codes`` once each, the most urgent first; an unknown code is ``BadInput``."""
    wanted = set(codes)
    if unknown := sorted(wanted - _RANK.keys()):
        raise BadInput(
            f"unknown data categories: {', '.join(unknown)}", advice=f"Known are: {', '.join(sorted(CODES))}."
        )
    return tuple(sorted(wanted, key=_RANK.__getitem__))
