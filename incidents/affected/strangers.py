"""People who are no customers: brought by a list, or typed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from notifier.customers.faults import Faulty
from notifier.customers.lookup import add_typed, match_mailboxes
from notifier.customers.normalise import emails, locales, phones, places
from notifier.customers.normalise.cells import clean, one_line
from notifier.customers.values import ContactPoint, CustomerRecord
from notifier.keys import Keys
from notifier.store import Transaction

_MAX_NAME = 200


async def bring_in(
    tx: Transaction,
    keys: Keys,
    values: Mapping[str, str],
    *,
    origin: Literal["typed", "list"],
    country: str = "",
    actor: str,
) -> int | None:
    """Add somebody with what is known of them; returns their id, or ``None`` if they cannot be reached.

    A number alone names nobody whom we do not know, so an e-mail address or phone number is needed.
    """
    home = _home(values, country)
    points = tuple(point for point in (_email(values), _phone(values, home)) if point is not None)
    if not points:
        return None
    record = CustomerRecord(
        number="",
        name=_or_nothing(one_line, values.get("name", ""))[:_MAX_NAME],
        points=points,
        locale=_or_nothing(lambda text: locales.locale(text)[0], values.get("locale", "")),
        country=home,
    )
    return await add_typed(tx, keys, record, origin=origin, actor=f"operator:{actor}")


async def already_known(
    tx: Transaction, keys: Keys, values: Mapping[str, str], *, country: str = ""
) -> tuple[list[int], bool]:
    """Return who has this e-mail address; where none is given that can be used, who has the phone number.
    Also say whether only another spelling of the same mailbox matched.

    A family may share a telephone: with an address of their own, somebody is not taken for the holder.
    """
    if _email(values):
        return (await match_mailboxes(tx, keys, "email", [values["email"]])).of(values["email"])
    home = _home(values, country)
    if _phone(values, home):
        return (await match_mailboxes(tx, keys, "phone", [values["phone"]], country=home)).of(values["phone"])
    return [], False


def _home(values: Mapping[str, str], country: str) -> str:
    return _or_nothing(places.country, values.get("country", "")) or country


def _email(values: Mapping[str, str]) -> ContactPoint | None:
    return _point(emails.email, values.get("email", ""))


def _phone(values: Mapping[str, str], home: str) -> ContactPoint | None:
    return _point(lambda text: phones.phone(text, home, []), values.get("phone", ""))


def _point(read: Callable[[str], ContactPoint], text: str) -> ContactPoint | None:
    if not text:
        return None
    try:
        return read(clean(text, []))
    except Faulty:
        return None


def _or_nothing(read: Callable[[str], str], text: str) -> str:
    try:
        return read(clean(text, [])) if text else ""
    except Faulty:
        return ""
