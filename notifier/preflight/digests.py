"""The digest of everything an announcement says: every notice, the facts and the template files."""

from __future__ import annotations

from notifier.announcements import Announcement, canonical_digest
from notifier.audit.merkle import CompactRange, leaf_hash
from notifier.preflight.templates import TemplateFiles
from notifier.store import Transaction


async def used_locales(tx: Transaction, announcement_id: int) -> list[str]:
    """List the locales that the notices of an announcement are written in."""
    rows = await tx.rows(
        "SELECT DISTINCT locale FROM notice_dictionary WHERE announcement_id = :id AND channel = 'email'"
        " ORDER BY locale",
        id=announcement_id,
    )
    return [row.locale for row in rows]


async def notices_root(tx: Transaction, announcement_id: int) -> str:
    """Return the RFC 6962 root, in hex, over the sorted notice digests; memory stays flat."""
    tree = CompactRange()
    async for part in tx.stream(
        "SELECT digest FROM notice WHERE announcement_id = :id ORDER BY digest",
        chunk=4096,
        id=announcement_id,
    ):
        tree.extend([leaf_hash(bytes(row.digest)) for row in part])
    return tree.root().hex()


async def texts_digest(tx: Transaction, announcement: Announcement, files: TemplateFiles) -> str:
    """Return the digest of what an announcement says, from what is stored now and the files as they are."""
    later = files.later(announcement.notice, announcement.plan)
    return canonical_digest(
        {
            "notice": announcement.notice,
            "facts": canonical_digest(announcement.facts),
            "templates": {
                locale: files.digest(announcement.notice, locale)
                for locale in await used_locales(tx, announcement.id)
            },
            "notices": await notices_root(tx, announcement.id),
            **({"later": later} if later else {}),
        }
    )
