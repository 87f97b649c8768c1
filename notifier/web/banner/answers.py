"""The notices of one account as JSON: for the element, and for hosts that draw the banner themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from notifier.channels.banner.notices import BannerEvent, BannerNotice
from notifier.channels.banner.rules import Standing
from notifier.web.banner.words import Words, direction

VERSION = 1
EMPTY = orjson.dumps({"version": VERSION, "notices": []})
"""What is answered for an account without notices, and for everything that is no account's token."""


@dataclass(frozen=True, slots=True)
class Card:
    """A notice as one session is shown it."""

    notice: BannerNotice
    standing: Standing
    sign_in_first: bool = False
    """Whether what this session confirms would not count: others may be able to sign in as the reader."""


Shown = Sequence[Card]


def notices(shown: Shown, words: Words) -> bytes:
    """Return the answer: the same bytes for the same notices."""
    if not shown:
        return EMPTY
    return orjson.dumps(
        {
            "version": VERSION,
            "lang": words.locale,
            "dir": direction(words.locale),
            "words": words.said,
            "notices": [_notice(card, words) for card in shown],
        }
    )


def recorded(event_ids: Sequence[str]) -> bytes:
    """Return the answer to reports: which of them are on record."""
    return orjson.dumps({"version": VERSION, "recorded": event_ids})


def _notice(card: Card, words: Words) -> dict[str, Any]:
    notice, standing = card.notice, card.standing
    reading = notice.current
    moments = {event.value: getattr(reading, f"{event}_at") for event in BannerEvent}
    return {
        "reference": notice.reference,
        "revision": notice.revision,
        "severity": notice.severity,
        "lang": notice.locale,
        "dir": direction(notice.locale),
        "title": notice.title,
        "summary": notice.summary,
        "sections": [
            {"heading": one.heading, "paragraphs": one.paragraphs, "steps": one.steps}
            for one in notice.sections
        ],
        "action": {"label": notice.action.label, "url": notice.action.url} if notice.action else None,
        "effective_at": _written(notice.effective_at),
        "effective": words.effective(notice.effective_at),
        "form": standing.form,
        "state": {event: _written(at) for event, at in moments.items() if at},
        "may": sorted(standing.may),
        "may_opened": sorted(standing.may_opened),
        "sign_in_first": card.sign_in_first,
    }


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None
