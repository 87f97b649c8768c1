"""A drill stays a drill: no setting, and no store, connects it with real relays, or real people with a sink."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from incidents.app import app
from notifier.engine import batches, kind
from notifier.engine.worker import Worker
from notifier.errors import BadSettings, Refused
from notifier.keys import Keys
from notifier.settings import load
from notifier.store import Store
from notifier.testing import ScriptedChannel
from tests import world
from tests.desk import Desk
from tests.integration.test_sending import QUARANTINE, start, states
from tests.integration.test_worker import parts


@pytest.mark.parametrize(
    ("option", "before", "after"),
    [("--drill", "drill = true", "drill = false"), ("--brand=A", "", "drill = true\n")],
)
def test_a_setting_makes_no_drill_real_nor_the_other_way_round(
    tmp_path: Path, option: str, before: str, after: str
) -> None:
    """The kind is in the name of the log, which its key fixes: every command refuses another one."""
    assert CliRunner().invoke(app, ["--home", str(tmp_path), "init", option]).exit_code == 0
    file = tmp_path / "notifier.toml"
    file.write_text(file.read_text().replace(before, after, 1))
    for command in (["serve"], ["announcements", "resume", "X", "--operator", "anna"]):
        done = CliRunner().invoke(app, ["--home", str(tmp_path), *command])
        assert done.exit_code == 2
        assert "fixed when it is made" in " ".join(done.output.split())


def test_with_another_name_for_the_log_its_key_does_not_fit(tmp_path: Path) -> None:
    """Whoever changes both settings has no log that could go on, so nothing is sent."""
    assert CliRunner().invoke(app, ["--home", str(tmp_path), "init", "--drill"]).exit_code == 0
    file = tmp_path / "notifier.toml"
    changed = file.read_text().replace("drill = true", "drill = false").replace('"drill.', '"notices.')
    file.write_text(changed)
    done = CliRunner().invoke(app, ["--home", str(tmp_path), "serve"])
    assert done.exit_code == 2
    assert "belongs to the log drill." in " ".join(done.output.split())


def test_the_environment_changes_no_kind_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable is a setting like any other; the name of the log does not follow it."""
    assert CliRunner().invoke(app, ["--home", str(tmp_path), "init", "--drill"]).exit_code == 0
    assert load(tmp_path).drill
    monkeypatch.setenv("NOTIFIER_DRILL", "false")
    with pytest.raises(BadSettings):
        load(tmp_path)


@pytest.mark.parametrize("drill", [False, True])
async def test_only_batches_of_its_kind_are_claimed(store: Store, keys: Keys, drill: bool) -> None:
    """Whatever else is in the store, a channel is given only what was made for it."""
    await world.released(store, keys, 2)
    await _mark(store, drill)
    await start(store)
    mine = {"worker": "w1", "lease_us": 1, "quarantine_us": QUARANTINE}
    assert await batches.claim(store, **mine, drill=not drill) is None
    assert await batches.claim(store, **mine, drill=drill) is not None


@pytest.mark.parametrize("drill", [False, True])
async def test_a_worker_does_not_start_on_a_store_of_the_other_kind(
    store: Store, keys: Keys, tmp_path: Path, drill: bool
) -> None:
    """It names the announcement and says what to do; nothing is handed over or changed."""
    await world.released(store, keys, 2)
    await _mark(store, drill)
    await start(store)
    channel = ScriptedChannel()
    made = replace(parts(store, keys, channel, tmp_path), drill=not drill)
    with pytest.raises(Refused, match=world.CODE) as refused:
        await asyncio.wait_for(Worker(made).run(asyncio.Event()), 30)
    assert "cancel it" in refused.value.advice()
    assert (channel.sent, await states(store)) == ([], {"planned": 2})


async def test_what_has_ended_stops_no_worker(store: Store, keys: Keys) -> None:
    """A cancelled announcement of the other kind is history."""
    await world.released(store, keys, 2)
    await _mark(store, drill=True)
    async with store.begin() as tx:
        await tx.housekeep("UPDATE announcement SET state = 'cancelled'")
    async with store.read() as tx:
        await kind.require(tx, drill=False)


async def test_another_log_s_store_is_refused(store: Store) -> None:
    """A home whose log is not the one in the store has no business there."""
    async with store.begin() as tx:
        await tx.housekeep(
            "INSERT INTO log_state (id, origin, size, compact_range, published) "
            "VALUES (1, 'drill.example.com/audit', 0, :nothing, 0)",
            {"nothing": b""},
        )
    with pytest.raises(Refused, match=r"drill\.example\.com/audit"):
        async with store.read() as tx:
            await kind.require(tx, drill=False)


@pytest.mark.parametrize(
    "command", [("resume", world.CODE), ("next-wave", world.CODE), ("send-again", "0" * 16)]
)
def test_nobody_lets_go_on_what_is_of_the_other_kind(
    store_url: str, tmp_path: Path, command: tuple[str, str]
) -> None:
    """The commands that set something going refuse as the worker does."""
    desk = Desk(tmp_path / "home", store_url)

    async def release() -> None:
        async with desk.store() as store:
            await world.released(store, desk.keys, 2)
            await _mark(store, drill=True)

    asyncio.run(release())
    code, said = desk.say("announcements", *command, "--operator", "alice")
    assert (code, "is a drill" in said) == (1, True), said


async def _mark(store: Store, drill: bool) -> None:
    """Make the announcement there is one of this kind."""
    async with store.begin() as tx:
        await tx.housekeep("UPDATE announcement SET drill = :drill", {"drill": drill})
