"""Whatever a relay does, what we say of each message is true of it."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.channels import Outcome, OutcomeKind
from notifier.channels.email.scripts import Script
from notifier.channels.email.sink import LoopbackSink
from tests.relays import channel, envelope, relay

STAGES = st.sampled_from(["rcpt", "data", "body"])
REPLIES = st.sampled_from(
    ["", "450 4.2.0 later", "550 5.1.1 no", "421 4.3.2 bye", "250 2.0.0 yes", "354 go", "rubbish", "250 a\n250 b", "554-a\n554 b"]
)  # fmt: skip
SCRIPTS = st.builds(
    lambda number, stage, reply, times, drop: Script(
        f"reader-{number}@*", stage=stage, reply=reply, times=times, drop=drop
    ),
    st.integers(0, 11),
    STAGES,
    REPLIES,
    st.integers(0, 2),
    st.sampled_from(["", "", "", "before", "after"]),
)


async def run(
    scripts: list[Script], pipelining: bool, limit: int, wait: float
) -> tuple[list[list[Outcome]], Counter]:
    """Send twelve messages and return what was heard of each, and how often the sink took each."""
    heard: list[list[Outcome]] = [[] for _ in range(12)]
    sink = LoopbackSink(
        keep=True, scripts=scripts, pipelining=pipelining, messages_per_connection=limit, wait=wait
    )
    async with sink, channel(relay(sink.port, timeout=0.3, max_connections=3)) as ready:
        returned = await asyncio.gather(
            *(ready.send(envelope(number), heard[number].append) for number in range(12))
        )
    assert [[outcome] for outcome in returned] == heard
    return heard, Counter(recipient for message in sink.accepted for recipient in message.recipients)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SCRIPTS, max_size=6), st.booleans(), st.sampled_from([0, 2, 5]), st.sampled_from([0, 0.006]))
def test_what_is_said_of_a_message_is_true(
    scripts: list[Script], pipelining: bool, limit: int, wait: float
) -> None:
    """Accepted is there once; deferred and rejected before the body are not there; only unknown may be."""
    heard, taken = asyncio.run(run(scripts, pipelining, limit, wait))
    lying = {
        script.match for script in scripts if script.stage == "body" and script.reply[:1] not in ("4", "5")
    }
    for number, (outcome,) in enumerate(heard):
        count = taken[f"reader-{number}@example.com"]
        assert count <= 1
        if outcome.kind is OutcomeKind.ACCEPTED:
            assert count == 1
        elif outcome.kind is not OutcomeKind.UNKNOWN and f"reader-{number}@*" not in lying:
            assert count == 0
