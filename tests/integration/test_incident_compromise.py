"""What an incident compromised is not used, in whatever form and order it was said; on both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from incidents.affected.compromise import compromise_addresses, compromise_channels
from incidents.affected.criteria import Exposure
from incidents.affected.listing import PeopleList
from incidents.affected.typed import by_hand
from incidents.freeze import freeze
from incidents.selection import Selection
from incidents.store import Incident, find
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.store import Store
from tests.affected import add, affect, declared, entries, members, person

_HOMES = ((1, "DE"), (2, "FR"), (3, "ES"))


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


async def test_a_marked_address_is_never_used_whenever_its_owner_comes(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Marked before its owner is affected, before they are a customer, or has the address: it counts."""
    await add(store, keys, [person("C-1", "one@example.com"), person("C-2", "+49301234567")])
    incident = await declared(store)
    done = await _mark(store, keys, incident, tmp_path / "l", "one@example.com\nt.wo@gmail.com\n")
    assert (done.marked, done.points, done.waiting, done.problems) == (2, 0, 2, [])
    await add(store, keys, [person("C-3", "two+shop@gmail.com"), person("C-4", "four@example.com")])
    await affect(store, incident)
    assert await _frozen(store, keys, incident) == {
        "C-1": ("needs-channel", "compromised"),
        "C-2": ("needs-channel", "none"),
        "C-3": ("needs-channel", "compromised"),
        "C-4": ("due", ""),
    }
    (entry,) = await entries(store, "affected:compromised")
    assert (entry["revision"], entry["addresses"], entry["people"]) == (incident.revision, 2, 0)


async def test_a_marked_channel_holds_for_whoever_is_added_later(store: Store, keys: Keys) -> None:
    """A mark on everybody's channel, on a country's, or on an exposure is for people added afterwards too."""
    await add(store, keys, [person(f"C-{n}", f"c{n}@example.com", country=where) for n, where in _HOMES])
    incident = await declared(store)
    async with store.begin() as tx:
        french = Selection.read("country = FR")
        await compromise_channels(tx, incident, ["email"], selection=french, reason="x", actor="alice")
        await compromise_channels(tx, incident, ["email"], exposed="messages", reason="x", actor="alice")
    await affect(store, incident, "country in (DE, FR)", "email")
    async with store.begin() as tx:
        exposure = Exposure.read("messages", incident)
        await by_hand(tx, keys, incident, ["C-3"], exposure, basis="x", actor="alice")
    frozen = await _frozen(store, keys, incident)
    assert {number: state for number, (state, _) in frozen.items()} == {
        "C-1": "due",
        "C-2": "needs-channel",
        "C-3": "needs-channel",
    }


async def test_a_rule_counts_as_people_are_at_the_freeze(store: Store, keys: Keys) -> None:
    """Somebody who moves to where the channel is compromised is not written to there any more."""
    await add(store, keys, [person("C-1", "one@example.com", country="DE")])
    incident = await declared(store)
    await affect(store, incident)
    async with store.begin() as tx:
        french = Selection.read("country = FR")
        assert not await compromise_channels(
            tx, incident, ["email"], selection=french, reason="x", actor="alice"
        )
        await tx.write("UPDATE customer SET country = 'FR'")
    assert await _frozen(store, keys, incident) == {"C-1": ("needs-channel", "compromised")}


async def test_what_is_marked_already_is_said_to_be(store: Store, keys: Keys, tmp_path: Path) -> None:
    """The same list again marks nothing new; the same channel again is refused."""
    await add(store, keys, [person("C-1", "one@example.com")])
    incident = await declared(store)
    await affect(store, incident)
    assert (await _mark(store, keys, incident, tmp_path / "l", "one@example.com\n")).marked == 1
    again = await _mark(store, keys, incident, tmp_path / "l", "one@example.com\n")
    assert (again.marked, again.points) == (0, 1)
    async with store.begin() as tx:
        await compromise_channels(tx, incident, ["email"], reason="x", actor="alice")
        with pytest.raises(BadInput, match="already"):
            await compromise_channels(tx, incident, ["email"], reason="x", actor="alice")


async def test_only_unreadable_addresses_are_refused(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A list without one readable address changes nothing."""
    incident = await declared(store)
    with pytest.raises(BadInput, match="no address"):
        await _mark(store, keys, incident, tmp_path / "l", "rubbish@@x\n")
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM affected_act") == 0


async def test_a_guardians_marked_address_is_not_used_for_the_ward(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Though only the ward is affected, and the guardian is marked before."""
    parent = person("parent", "parent@example.com")
    child, heir = (
        person("child", marks=("minor",), guardian="parent"),
        person("heir", marks=("deceased",), guardian="parent"),
    )
    await add(store, keys, [parent, child, heir])
    incident = await declared(store)
    assert (await _mark(store, keys, incident, tmp_path / "l", "parent@example.com\n")).waiting == 1
    await affect(store, incident, "number in (child, heir)")
    assert set((await _frozen(store, keys, incident)).values()) == {("needs-channel", "compromised")}


@pytest.mark.parametrize("late", [False, True])
async def test_a_guardian_whose_channel_is_compromised_is_not_written_to(
    store: Store, keys: Keys, *, late: bool
) -> None:
    """Though they are not affected themselves; said before the freeze, or after it."""
    parent = person("parent", "parent@example.com")
    await add(store, keys, [parent, person("child", marks=("minor",), guardian="parent")])
    incident = await declared(store)
    await affect(store, incident, "number = child")
    if late:
        assert await _frozen(store, keys, incident) == {"child": ("due", "")}
    async with store.begin() as tx:
        selection = Selection.read("number = parent")
        made = await compromise_channels(
            tx, incident, ["email"], selection=selection, reason="x", actor="alice"
        )
        assert made == 1
    if late:
        assert await _barred(store) == 1
    else:
        assert await _frozen(store, keys, incident) == {"child": ("needs-channel", "compromised")}


@pytest.mark.parametrize("late", [False, True])
async def test_a_compromised_mailbox_is_used_for_nobody_who_shares_it(
    store: Store, keys: Keys, *, late: bool
) -> None:
    """Another customer with the same mailbox, spelled otherwise, is not written to there either."""
    await add(store, keys, [person("C-1", "ann@example.com"), person("C-2", "Ann@Example.com")])
    incident = await declared(store)
    await affect(store, incident)
    if late:
        await _frozen(store, keys, incident)
    async with store.begin() as tx:
        selection = Selection.read("number = C-1")
        await compromise_channels(tx, incident, ["email"], selection=selection, reason="x", actor="alice")
    if late:
        assert await _barred(store) == 2
    else:
        assert set((await _frozen(store, keys, incident)).values()) == {("needs-channel", "compromised")}


async def _barred(store: Store) -> int:
    async with store.read() as tx:
        return int(await tx.scalar("SELECT count(*) FROM barred_point") or 0)


async def test_employees_and_the_court_protected_are_told_like_everybody(store: Store, keys: Keys) -> None:
    """Their marks are for selections: by themselves they hold nobody back."""
    marks = ("employee", "court-protected")
    await add(store, keys, [person(mark, f"{mark}@example.com", marks=(mark,)) for mark in marks])
    incident = await declared(store)
    await affect(store, incident)
    assert await _frozen(store, keys, incident) == dict.fromkeys(marks, ("due", ""))
