"""Days of the calendar, as people write them."""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

from notifier.customers.faults import Faulty

DateOrder = Literal["", "dmy", "mdy"]
_YEAR_FIRST = re.compile(r"(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})(?:[T ].*)?")
_YEAR_LAST = re.compile(r"(\d{1,2})\s*([-/.])\s*(\d{1,2})\s*[-/.]\s*(\d{4})(?:[T ].*)?")


def day(text: str, order: DateOrder) -> date:
    """Return the day that ``text`` names, or raise ``Faulty``.

    The year stands first, or the day and month in ``order``; without one, dots mean that the day stands
    first, and otherwise they must be possible in one order only.
    """
    if match := _YEAR_FIRST.fullmatch(text):
        return _date(*(int(part) for part in match.groups()))
    match = _YEAR_LAST.fullmatch(text)
    if not match:
        raise Faulty("date-unknown")
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    if not order and match[2] != "." and first <= 12 and second <= 12 and first != second:
        raise Faulty("date-order")
    month_first = order == "mdy" or (not order and second > 12)
    return _date(year, first, second) if month_first else _date(year, second, first)


def _date(year: int, month: int, number: int) -> date:
    try:
        return date(year, month, number)
    except ValueError:
        raise Faulty("date-unknown") from None


def age(born: date, today: date) -> int:
    """Return how many birthdays somebody has had."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
