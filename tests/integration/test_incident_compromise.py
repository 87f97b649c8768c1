"""What an incident compromised is not used, in whatever form and order it was said; on both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from incidents.affected.compromise import compromise_addresses
from incidents.affected.listing import PeopleList
from incidents.freeze import freeze
from incidents.store import Incident, find
from notifier.keys import Keys
from notifier.store import Store
from tests.affected import add, affect, declared, members, person


async def _mark(store: Store, keys: Keys, incident: Incident, path: Path, text: str) -> Any:
    path.write_text(text)
    async with store.begin() as tx:
        return await compromise_addresses(tx, keys, incident, PeopleList(path), reason="x", actor="alice")


async def _frozen(store: Store, keys: Keys, incident: Incident) -> dict[str, tuple[str, str]]:
    async with store.begin() as tx:
        audience = await freeze(tx, keys, await find(tx, incident.code), actor="alice")
    return {number: (one.state, one.reason) for number, one in (await members(store, audience.code)).items()}


async def test_another_spelling_of_a_mailbox_is_the_same_mailbox(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Marked is lea@gmail.com; l.ea+shop@gmail.com leads there too, lea@example.com does not."""
    await add(store, keys, [person("C-1", "l.ea+shop@gmail.com"), person("C-2", "lea@example.com")])
    incident = await declared(store)
    await affect(store, incident)
    done = await _mark(store, keys, incident, tmp_path / "l", "lea@gmail.com\n")
    assert (done.points, done.problems) == (1, [])
    assert await _frozen(store, keys, incident) == {
        "C-1": ("needs-channel", "compromised"),
        "C-2": ("due", ""),
    }
