"""From a record to its public notice's pages: the same facts as the notices', and no person among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from incidents import announce, told
from incidents.store import Incident
from notifier import audiences
from notifier.announcements import canonical_digest
from notifier.categories import ordered
from notifier.customers.lookup import open_profiles
from notifier.errors import BadInput, Refused
from notifier.keys import Keys
from notifier.preflight.naming import SharedNames
from notifier.rendering.public import PublicRenderer
from notifier.settings import Organisation, Settings
from notifier.store import Transaction

PAGE, PRESS = "page", "press"
PATH = "/substitute"
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Terms:
    """What whoever drafts a notice chooses. ``last`` is the last day on which it is public."""

    start: date
    last: date
    locales: tuple[str, ...]
    count: bool = False
    """Whether it says how many people are affected."""


@dataclass(frozen=True, slots=True)
class Made:
    """A notice's facts, and its bytes by kind and locale."""

    facts: Mapping[str, Any]
    pages: Mapping[tuple[str, str], bytes]

    @property
    def digest(self) -> str:
        """The SHA-256 over all pages, hex: what is approved."""
        return pages_digest({key: page_digest(content) for key, content in self.pages.items()})


def page_digest(content: bytes) -> str:
    """Return the SHA-256 of one page, hex."""
    return sha256(content).hexdigest()


def pages_digest(digests: Mapping[tuple[str, str], str]) -> str:
    """Return the digest over the digests of all pages, by kind and locale."""
    return canonical_digest({f"{kind} {locale}": digest for (kind, locale), digest in digests.items()})


class Maker:
    """Makes the pages of one installation. Templates are read anew by each."""

    def __init__(self, settings: Settings) -> None:
        self._organisation = settings.organisation
        self._renderer = PublicRenderer([settings.home / "templates"])
        self._base = public_base(settings)

    def locales(self, incident: Incident) -> list[str]:
        """Return the languages in which the record and the templates have words."""
        written = {locale for locale, texts in incident.record.texts.items() if texts.written}
        return sorted(written & set(self._renderer.locales()))

    async def make(self, tx: Transaction, incident: Incident, slug: str, terms: Terms) -> Made:
        """Render all pages from the record as it is now. What is missing is ``BadInput``."""
        facts = said(incident, self._organisation)
        categories = await exposed(tx, incident)
        if not categories:
            raise BadInput(
                "it is not on record which data was exposed",
                advice="Put data_categories into the record, or say who is affected and by what.",
            )
        for locale in terms.locales:
            if locale not in facts["texts"]:
                raise BadInput(
                    f"the record has no texts in {locale!r}",
                    advice=f"It has them in: {', '.join(sorted(facts['texts'])) or 'no language'}.",
                )
        facts["texts"] = {locale: facts["texts"][locale] for locale in terms.locales}
        facts["public"] = {
            "from": terms.start.isoformat(),
            "last": terms.last.isoformat(),
            "categories": list(categories),
            "people": await _people(tx, incident) if terms.count else 0,
            "address": f"{self._base}{PATH}/{slug}",
            "paths": {locale: f"{PATH}/{slug}/{locale}" for locale in terms.locales},
        }
        pages = {}
        for locale in terms.locales:
            pages[PAGE, locale] = self._renderer.page(locale, facts)
            pages[PRESS, locale] = self._renderer.press(locale, facts)
        return Made(facts, pages)


def said(incident: Incident, organisation: Organisation) -> dict[str, Any]:
    """Return the facts that notices about the incident are made from."""
    return announce.facts(
        incident.record, code=incident.code, organisation=organisation, drill=incident.drill
    )


def public_base(settings: Settings) -> str:
    """Return scheme and host under which the public reaches the pages, without a slash at the end."""
    host = settings.organisation.verify_address.partition("/")[0]
    return settings.web.public_url or f"https://{host}"


async def exposed(tx: Transaction, incident: Incident) -> tuple[str, ...]:
    """Return all data categories over those who are or were to be told; where nobody is known yet, those of
    the record.
    """
    known = await audiences.about(tx, incident.code)
    replaced = told.replaced(known)
    found: set[str] = set()
    for one in known:
        if one.code not in replaced:
            rows = await tx.rows(
                "SELECT DISTINCT categories FROM audience_member WHERE audience_id = :id"
                " AND state <> 'excluded'",
                id=one.id,
            )
            found.update(code for row in rows for code in row.categories.split())
    for row in await tx.rows(
        "SELECT DISTINCT categories FROM affected WHERE incident_id = :id AND excluded = ''"
        " UNION SELECT DISTINCT categories FROM affected_record WHERE incident_id = :id",
        id=incident.id,
    ):
        found.update(row.categories.split())
    return tuple(ordered(found or incident.record.data_categories or ()))


async def refuse_names(tx: Transaction, keys: Keys, incident: Incident, facts: Mapping[str, Any]) -> None:
    """Refuse texts that name somebody who is affected: everybody would read it."""
    shared = SharedNames(facts)
    places: set[str] = set()
    async for part in tx.stream(
        "SELECT DISTINCT customer_id FROM affected WHERE incident_id = :id ORDER BY customer_id",
        chunk=_CHUNK,
        id=incident.id,
    ):
        profiles = await open_profiles(tx, keys, [row.customer_id for row in part])
        for profile in profiles.values():
            places |= shared.places(profile.name)
    if places:
        raise Refused(
            f"the texts name somebody who is affected: {_listed(sorted(places))}",
            advice="Revise the record; a name that is meant otherwise belongs under names_meant.",
        )


async def _people(tx: Transaction, incident: Incident) -> int:
    return int(
        await tx.scalar(
            "SELECT count(DISTINCT customer_id) FROM affected WHERE incident_id = :id AND excluded = ''",
            id=incident.id,
        )
        or 0
    )


def _listed(places: Sequence[str]) -> str:
    return ", ".join(places[:5]) + (" and more" if len(places) > 5 else "")
