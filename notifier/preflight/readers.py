"""People opened for their notices: from a sealed row to who reads, in which language, where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from notifier.channels import Finding
from notifier.errors import BadInput, StoreError
from notifier.keys import Keys, SubjectKey
from notifier.notices import Person
from notifier.preflight.checks import finding
from notifier.preflight.naming import SharedNames, SomebodyNamed
from notifier.rendering.lines import greeting_name


class Member(NamedTuple):
    """A person's row as it travels to where notices are made."""

    id: int
    variant: str
    locale: str
    categories: str
    new_categories: str
    details: bytes | None
    person: str
    customer: bytes
    wrapped: bytes | None
    point: bytes | None
    usable: bool
    holder: str
    holder_wrapped: bytes | None
    own: tuple[bytes, ...]
    """Blind indexes of all e-mail addresses of the person; loaded where there are details."""
    holder_customer: bytes | None = None
    """The row of whoever has the contact point, where it is another one and asked for."""
    holder_attributes: Mapping[str, str] = {}
    """What is known in the clear of whoever has the contact point, where it was asked for."""


class Reader(NamedTuple):
    """A person opened: what only the process that makes the notice sees."""

    member: Member
    subject: SubjectKey
    name: str
    recipient: str
    """The contact point; empty where the notice is shown in the service."""
    locale: str
    details: Mapping[str, Any]
    holder: Mapping[str, Any]
    """What is known of whoever has the contact point, where it was asked for; else of the reader."""

    @property
    def addressee(self) -> str:
        """The name of whoever opens the mail: a guardian's or next of kin's own, never the customer's."""
        represented = self.member.variant in ("guardian", "next-of-kin")
        return greeting_name(str(self.details.get("reader", ""))) if represented else self.name

    @property
    def person(self) -> Person:
        """What templates may know of the reader."""
        return Person(
            self.name,
            self.member.variant,
            tuple(self.member.categories.split()),
            tuple(self.member.new_categories.split()),
            self.details,
        )


class SetAsideError(Exception):
    """Somebody's notice cannot be made: the finding says why, without values."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.finding = Finding(code, detail) if detail else finding(code)


def open_reader(
    keys: Keys,
    member: Member,
    locale: Callable[[str], str],
    *,
    shared: SharedNames | None = None,
    addressed: bool = True,
) -> Reader:
    """Open a person's row; raises ``SetAsideError`` where they cannot be written to.

    ``locale`` chooses the language (``BadInput`` if there is none). Raises ``SomebodyNamed`` where ``shared``
    names this person. Without ``addressed`` no contact point is needed.
    """
    if member.wrapped is None:
        raise SetAsideError("erased")
    recipient = ""
    try:
        subject = holder = keys.subject(member.person, member.wrapped)
        customer = orjson.loads(subject.open(member.customer, b"customer"))
        name = str(customer.get("name", ""))
        if shared is not None and shared.places(name):
            raise SomebodyNamed
        if addressed:
            if member.point is not None and member.holder_wrapped is None:
                raise SetAsideError("erased")
            if member.point is None or not member.usable:
                raise SetAsideError("contact-point")
            if member.holder != member.person and member.holder_wrapped is not None:
                holder = keys.subject(member.holder, member.holder_wrapped)
            recipient = holder.open(member.point, b"contact_point").decode()
            if member.holder_customer is not None:
                customer = orjson.loads(holder.open(member.holder_customer, b"customer"))
        details = orjson.loads(subject.open(member.details, b"member")) if member.details else {}
    except (StoreError, ValueError):
        raise SetAsideError("unreadable") from None
    try:
        chosen = locale(member.locale)
    except BadInput:
        raise SetAsideError("no-language") from None
    return Reader(member, subject, greeting_name(name), recipient, chosen, details, customer)
