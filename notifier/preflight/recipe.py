"""What the notices of one announcement are made from, read from the store and the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from notifier.announcements import Announcement, canonical_digest, channels_digest, to_json
from notifier.errors import Refused
from notifier.keys import Keys
from notifier.preflight.checks import ADDRESS
from notifier.preflight.making import Maker, Recipe, known_dictionary
from notifier.preflight.templates import TemplateFiles
from notifier.settings import Settings
from notifier.store import Transaction


def own_templates(settings: Settings) -> tuple[Path, ...]:
    """Return the installation's own template folder, where there is one: it goes before ours."""
    folder = settings.home / "templates"
    return (folder,) if folder.is_dir() else ()


async def recipe_for(tx: Transaction, announcement: Announcement, settings: Settings, keys: Keys) -> Recipe:
    """Put together what notices are made from, with the dictionaries that are in the store."""
    rows = await tx.rows(
        "SELECT id, locale, variant, content FROM notice_dictionary WHERE announcement_id = :id"
        " AND channel = 'email'",
        id=announcement.id,
    )
    return Recipe(
        code=announcement.code,
        notice=announcement.notice,
        drill=announcement.drill,
        facts=announcement.facts,
        default_locale=settings.organisation.default_locale,
        hosts=frozenset(host.lower() for host in settings.organisation.allowed_hosts),
        addresses=await _addresses(tx, announcement.facts, settings, keys),
        keys=keys,
        email=settings.email,
        folders=own_templates(settings),
        dictionaries={
            (row.locale, row.variant): known_dictionary(row.id, bytes(row.content)) for row in rows
        },
        notices_url=settings.organisation.notices_url,
        letter=settings.letter,
    )


async def inputs_digest(tx: Transaction, announcement: Announcement, settings: Settings) -> str:
    """Return the digest of all that notices are made from, people's own data apart."""
    files = TemplateFiles(own_templates(settings))
    locales = sorted(set(files.locales(announcement.notice)) & set(announcement.facts.get("texts", {})))
    audience = await tx.scalar("SELECT digest FROM audience WHERE id = :id", id=announcement.audience_id)
    return canonical_digest(
        {
            "facts": canonical_digest(announcement.facts),
            "notice": announcement.notice,
            "templates": {locale: files.digest(announcement.notice, locale) for locale in locales},
            "later": files.later(announcement.notice, announcement.plan),
            "audience": str(audience),
            "channels": channels_digest(settings, announcement.plan, drill=announcement.drill),
            "feedback": settings.email.feedback_id,
            "hosts": sorted(settings.organisation.allowed_hosts),
            "default_locale": settings.organisation.default_locale,
            "notices_url": settings.organisation.notices_url,
        }
    )


def later_digest(announcement: Announcement, settings: Settings, files: TemplateFiles) -> str:
    """Return the digest of what is used after the release: later steps' templates, who writes letters."""
    plan = announcement.plan
    used: dict[str, Any] = {"templates": files.later(announcement.notice, plan)}
    if "letter" in plan.channels:
        used["letter"] = settings.letter.model_dump(mode="json")
    return canonical_digest(used)


def require_as_approved(announcement: Announcement, settings: Settings) -> dict[str, dict[str, str]]:
    """Return the digests of the templates that later notices are made from, by channel and language.

    Raises ``Refused`` where those would not be as approved: nobody reads what nobody has signed.
    """
    files = TemplateFiles(own_templates(settings))
    if later_digest(announcement, settings, files) != announcement.later_digest:
        raise changed()
    return files.later(announcement.notice, announcement.plan)


def changed() -> Refused:
    """Return the refusal of what is not as approved."""
    return Refused(
        "templates or the letters' sender are not those that were approved: put them back",
        advice="Who waits for a later step is told once they are as approved.",
    )


async def ingredients(
    tx: Transaction, announcement: Announcement, maker: Maker
) -> dict[tuple[str, str], tuple[str, str]]:
    """Return, for each locale and variant in use, all the data categories that its readers may see."""
    found: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
    async for part in tx.stream(
        "SELECT DISTINCT locale, variant, categories, new_categories FROM audience_member"
        " WHERE audience_id = :id AND state = 'due'",
        id=announcement.audience_id,
    ):
        for row in part:
            seen = found.setdefault((maker.locale(row.locale), row.variant), (set(), set()))
            seen[0].update(row.categories.split())
            seen[1].update(row.new_categories.split())
    return {key: (" ".join(sorted(old)), " ".join(sorted(new))) for key, (old, new) in sorted(found.items())}


async def _addresses(
    tx: Transaction, facts: Mapping[str, Any], settings: Settings, keys: Keys
) -> frozenset[str]:
    """Return the addresses that may stand in everybody's notice: ours, the contact's, and of those in the
    facts all that are no customer's.
    """
    email = settings.email
    ours = {str(email.from_address).lower(), str(email.reply_to or email.from_address).lower()}
    contact = str(facts.get("contact", {}).get("email", "")).lower()
    named = {found.lower().strip(".") for found in ADDRESS.findall(to_json(facts))} - ours - {contact}
    for address in named:
        customer = await tx.scalar(
            "SELECT 1 FROM contact_point WHERE value_index = :index LIMIT 1",
            index=keys.blind_index("email", address),
        )
        if not customer:
            ours.add(address)
    return frozenset((ours | {contact}) - {""})
