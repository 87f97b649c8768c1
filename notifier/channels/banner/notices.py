"""What a banner shows, and what is known of how far its reader has come."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

Severity = Literal["critical", "important", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "important", "info")
"""The gravest first."""

_REFERENCE = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)


class BannerEvent(StrEnum):
    """What can happen to a notice on a page."""

    SERVED = "served"
    """The host was given it."""
    VISIBLE = "visible"
    """It stood in view for at least a second, in a window that was not hidden."""
    OPENED = "opened"
    """The reader unfolded its text."""
    ACKNOWLEDGED = "acknowledged"
    """The reader confirmed having read it."""
    SNOOZED = "snoozed"
    """The reader put a critical notice off, which may be done once."""
    DISMISSED = "dismissed"
    """The reader closed it without confirming anything; never possible with a critical one."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the text: a heading, paragraphs, then steps that are numbered."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallToAction:
    """The one thing to do, as a link. ``url`` is https, or a path on the host's own site."""

    label: str
    url: str

    def __post_init__(self) -> None:
        if not is_safe_link(self.url):
            raise ValueError("a banner links to https or to a path of the host only")


def is_safe_link(url: str) -> bool:
    """Say whether a link is https without user name, or a path on the site that shows it.

    Browsers drop tabs and line ends and read a backslash as a slash, so none of them may occur.
    """
    if len(url) > 2000 or any(char <= " " or char in "\\\x7f" for char in url):
        return False
    if url.startswith("/"):
        return not url.startswith("//")
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Reading:
    """How far one person has come with one revision of a notice: the first moment of each event.

    ``dismissed_at`` is the latest one, ``dismissals`` their number.
    """

    revision: int
    served_at: datetime | None = None
    visible_at: datetime | None = None
    opened_at: datetime | None = None
    acknowledged_at: datetime | None = None
    snoozed_at: datetime | None = None
    dismissed_at: datetime | None = None
    dismissals: int = 0


@dataclass(frozen=True, slots=True)
class BannerNotice:
    """One notice for one person in one language. The text is plain: nothing in it is markup.

    ``effective_at`` is the moment from which a changed policy holds; ``reading`` may be of an earlier
    revision, and then counts for nothing.
    """

    reference: str
    revision: int
    severity: Severity
    locale: str
    title: str
    summary: str
    sections: tuple[Section, ...] = ()
    action: CallToAction | None = None
    effective_at: datetime | None = None
    reading: Reading | None = field(default=None)
    doubtful: bool = False
    """Whether others may sign in as its reader, or read their mail, and no confirmation counts yet."""

    def __post_init__(self) -> None:
        if not _REFERENCE.fullmatch(self.reference):
            raise ValueError("a reference is made of letters, digits and dashes")
        if self.effective_at is not None and self.effective_at.tzinfo is None:
            raise ValueError("a moment needs a time zone")

    @property
    def current(self) -> Reading:
        """The reading of this revision; an empty one where the reader has come across none but others."""
        if self.reading is not None and self.reading.revision == self.revision:
            return self.reading
        return Reading(self.revision)
