"""Frozen audiences for tests of preflight and release: people with names, addresses and languages."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from notifier.approvals import Rules
from notifier.audiences import seal
from notifier.customers.values import PostalAddress
from notifier.keys import Keys
from notifier.preflight.rules import rules_for
from notifier.release import draft
from notifier.settings import Settings
from notifier.store import Store, Transaction

AUDIENCE = "INC-2026-001/1"
FIRST = ("Anna", "Bruno", "Carla", "Deniz", "Elif", "Farid", "Grete", "Hugo")
LAST = ("Albrecht", "Bondarenko", "Castellano", "Dupontel", "Eriksson", "Fitzgerald")

TEXT: dict[str, Any] = {
    "summary": "Somebody copied data from our shop, and yours was part of it. Change your password first.",
    "what_happened": ["On the first of March somebody signed in with a stolen key and copied a table."],
    "measures": ["The key was withdrawn."],
    "unknowns": ["Who it was."],
    "consequences": {"*": ["Somebody may write to you in our name."]},
    "advice": {"*": ["Change your password in our shop."], "email": ["Doubt messages that ask for data."]},
}

FACTS: dict[str, Any] = {
    "brand": "Example Company",
    "code": "INC-2026-001",
    "kind": "first",
    "occurred": {"from": "2026-03-01T08:00:00Z", "to": ""},
    "discovered": "2026-03-01T20:00:00Z",
    "time_zone": "Europe/Berlin",
    "next_update": "2026-03-09",
    "contact": {"name": "Ida Holm", "role": "Data protection officer", "email": "privacy@example.com",
                "phone": "+49 30 901820", "hours": "9 to 17", "address": ""},
    "check": {"address": "notices.example.com/check", "url": "https://notices.example.com/check"},
    "texts": {"en": TEXT},
}  # fmt: skip


@dataclass(frozen=True)
class Someone:
    """A person of the audience."""

    name: str
    email: str
    locale: str = "en"
    state: str = "due"
    variant: str = "person"
    categories: str = " name email "
    details: Mapping[str, Any] | None = None
    country: str = "DE"
    point: str = "usable"
    phone: str = ""
    street: str = ""
    reason: str = ""


def crowd(count: int) -> list[Someone]:
    """Return people with different names, two of seven with a longer one."""
    return [
        Someone(f"{FIRST[i % 8]} {LAST[i // 8 % 6]}{'-Marek' if i % 7 < 2 else ''} {i}", f"p{i}@mail.test")
        for i in range(count)
    ]


@dataclass
class Frozen:
    """An audience in the store."""

    id: int
    people: Sequence[Someone]
    subjects: dict[str, int] = field(default_factory=dict)
    """Customer ids by e-mail address."""


async def freeze(store: Store, keys: Keys, people: Sequence[Someone], *, code: str = AUDIENCE) -> Frozen:
    """Put customers and an audience of them into the store."""
    async with store.begin() as tx:
        rows = await tx.write_returning(
            "INSERT INTO audience (code, subject, kind, frozen_at, frozen_by, people, root, digest, counts,"
            " selection, salt, event_id) VALUES (:code, 'INC-2026-001', 'first', :now, 'anna', 0, '', '', '{}',"
            " '{}', :nothing, '') RETURNING id",
            {"code": code, "now": tx.now_us(), "nothing": b""},
        )
        frozen = Frozen(int(rows[0].id), people)
        first = int(await tx.scalar("SELECT coalesce(max(id), 0) FROM customer")) + 1
        point = int(await tx.scalar("SELECT coalesce(max(id), 0) FROM contact_point")) + 1
        await _insert(tx, keys, frozen, first, point)
        await seal(tx, frozen.id, {})
    return frozen


async def _insert(tx: Transaction, keys: Keys, frozen: Frozen, first: int, point: int) -> None:
    customers, wrapped_keys, points, members, further = [], [], [], [], []
    for at, one in enumerate(frozen.people):
        uid = secrets.token_hex(16)
        subject, wrapped = keys.new_subject(uid)
        known: dict[str, Any] = {"name": one.name}
        postal = PostalAddress(one.street, "50667", "Köln", "", "DE") if one.street else None
        if postal:
            known["address"] = postal.as_json()
        sealed = subject.seal(orjson.dumps(known), b"customer")
        frozen.subjects[one.email] = first + at
        customers.append((first + at, uid, f"C{first + at}", one.locale, "", one.country, "", "", "", "{}", sealed,
                          b"", 0, 0, "import"))  # fmt: skip
        wrapped_keys.append((first + at, wrapped))
        index = keys.blind_index("email", one.email.lower())
        address = subject.seal(one.email.encode(), b"contact_point")
        points.append((point + at, first + at, "email", 0, address, index, index, "site", one.point, ""))
        label = "\n".join(postal.lines()) if postal else ""
        for channel, value in (("sms", one.phone), ("letter", label)):
            if value:
                other = keys.blind_index("phone" if channel == "sms" else "place", value)
                sealed_value = subject.seal(value.encode(), b"contact_point")
                further.append(
                    (
                        point + len(frozen.people) + len(further),
                        first + at,
                        channel,
                        0,
                        sealed_value,
                        other,
                        other,
                        "",
                        "usable",
                        "",
                    )
                )
        details = subject.seal(orjson.dumps(one.details), b"member") if one.details else None
        members.append((secrets.token_hex(16), frozen.id, first + at, one.state, one.reason, one.variant,
                        point + at if one.state == "due" else None, one.locale, one.country, "", one.categories,
                        "", "criteria", details))  # fmt: skip
    await tx.insert_many("customer", ("id", "uid", "number", "locale", "time_zone", "country", "region",
        "data_held", "marks", "attributes", "sealed", "fingerprint", "created_at", "changed_at", "origin"),
        customers)  # fmt: skip
    await tx.insert_many("subject_key", ("customer_id", "wrapped"), wrapped_keys)
    await tx.insert_many("contact_point", ("id", "customer_id", "channel", "rank", "sealed", "value_index",
        "folded_index", "site", "state", "state_reason"), points)  # fmt: skip
    await tx.insert_many("contact_point", ("id", "customer_id", "channel", "rank", "sealed", "value_index",
        "folded_index", "site", "state", "state_reason"), further)  # fmt: skip
    if tx.dialect == "postgresql":  # The next one that the product adds has an id of its own.
        await tx.scalar(
            "SELECT setval(pg_get_serial_sequence('contact_point', 'id'), max(id)) FROM contact_point"
        )
    await tx.insert_many("audience_member", ("uid", "audience_id", "customer_id", "state", "reason", "variant",
        "contact_point_id", "locale", "country", "time_zone", "categories", "new_categories", "basis", "sealed"),
        members)  # fmt: skip


async def drafted(
    store: Store,
    audience: Frozen,
    *,
    facts: Mapping[str, Any] = FACTS,
    plan: Mapping[str, Any] | None = None,
    drill: bool = False,
    author: str = "alice",
) -> int:
    """Draft an announcement to an audience; returns its id."""
    async with store.begin() as tx:
        return await draft(
            tx, code="", kind="breach", notice="breach-notice", audience_id=audience.id, facts=facts,
            plan=plan or {}, author=author, drill=drill,
        )  # fmt: skip


def settings_in(home: Path, **groups: Any) -> Settings:
    """Return the settings of an installation in ``home``."""
    return Settings(home=home, **groups)


def rules_of(settings: Settings) -> Rules:
    """Return the rules of approval for an installation."""
    return rules_for(settings)
