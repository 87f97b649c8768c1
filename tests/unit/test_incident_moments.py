"""Moments as records state them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from incidents.records.moments import Moment

NINE = datetime(2026, 3, 1, 9, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-01T09:12:00Z",
        "2026-03-01T10:12+01:00",
        "2026-03-01 10:12 Europe/Berlin",
        "2026-03-01T10:12:00+01:00[Europe/Berlin]",
        "2026-03-01T10:12[Europe/Berlin]",
    ],
)
def test_a_zoned_moment_is_read_and_reads_back(written: str) -> None:
    """Each accepted form names the same moment, and its canonical form reads as itself."""
    moment = Moment.read(written)
    assert moment.utc() == NINE
    assert Moment.read(str(moment)) == moment


@pytest.mark.parametrize(
    ("written", "because"),
    [
        ("2026-03-01T09:12:00", "no time zone"),
        ("yesterday", "not a moment"),
        ("2026-02-30T09:12:00Z", "not a date"),
        ("0001-01-01T00:00:00+14:00", "not a date"),
        ("2026-03-01 09:12 Europe/Atlantis", "does not exist"),
        ("2026-03-01 09:12 CEST", "does not exist"),
        ("2026-03-29 02:30 Europe/Berlin", "put forward"),
        ("2026-10-25 02:30 Europe/Berlin", "happened twice"),
        ("2026-03-01T09:12:00+05:00[Europe/Berlin]", "offset"),
        ("2026-03-01T09:12:00Z ../../etc/passwd", "not a moment"),
    ],
)
def test_anything_else_is_refused_with_its_reason(written: str, because: str) -> None:
    """A naive or impossible moment is not guessed at."""
    with pytest.raises(ValueError, match=because):
        Moment.read(written)


def test_the_hour_that_happens_twice_is_told_apart_by_its_offset() -> None:
    """With the offset, the moment is clear."""
    first = Moment.read("2026-10-25T02:30:00+02:00[Europe/Berlin]")
    second = Moment.read("2026-10-25T02:30:00+01:00[Europe/Berlin]")
    assert (second.utc() - first.utc()).total_seconds() == 3600
