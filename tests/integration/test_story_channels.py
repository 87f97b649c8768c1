"""What the story tells of notices that are no e-mail."""

from __future__ import annotations

from pathlib import Path

from notifier.channels.banner import content
from notifier.cli import notice_text
from notifier.keys import Keys
from notifier.store import Store
from notifier.story import deliveries, tell
from notifier.testing import FakeClock
from tests.banner_store import ANNA, BRUNO, shown
from tests.journeys import journey


async def test_of_a_banner_the_story_says_what_was_shown_when(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """The words as they were shown, each event with its proof; bytes that are no e-mail get no Date."""
    out = await shown(store, keys, clock, tmp_path, people=(ANNA,))
    for event in ("served", "opened"):
        assert await out.does(ANNA, event, customary_place=True)
    async with store.read() as tx:
        (one,) = deliveries(await tell(tx, keys, 1))[1:]
    assert (one.channel, one.recipient, one.intact, one.state) == ("banner", "", True, "delivered")
    assert one.message is not None
    assert content.read(one.message).title == "Notice of Data Breach"
    assert [(event.event, event.became, event.proven) for event in one.shown] == [
        ("served", "accepted", True), ("opened", "delivered", True),
    ]  # fmt: skip
    assert (one.shown[0].token_id, one.shown[0].customary_place) == ("session 17", True)
    assert notice_text.headed(one) == "title: Notice of Data Breach"
    assert "What Happened" in list(notice_text.lines(one))
    assert notice_text.happened(one.shown[1]).endswith("token session 17; so it is delivered")


async def test_a_text_is_told_as_it_was_sent(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """No Date and no field of an e-mail is put before it."""
    made = await journey(
        store, keys, clock, tmp_path, [BRUNO], "sms:always", "letter:always", "banner:always"
    )
    await made.escalation.round()
    await made.send()
    async with store.read() as tx:
        told = {one.channel: one for one in deliveries(await tell(tx, keys, 1))}
    text = told["sms"].message or b""
    assert text.startswith(b"Example Company")
    assert not text.startswith(b"Date:")
    assert list(notice_text.lines(told["sms"])) == [text.decode()]
    assert [notice_text.headed(told[one]) for one in ("sms", "letter")] == ["", ""]
    assert list(notice_text.lines(told["letter"])) == []
    assert notice_text.headed(told["email"]).startswith("subject: Example Company")
    assert [notice_text.dated(told[one])[:9] for one in ("sms", "letter", "banner", "email")] == [
        "handed ov", "date: not", "shown in ", "date: Mon",
    ]  # fmt: skip
