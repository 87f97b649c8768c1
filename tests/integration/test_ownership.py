"""One worker at a time, and no waiting for one that is gone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from notifier.engine.ownership import Ownership
from notifier.errors import Conflict
from notifier.store import Store


async def _die(owner: Ownership) -> None:
    """End without a word, as a killed process does: its locks go, its row stays."""
    for file in owner._locked:
        os.close(file)
    owner._locked.clear()


async def test_the_place_of_a_killed_worker_is_taken_at_once(store: Store, tmp_path: Path) -> None:
    """Its lock is free, so it is gone, whatever its row still says."""
    killed = await Ownership(store, tmp_path, "host-1-aa").__aenter__()
    await _die(killed)
    async with Ownership(store, tmp_path, "host-2-bb") as successor:
        await successor.renew()


async def test_killed_between_lock_and_row(store: Store, tmp_path: Path) -> None:
    """A successor that died before its row was written keeps nobody waiting either."""
    await _die(await Ownership(store, tmp_path, "host-1-aa").__aenter__())
    (tmp_path / "worker.lock").write_text("host-1-aa\nhost-2-bb\n")
    async with Ownership(store, tmp_path, "host-3-cc"):
        assert (tmp_path / "worker.lock").read_text() in {"host-3-cc\n", "host-1-aa\nhost-2-bb\n"}


async def test_a_worker_elsewhere_is_not_thought_gone(store: Store, tmp_path: Path) -> None:
    """Another installation's lock proves nothing about it, and a refusal keeps no lock."""
    async with Ownership(store, tmp_path / "one", "host-1-aa") as first:
        other = Ownership(store, tmp_path / "two", "host-2-bb")
        for _ in range(2):
            with pytest.raises(Conflict, match="another worker"):
                await other.__aenter__()
        assert not other._locked
        await first.renew()
    async with other:
        pass


async def test_a_lost_place_is_noticed(postgres_url: str, tmp_path: Path) -> None:
    """Who is renewed too late learns that somebody else is the worker now."""
    store = Store.open(postgres_url, origin="notices.example.com/audit")
    async with Ownership(store, tmp_path / "one", "host-1-aa") as late:
        async with store.begin() as tx:
            await tx.housekeep("UPDATE sender_lease SET until = 0")
        async with Ownership(store, tmp_path / "two", "host-2-bb"):
            with pytest.raises(Conflict):
                await late.renew()
    await store.close()
