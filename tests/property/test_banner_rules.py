"""Whatever a reader does in whatever order, the promises about each severity hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from notifier.channels.banner.notices import SEVERITIES, BannerEvent
from notifier.channels.banner.rules import Form, record, standing
from notifier.testing.clock import START
from tests.banner import notice

STEPS = st.lists(st.tuples(st.sampled_from(BannerEvent), st.integers(0, 40 * 24)), max_size=25)


@given(st.sampled_from(SEVERITIES), st.booleans(), STEPS)
def test_promises_hold_in_every_order(severity: str, policy: bool, steps: list) -> None:
    """A critical notice is never gone unless acknowledged; nothing is acknowledged unopened; it is put off
    at most once; what was known stays known; whoever is refused changes nothing.
    """
    effective = START + timedelta(days=30) if policy else None
    one = notice(severity=severity, effective_at=effective)
    now = START
    for event, hours in steps:
        now += timedelta(hours=hours)
        before, allowed = one.current, standing(one, now).may
        reading = record(one, event, now)
        assert (reading is not None) or event not in allowed
        one = replace(one, reading=reading or one.reading)
        kept = one.current
        assert (standing(one, now).form is not Form.HIDDEN) or kept.acknowledged_at or severity != "critical"
        assert kept.acknowledged_at is None or kept.opened_at is not None
        assert kept.snoozed_at is None or severity == "critical"
        assert kept.dismissals == 0 or severity != "critical"
        assert kept.dismissals <= (2 if policy else 1)
        for name in ("served_at", "visible_at", "opened_at", "acknowledged_at", "snoozed_at"):
            assert getattr(before, name) in (None, getattr(kept, name))
