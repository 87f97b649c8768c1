"""How a notice stands at a moment, and what each event makes of it. Pure: the moment is given.

- *critical*: never dismissed. It goes once it is acknowledged, which takes having opened it. It may be put
  off once: for 24 hours it is then a slim bar, never gone, and stands in full again afterwards.
- *important*: may be dismissed once opened.
- *info*: may be dismissed at once.
- A dismissed notice with an effective date, a changed policy, comes back once: in the last week before that
  date, and not within a day of the dismissal. It does not come back to whoever acknowledged it.
- A new revision begins anew.
- Where others may be able to sign in as its reader, only a confirmation after a fresh sign-in makes it go:
  else whoever took the account over could take the notice out of its owner's sight.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from notifier.channels.banner.notices import SEVERITIES, BannerEvent, BannerNotice, Reading

SNOOZE = timedelta(hours=24)
RETURNS_BEFORE = timedelta(days=7)
"""How long before its effective date a dismissed policy notice comes back."""
LEFT_ALONE = timedelta(hours=24)
"""Nobody is shown again what they closed less than this ago."""
FRESH = timedelta(hours=1)
"""How long ago the reader may have proved who they are for the acknowledgement to be theirs beyond doubt."""

_OFTEN = frozenset((BannerEvent.SERVED, BannerEvent.VISIBLE, BannerEvent.OPENED))


class Form(StrEnum):
    """How much of the page a notice takes."""

    FULL = "full"
    SLIM = "slim"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a notice is shown now, and what its reader may do with it."""

    form: Form
    may: frozenset[BannerEvent]
    may_opened: frozenset[BannerEvent] = frozenset()
    """What they may do once they have opened it."""


def vouched(authenticated_at: datetime | None, customary_place: bool | None, at: datetime) -> bool:
    """Say whether the host vouches for the reader: that they signed in lately, and not from a place that is
    strange to the account.
    """
    if authenticated_at is None or customary_place is False:
        return False
    return at - authenticated_at <= FRESH


def standing(notice: BannerNotice, now: datetime) -> Standing:
    """Return how ``notice`` stands at ``now``."""
    reading = notice.current
    closed = reading.acknowledged_at is not None or _dismissed(notice, reading, now)
    if closed and not notice.doubtful:
        return Standing(Form.HIDDEN, frozenset())
    form = Form.SLIM if _snoozed(reading, now) else Form.FULL
    opened = _open_to(notice, opened=True)
    return Standing(form, opened if reading.opened_at else _open_to(notice, opened=False), opened)


def _open_to(notice: BannerNotice, *, opened: bool) -> frozenset[BannerEvent]:
    """Return what a reader may do with a notice that is shown, according to whether they have opened it."""
    may = {BannerEvent.OPENED}
    if opened:
        may.add(BannerEvent.ACKNOWLEDGED)
    seen_enough = notice.severity == "info" or opened
    if seen_enough and notice.severity != "critical" and not notice.doubtful:
        may.add(BannerEvent.DISMISSED)
    if notice.severity == "critical" and notice.current.snoozed_at is None:
        may.add(BannerEvent.SNOOZED)
    return frozenset(may)


def record(notice: BannerNotice, event: BannerEvent, at: datetime) -> Reading | None:
    """Return the reading after ``event``; None if the reader may not do that now.

    An event that is reported again changes nothing and is no error: reports are repeated until they are
    answered. What a later event proves is added: whoever opened a notice was served it.
    """
    reading = notice.current
    if event not in _OFTEN and not _happened(notice, event, at):
        if event not in _allowed(notice, at):
            return None
        if event is BannerEvent.DISMISSED:
            return replace(reading, dismissed_at=at, dismissals=reading.dismissals + 1)
    if getattr(reading, f"{event}_at") is not None:
        return reading
    first: dict[str, Any] = {f"{event}_at": at, "served_at": reading.served_at or at}
    return replace(reading, **first)


def shown(notices: Iterable[BannerNotice], now: datetime) -> list[tuple[BannerNotice, Standing]]:
    """Return those that are shown at ``now`` with their standing: the gravest first, else in their order."""
    standings = [(notice, standing(notice, now)) for notice in notices]
    seen = [pair for pair in standings if pair[1].form is not Form.HIDDEN]
    return sorted(seen, key=lambda pair: (pair[1].form is Form.SLIM, SEVERITIES.index(pair[0].severity)))


def _allowed(notice: BannerNotice, at: datetime) -> frozenset[BannerEvent]:
    """Return what may be done, by one device, with what another one has just closed too."""
    late = {BannerEvent.ACKNOWLEDGED} if notice.current.opened_at is not None else set()
    return standing(notice, at).may | late


def _happened(notice: BannerNotice, event: BannerEvent, at: datetime) -> bool:
    """Say whether a report of ``event`` repeats what is known, and asks for nothing new."""
    reading = notice.current
    if event is BannerEvent.SNOOZED:
        return _snoozed(reading, at)
    if event is BannerEvent.DISMISSED:
        return _dismissed(notice, reading, at)
    return reading.acknowledged_at is not None


def _snoozed(reading: Reading, now: datetime) -> bool:
    return reading.snoozed_at is not None and now < reading.snoozed_at + SNOOZE


def _dismissed(notice: BannerNotice, reading: Reading, now: datetime) -> bool:
    if reading.dismissed_at is None:
        return False
    if notice.effective_at is None or reading.dismissals > 1:
        return True
    returns = max(notice.effective_at - RETURNS_BEFORE, reading.dismissed_at + LEFT_ALONE)
    return not returns <= now < notice.effective_at
