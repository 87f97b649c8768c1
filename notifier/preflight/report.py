"""What a preflight came to: everyone of the audience in exactly one group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.announcements import Announcement
from notifier.store import Transaction


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """The counts of an announcement's audience after its preflight."""

    people: int
    ready: int
    """A notice is made, checked and waiting."""
    needs_repair: int
    needs_channel: int
    excluded: int
    findings: Mapping[str, int]
    """People set aside, by code of the finding."""
    locales: Mapping[str, int]
    countries: Mapping[str, int]
    fallback: int
    """People whose notice is in another language than theirs."""
    largest: int
    """Bytes of the largest message."""
    warnings: tuple[str, ...] = ()
    """What could be better in everybody's notice, without standing in the way."""

    @property
    def unaccounted(self) -> int:
        """People in no group: 0, or something is wrong."""
        return self.people - self.ready - self.needs_repair - self.needs_channel - self.excluded


async def report(tx: Transaction, announcement: Announcement) -> PreflightReport:
    """Count what there is now, in the store."""
    ids = {"id": announcement.id, "audience": announcement.audience_id}
    people = await tx.scalar("SELECT people FROM audience WHERE id = :audience", audience=ids["audience"])
    states = {
        row.state: row.people
        for row in await tx.rows(
            "SELECT state, count(*) AS people FROM audience_member WHERE audience_id = :audience"
            " GROUP BY state",
            audience=ids["audience"],
        )
    }
    made = await tx.rows(
        "SELECT n.locale, m.country, count(*) AS people, max(n.size) AS largest,"
        " sum(CASE WHEN lower(substr(m.locale, 1, 2)) = lower(substr(n.locale, 1, 2)) OR m.locale = ''"
        " THEN 0 ELSE 1 END) AS fallback"
        " FROM notice n JOIN audience_member m ON m.id = n.member_id WHERE n.announcement_id = :id"
        " GROUP BY n.locale, m.country",
        id=ids["id"],
    )
    findings = {
        row.finding: row.people
        for row in await tx.rows(
            "SELECT finding, count(*) AS people FROM set_aside WHERE announcement_id = :id AND NOT repaired"
            " GROUP BY finding ORDER BY count(*) DESC, finding",
            id=ids["id"],
        )
    }
    locales: dict[str, int] = {}
    countries: dict[str, int] = {}
    for row in made:
        locales[row.locale] = locales.get(row.locale, 0) + row.people
        countries[row.country] = countries.get(row.country, 0) + row.people
    return PreflightReport(
        people=int(people or 0),
        ready=sum(locales.values()),
        needs_repair=sum(findings.values()),
        needs_channel=states.get("needs-channel", 0),
        excluded=states.get("excluded", 0),
        findings=findings,
        locales=dict(sorted(locales.items(), key=lambda item: (-item[1], item[0]))),
        countries=dict(sorted(countries.items(), key=lambda item: (-item[1], item[0]))),
        fallback=sum(int(row.fallback) for row in made),
        largest=max((row.largest for row in made), default=0),
    )
