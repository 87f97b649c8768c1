"""Other customers named in what everybody reads, on both databases: nothing can be approved until that is settled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from notifier.announcements import announcement
from notifier.audit.entry import Event
from notifier.keys import Keys
from notifier.preflight import Preflight
from notifier.preflight import members as reading
from notifier.preflight.census import SHOWN, NamesCustomers
from notifier.release import revise
from notifier.settings import Settings
from notifier.store import Store
from tests.audiences import FACTS, TEXT, Frozen, Someone, crowd, drafted, freeze

MARIA = Someone("Maria Schneider", "maria@mail.test")


def _saying(*said: str, **facts: Any) -> dict[str, Any]:
    return {**FACTS, "texts": {"en": {**TEXT, "what_happened": [*said]}}, **facts}


LEAK = _saying("Somebody signed in.", "Maria Schneider's account was used.")


async def _rename(store: Store, keys: Keys, customer: int, name: str) -> None:
    async with store.begin() as tx:
        row = await tx.row(
            "SELECT c.uid, k.wrapped FROM customer c JOIN subject_key k ON k.customer_id = c.id WHERE c.id = :id",
            id=customer,
        )
        assert row is not None
        sealed = keys.subject(row.uid, bytes(row.wrapped)).seal(orjson.dumps({"name": name}), b"customer")
        await tx.write(
            "UPDATE customer SET sealed = :sealed WHERE id = :id", {"sealed": sealed, "id": customer}
        )
        tx.record(Event("customers:imported"))


async def _state(store: Store, number: int) -> str:
    async with store.read() as tx:
        return (await announcement(tx, number)).state


async def _refused(store: Store, keys: Keys, home: Path, audience: Frozen, **facts: Any) -> NamesCustomers:
    number = await drafted(store, audience, facts={**LEAK, **facts})
    with pytest.raises(NamesCustomers) as refused:
        await Preflight(store, keys, Settings(home=home)).run(number)
    assert await _state(store, number) == "draft"
    return refused.value


async def test_a_reader_named_to_all_others_stops_everything_until_it_is_reworded(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """The refusal tells place and customer number, never the name; new words let it go."""
    audience = await freeze(store, keys, [*crowd(5), MARIA])
    refused = await _refused(store, keys, tmp_path, audience)
    number = f"C{audience.subjects[MARIA.email]}"
    assert f"en what_happened 2 (customer {number})" in str(refused)
    assert "schneider" not in f"{refused!s} {refused.places}".lower()
    async with store.begin() as tx:
        draft = await tx.scalar("SELECT id FROM announcement")
        await revise(tx, draft, actor="alice", facts=_saying("A customer's account was used."))
    assert (await Preflight(store, keys, Settings(home=tmp_path)).run(draft)).ready == 6


@pytest.mark.parametrize("state", ["excluded", "needs-channel", "outside", "dead"])
async def test_customers_without_a_notice_are_not_named_either(
    store: Store, keys: Keys, tmp_path: Path, state: str
) -> None:
    """Whoever is excluded, unreachable, set aside or in no audience at all is looked for as well."""
    maria = Someone(MARIA.name, MARIA.email, state="due" if state in ("outside", "dead") else state,
                    point="dead" if state == "dead" else "usable")  # fmt: skip
    if state == "outside":
        await freeze(store, keys, [maria], code="INC-2026-002/1")
    audience = await freeze(store, keys, [*crowd(3), *([] if state == "outside" else [maria])])
    refused = await _refused(store, keys, tmp_path, audience)
    assert refused.places == {"en what_happened 2": 1}


async def test_a_name_that_is_meant_goes_out(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Who shares a name with the contact, or with somebody the record names on purpose, holds nobody back."""
    people = [*crowd(3), MARIA, Someone(FACTS["contact"]["name"], "ida@mail.test")]
    audience = await freeze(store, keys, people)
    facts = _saying("Maria Schneider, the minister, and Ida Holm spoke.", names_meant=["Maria Schneider"])
    number = await drafted(store, audience, facts=facts)
    assert (await Preflight(store, keys, Settings(home=tmp_path)).run(number)).ready == 5


async def test_everybody_named_is_counted_and_few_are_told(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Of many of one name a few numbers stand in the message; those in other chunks are counted, too."""
    people = [Someone(MARIA.name, f"m{at}@mail.test") for at in range(SHOWN + 3)]
    await freeze(store, keys, people, code="INC-2026-002/1")
    refused = await _refused(store, keys, tmp_path, await freeze(store, keys, [*crowd(2), MARIA]))
    assert "and 4 more" in str(refused)
    assert refused.places["en what_happened 2"] == SHOWN + 4


async def test_processes_find_who_is_named(
    store: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finding comes back from worker processes, however many chunks have one."""
    monkeypatch.setattr("notifier.preflight.FOR_MANY", 5)
    monkeypatch.setattr(reading, "CHUNK", 2)
    people = [*crowd(6), *(Someone(MARIA.name, f"m{at}@mail.test") for at in range(6))]
    refused = await _refused(store, keys, tmp_path, await freeze(store, keys, people))
    assert refused.places["en what_happened 2"] == 6


async def test_a_run_that_goes_on_looks_at_those_made_before(
    store: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who got another name between a crash and the next run is found, though their notice is made."""
    monkeypatch.setattr(reading, "CHUNK", 2)
    audience = await freeze(store, keys, crowd(6))
    number = await drafted(store, audience, facts=LEAK)
    preflight = Preflight(store, keys, Settings(home=tmp_path))

    def crash(done: int, _all: int) -> None:
        if done == 4:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await preflight.run(number, crash)
    await _rename(store, keys, audience.subjects["p0@mail.test"], MARIA.name)
    with pytest.raises(NamesCustomers):
        await preflight.run(number)


async def test_a_repair_finds_them_too(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A corrected name that stands in the text makes the announcement a draft again."""
    audience = await freeze(store, keys, [*crowd(3), Someone("{{x}}", "x@mail.test")])
    number = await drafted(store, audience, facts=LEAK)
    preflight = Preflight(store, keys, Settings(home=tmp_path))
    assert (await preflight.run(number)).needs_repair == 1
    await _rename(store, keys, audience.subjects["x@mail.test"], MARIA.name)
    with pytest.raises(NamesCustomers):
        await preflight.repair(number)
    assert await _state(store, number) == "draft"


async def test_customers_who_cannot_be_read_are_passed_over(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Erased customers and rows of another key have no name to look for, and hold nobody back."""
    other = await freeze(store, keys, [MARIA, Someone(MARIA.name, "two@mail.test")], code="INC-2026-002/1")
    async with store.begin() as tx:
        erased, altered = other.subjects.values()
        await tx.write("DELETE FROM subject_key WHERE customer_id = :id", {"id": erased})
        await tx.write(
            "UPDATE customer SET sealed = :junk WHERE id = :id", {"junk": b"\x01junk", "id": altered}
        )
        tx.record(Event("customers:imported"))
    number = await drafted(store, await freeze(store, keys, crowd(3)), facts=LEAK)
    assert (await Preflight(store, keys, Settings(home=tmp_path)).run(number)).ready == 3
