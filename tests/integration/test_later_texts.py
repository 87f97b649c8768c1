"""Whoever approves reads what each later step says, not only the first e-mail."""

from __future__ import annotations

from pathlib import Path

from notifier.announcements import announcement
from notifier.keys import Keys
from notifier.preflight.later_texts import later_texts
from notifier.store import Store
from notifier.testing import FakeClock
from tests.audiences import Someone, settings_in
from tests.journeys import LETTERHEAD, journey
from tests.mailhouse import waiting_desk

ANNA = Someone("Anna Albrecht", "anna@mail.test", locale="de", phone="+4915155500001", street="Weg 1")
BRUNO = Someone("Bruno Castellano", "bruno@mail.test", locale="en-GB", phone="+4915155500002")
CARLA = Someone(
    "Carla Dupontel", "carla@mail.test", locale="en", phone="+4915155500003", categories=" health "
)
STEPS = ("banner:always", "email:unacknowledged:48", "sms:unreached", "letter:unreached")


async def test_each_step_is_read_once_in_each_language(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Reminder, text and banner; people who read the same are one of them, and nobody is named."""
    made = await journey(store, keys, clock, tmp_path, [ANNA, BRUNO, CARLA], *STEPS)
    async with store.read() as tx:
        now = await announcement(tx, made.id)
        found = await later_texts(tx, now, settings_in(tmp_path, letter=LETTERHEAD), keys)
    assert [(one.channel, one.locale) for one in found] == [("email", "en"), ("sms", "en"), ("banner", "en")]
    said = {one.channel: one.text for one in found}
    assert "reminder" in said["email"].lower()
    assert "0123456789ABCDEF" in said["sms"]
    assert not any("Albrecht" in text or "Castellano" in text for text in said.values())


async def test_without_later_steps_there_is_nothing_more_to_read(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """The first e-mail is all."""
    made = await journey(store, keys, clock, tmp_path, [ANNA])
    async with store.read() as tx:
        assert await later_texts(tx, await announcement(tx, made.id), settings_in(tmp_path), keys) == []


def test_the_command_shows_them(store_url: str, tmp_path: Path) -> None:
    """With the way to see the pages of a letter."""
    desk, code = waiting_desk(store_url, tmp_path, [ANNA])
    assert f"notifier letters preview {code}" in desk.say("announcements", "show", code)[1]
