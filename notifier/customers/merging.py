"""A known customer and what a file says about them now: what is stated goes before what is known."""

from __future__ import annotations

from dataclasses import replace

from notifier.customers.values import CustomerRecord

_CHANNELS = {"email": ("email",), "phone": ("sms", "voice"), "address": ("letter",)}


def merge(known: CustomerRecord, told: CustomerRecord) -> CustomerRecord:
    """Return the record of ``known`` with everything that ``told`` states.

    Contact points are those of ``told`` alone; ``stated_channels`` says of which channels.
    """
    stated = told.stated
    marks = {mark for mark in known.marks if f"mark:{mark}" not in stated} | set(told.marks)
    same = {name: getattr(told, name) for name in _WHOLE if name in stated}
    account = told.account
    if account and known.account and account.number == known.account.number and not account.name:
        account = replace(account, name=known.account.name)
    return replace(
        known,
        **same,
        points=told.points,
        marks=tuple(sorted(marks)),
        attributes=_free("attributes", known, told),
        other=_free("other", known, told),
        account=account if "account" in stated else known.account,
        guardian=told.guardian if "guardian" in stated else known.guardian,
    )


_WHOLE = ("name", "address", "locale", "time_zone", "country", "region", "data_held")


def stated_channels(told: CustomerRecord) -> frozenset[str]:
    """Return the channels whose contact points a record lists completely: others there are retired."""
    return frozenset(name for field, names in _CHANNELS.items() if field in told.stated for name in names)


def _free(kind: str, known: CustomerRecord, told: CustomerRecord) -> dict[str, str]:
    """Merge free attributes by name; an attribute lives in the clear or sealed, never in both."""
    other_kind = "other" if kind == "attributes" else "attributes"
    kept = {
        name: value
        for name, value in getattr(known, kind).items()
        if f"{kind}:{name}" not in told.stated and f"{other_kind}:{name}" not in told.stated
    }
    return {**kept, **getattr(told, kind)}
