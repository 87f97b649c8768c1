"""Whatever a mail house reports, in any order and as often as it likes, letters end in the same state."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifier.channels.letter.return_words import KINDS
from notifier.deliveries import State, after
from notifier.receipts.taking import _happening

REPORTS = st.lists(st.sampled_from(sorted(KINDS)), max_size=8)
BEGUN = st.sampled_from([State.UNKNOWN, State.HELD, State.ACCEPTED, State.REJECTED, State.SUPPRESSED])


def end(state: State, reports: list[str]) -> State:
    """Return where a letter ends that was in ``state``: in doubt, its answer was lost."""
    lost = state in {State.UNKNOWN, State.HELD}
    for report in reports:
        if happening := _happening(KINDS[report], lost, state):
            state = after(state, happening)
    return state


@given(BEGUN, REPORTS, st.randoms())
def test_the_end_does_not_depend_on_order_or_number(state: State, reports: list[str], draw) -> None:
    """What came back has bounced, else what was delivered is, else what was taken over is in doubt no more."""
    again = [*reports, *reports]
    draw.shuffle(again)
    assert end(state, reports) is end(state, again)
    kinds = {str(KINDS[report]) for report in reports}
    if "bounced" in kinds:
        assert end(state, reports) is State.BOUNCED
    elif "delivered" in kinds:
        assert end(state, reports) is State.DELIVERED
    elif "accepted" in kinds and state in {State.UNKNOWN, State.HELD}:
        assert end(state, reports) is State.ACCEPTED
    else:
        assert end(state, reports) is state
