"""What verification holds against the entries about banners: each event, and what they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import orjson

from notifier.audit.report import Report
from notifier.channels.banner.notices import BannerEvent
from notifier.store import Transaction

_SAME = ("revision", "form", "locale", "customary_place", "authenticated_at", "was", "became")
_MOMENTS = tuple(f"{event}_at" for event in BannerEvent)
_EVENTS = (
    "SELECT e.*, d.reference, d.member_id AS delivered_to, n.digest, a.code, m.uid AS member,"
    " x.action, x.entry, r.id AS reading, r.revision AS read_revision, r.dismissals,"
    f" {', '.join(f'r.{name} AS read_{name}' for name in _MOMENTS)}"
    " FROM banner_event e JOIN delivery d ON d.id = e.delivery_id JOIN notice n ON n.id = d.notice_id"
    " JOIN announcement a ON a.id = d.announcement_id JOIN audience_member m ON m.id = e.member_id"
    " LEFT JOIN audit_event x ON x.id = e.event_id"
    " LEFT JOIN banner_reading r ON r.member_id = e.member_id AND r.reference = d.reference"
    " ORDER BY e.delivery_id, e.id"
)


async def banners(tx: Transaction, report: Report) -> None:
    """Check that every event says what its entry says, that none is lost, and that each reading is what its
    events add up to.
    """
    before: list[Any] = []
    async for part in tx.stream(_EVENTS):
        for row in part:
            if row.entry is None:
                report.add("banner-unrecorded", f"what a reader did with {row.reference} has no entry")
            elif row.action != f"banner:{row.event}" or not _says(tx, row):
                report.add(
                    "banner-differs", f"what a reader did with {row.reference} is not what its entry says"
                )
        groups = [list(group) for _, group in groupby([*before, *part], lambda row: row.delivery_id)]
        before = groups.pop()
        _readings(report, groups)
    _readings(report, [before] if before else [])
    if lost := await tx.scalar(
        "SELECT count(*) FROM audit_event x LEFT JOIN banner_event e ON e.event_id = x.id"
        " WHERE x.action LIKE 'banner:%' AND e.id IS NULL"
    ):
        report.add("banner-lost", f"recorded events of banners that have no row any more: {lost}")
    if alone := await tx.scalar(
        "SELECT count(*) FROM banner_reading r WHERE NOT EXISTS (SELECT 1 FROM banner_event e"
        " JOIN delivery d ON d.id = e.delivery_id WHERE e.member_id = r.member_id"
        " AND d.reference = r.reference)"
    ):
        report.add("banner-differs", f"readings of banners of which no event tells: {alone}")


def _says(tx: Transaction, row: Any) -> bool:
    try:
        facts = orjson.loads(bytes(row.entry))["data"]
        said = {name: facts.get(name, "" if name in {"was", "became"} else None) for name in _SAME}
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    stands = {name: getattr(row, name) for name in _SAME}
    stands["customary_place"] = None if row.customary_place is None else int(row.customary_place)
    names = (facts.get("announcement"), facts.get("delivery"), facts.get("member"), facts.get("key"))
    return (
        said == stands
        and names == (row.code, row.reference, row.member, row.key_id)
        and row.member_id == row.delivered_to
        and facts.get("digest") == bytes(row.digest).hex()
        and tx.is_committed("report", row.report, facts.get("report_digest"))
    )


def _readings(report: Report, groups: Sequence[Sequence[Any]]) -> None:
    for events in groups:
        last = events[-1]
        made: dict[str, int | None] = dict.fromkeys(_MOMENTS)
        for one in events:
            if one.event == BannerEvent.DISMISSED:
                made["dismissed_at"] = one.at
                continue
            for name in (f"{one.event}_at", "served_at"):
                made[name] = one.at if made.get(name) is None else made[name]
        stands = {name: getattr(last, f"read_{name}") for name in _MOMENTS}
        dismissals = sum(one.event == BannerEvent.DISMISSED for one in events)
        if last.reading is None or (stands, last.read_revision, last.dismissals) != (
            made,
            last.revision,
            dismissals,
        ):
            report.add("banner-differs", f"how far the reader of {last.reference} has come is not on record")
