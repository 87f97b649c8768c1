"""Who reads a notice: not always the one it is about, and never of more records than a notice lists."""

from __future__ import annotations

from dataclasses import replace

from notifier.notices import LISTED_RECORDS, Person, listed
from notifier.rendering.lines import greeting_name

_ABOUT_ANOTHER = frozenset(("guardian", "next-of-kin"))
"""Variants whose reader is not the person the notice is about."""


def as_read(person: Person) -> Person:
    """Return ``person`` as the reader of their notice, on any channel.

    A guardian or next of kin is never called by the name of the person the notice is about: that name
    becomes the subject, and ``details["reader"]``, where there is one, the reader's.
    """
    person = _brief(person)
    return _addressed(person) if person.variant in _ABOUT_ANOTHER else person


def _addressed(person: Person) -> Person:
    """Return ``person`` as the reader: the audience knows the one it is about, by whom nobody is greeted."""
    details = {"subject": greeting_name(person.name), **person.details}
    return replace(person, name=str(details.get("reader", "")), details=details)


def _brief(person: Person) -> Person:
    """Return ``person`` with no more records than a notice lists; an account's come so, with their count."""
    long = {
        name: listed(records, len(records))
        for name in ("records", "records_new")
        if len(records := person.details.get(name, ())) > LISTED_RECORDS
    }
    if "count" in person.details or not long:
        return person
    return replace(person, details={**person.details, **long})
