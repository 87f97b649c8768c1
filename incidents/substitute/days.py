"""From when to when a public notice stands: whole days in the zone in which its readers read dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from notifier.clock import to_instant
from notifier.errors import BadInput, Refused

MOST_DAYS = 3650
ADVICE = "California and Alabama ask for 30 days, Arizona for 45, HIPAA and the FTC's health rule for 90."


def read_day(written: str, option: str) -> date:
    """Return the day that an option names in ISO 8601."""
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise BadInput(f"{option} is not a date", advice="Write it like 2026-03-09.") from None


def span(start: str, last: str, days: int, *, today: date) -> tuple[date, date]:
    """Return the first and the last day. The first does not count: 30 days from 1 March end with 31 March."""
    first = read_day(start, "--from") if start else today
    if bool(last) == bool(days):
        raise BadInput(
            "give one of --until and --days", advice=f"It says how long the notice stands. {ADVICE}"
        )
    if days and not 1 <= days <= MOST_DAYS:
        raise BadInput(f"a notice stands for 1 to {MOST_DAYS} days", advice=ADVICE)
    try:
        end = read_day(last, "--until") if last else first + timedelta(days=days)
    except OverflowError:
        raise BadInput("--from is too far away", advice="Check its year.") from None
    if first < today:
        raise BadInput(
            "--from is a day that has passed", advice="Nothing was public then: give today or a later day."
        )
    if (first - today).days > MOST_DAYS:
        raise BadInput("--from is more than ten years away", advice="Check its year.")
    if not 1 <= (end - first).days <= MOST_DAYS:
        raise BadInput(f"--until must be 1 to {MOST_DAYS} days after --from", advice=ADVICE)
    return first, end


def require(first: date, last: date, law_days: int) -> None:
    """Refuse fewer days than the law was said to ask for."""
    if law_days < 0 or law_days > MOST_DAYS:
        raise BadInput(f"--law-days is a number from 1 to {MOST_DAYS}", advice=ADVICE)
    stands = (last - first).days
    if law_days and stands < law_days:
        raise Refused(
            f"the notice would stand for {stands} days, and the law asks for {law_days}",
            advice="The first day does not count. Give a later --until, or more --days.",
        )


def begin_of(day: date, zone: tzinfo) -> int:
    """Return the first instant of a day."""
    return to_instant(datetime.combine(day, time(), zone).astimezone(UTC))


def end_of(day: date, zone: tzinfo) -> int:
    """Return the first instant after a day."""
    return begin_of(day + timedelta(days=1), zone)
