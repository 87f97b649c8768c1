"""What one person's banner says, as it is frozen: canonical JSON, which its digest is of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from notifier.channels.banner.notices import (
    SEVERITIES,
    BannerNotice,
    CallToAction,
    Reading,
    Section,
    Severity,
)

VERSION = 1


@dataclass(frozen=True, slots=True)
class Content:
    """The words of one notice in one language; its reference stands with the notice."""

    locale: str
    severity: Severity
    drill: bool
    title: str
    summary: str
    sections: tuple[Section, ...]
    action: CallToAction | None = None
    effective_at: datetime | None = None

    def lines(self) -> list[str]:
        """Return all that a reader sees, line by line; where links lead comes last."""
        made = [self.title, self.summary]
        for one in self.sections:
            made += [one.heading, *one.paragraphs, *one.steps]
        return made + ([self.action.label, self.action.url] if self.action else [])

    def encoded(self) -> bytes:
        """Return the bytes that are kept: the same for the same words."""
        at = self.effective_at
        return orjson.dumps(
            {
                "action": {"label": self.action.label, "url": self.action.url} if self.action else None,
                "drill": self.drill,
                "effective_at": at.astimezone(UTC).isoformat() if at else "",
                "locale": self.locale,
                "sections": [
                    {"heading": one.heading, "paragraphs": one.paragraphs, "steps": one.steps}
                    for one in self.sections
                ],
                "severity": self.severity,
                "summary": self.summary,
                "title": self.title,
                "version": VERSION,
            },
            option=orjson.OPT_SORT_KEYS,
        )

    def notice(
        self, reference: str, revision: int, reading: Reading | None, *, doubtful: bool = False
    ) -> BannerNotice:
        """Return what is shown under a reference, to a reader who has come so far."""
        return BannerNotice(
            reference=reference,
            revision=revision,
            severity=self.severity,
            locale=self.locale,
            title=self.title,
            summary=self.summary,
            sections=self.sections,
            action=self.action,
            effective_at=self.effective_at,
            reading=reading,
            doubtful=doubtful,
        )


def read(content: bytes) -> Content:
    """Read what ``Content.encoded`` made; anything else is a ``ValueError``."""
    try:
        return _read(orjson.loads(content))
    except (KeyError, TypeError, AttributeError):
        raise ValueError("this is no banner's content") from None


def _read(said: Any) -> Content:
    if said["version"] != VERSION or said["severity"] not in SEVERITIES:
        raise ValueError("this is no banner's content")
    action = said["action"]
    return Content(
        locale=str(said["locale"]),
        severity=said["severity"],
        drill=bool(said["drill"]),
        title=str(said["title"]),
        summary=str(said["summary"]),
        sections=tuple(
            Section(str(one["heading"]), tuple(map(str, one["paragraphs"])), tuple(map(str, one["steps"])))
            for one in said["sections"]
        ),
        action=CallToAction(str(action["label"]), str(action["url"])) if action else None,
        effective_at=datetime.fromisoformat(said["effective_at"]) if said["effective_at"] else None,
    )
