"""Look at who is affected: counts, and a list with masked addresses."""

from __future__ import annotations

from typing import Any

from incidents.affected import rules
from incidents.affected.successors import silent_accounts
from incidents.store import Incident
from notifier.customers.lookup import Profile, open_profiles
from notifier.keys import Keys
from notifier.store import Transaction


async def counts(tx: Transaction, incident: Incident) -> dict[str, Any]:
    """Count the people on the list, by what they are told and why."""
    where = "FROM affected a JOIN customer c ON c.id = a.customer_id WHERE a.incident_id = :id"
    by: dict[str, str] = {
        "country": "c.country",
        "locale": "c.locale",
        "data": "a.categories",
        "how known": "a.basis",
        "excluded because": "a.excluded",
        "compromised channels": "a.compromised",
    }
    found: dict[str, Any] = {
        "people": await tx.scalar(f"SELECT count(DISTINCT a.customer_id) {where}", id=incident.id),
        "excluded": await tx.scalar(
            f"SELECT count(DISTINCT a.customer_id) {where} AND a.excluded <> ''", id=incident.id
        ),
        "compromised points": await rules.concerned(tx, incident),
        "accounts with nobody to tell": await silent_accounts(tx, incident),
        "unused list rows": await tx.scalar(
            "SELECT count(*) FROM list_row WHERE incident_id = :id", id=incident.id
        ),
    }
    for name, column in by.items():
        rows = await tx.rows(
            f"SELECT {column} AS value, count(DISTINCT a.customer_id) AS people {where} GROUP BY {column}"
            f" ORDER BY count(DISTINCT a.customer_id) DESC, {column} LIMIT 30",
            id=incident.id,
        )
        found[name] = {
            _words(row.value): row.people
            for row in rows
            if row.value or name in {"country", "locale", "data"}
        }
    return found


async def masked(
    tx: Transaction, keys: Keys, incident: Incident, *, most: int, after: str = ""
) -> list[dict[str, str]]:
    """Return some of the people, by number, with addresses that say no more than is needed."""
    rows = await tx.rows(
        "SELECT c.id, c.number, c.country, a.categories, a.basis, a.excluded, a.compromised, a.via_account_id"
        " FROM affected a JOIN customer c ON c.id = a.customer_id"
        " WHERE a.incident_id = :id AND c.number > :after ORDER BY c.number, a.via_account_id LIMIT :most",
        id=incident.id,
        after=after,
        most=most,
    )
    profiles = await open_profiles(tx, keys, [row.id for row in rows])
    return [
        {
            "number": row.number,
            "name": _initials(profiles.get(row.id)),
            "email": _address(profiles.get(row.id)),
            "country": row.country,
            "data": _words(row.categories),
            "how known": row.basis,
            "excluded": row.excluded,
            "compromised": row.compromised.strip(),
        }
        for row in rows
    ]


def _initials(profile: Profile | None) -> str:
    if profile is None:
        return "erased"
    return " ".join(f"{word[0]}." for word in profile.name.split())


def _address(profile: Profile | None) -> str:
    emails = [point.value for point in profile.points if point.channel == "email"] if profile else []
    if not emails:
        return ""
    local, _, domain = emails[0].rpartition("@")
    return f"{local[:1]}…@{domain[:1]}….{domain.rsplit('.', 1)[-1]}"


def _words(value: str) -> str:
    return ", ".join(value.split()) if value.startswith(" ") else value or "unknown"
