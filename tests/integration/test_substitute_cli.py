"""The commands about public notices, and the service that serves one and looks at it."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from incidents.app import app
from notifier.audit.log_key import LogKey
from notifier.keys import Keys
from notifier.settings import load
from notifier.store import Store
from notifier.testing import FakeClock
from tests.affected import entries
from tests.desk import Desk
from tests.integration.test_serving import serving
from tests.operators import Enrolled, enrolled
from tests.substitute import RECORD, House, house


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path) -> Desk:
    """An installation with a declared incident; its record was written by alice."""
    made = Desk(tmp_path / "home", sqlite_url)
    LogKey.generate("notices.example.com/audit").save(made.home / "keys")
    made.acts("incidents", "declare", made.file("record.yaml", RECORD))
    return made


@pytest.fixture
def ben(desk: Desk) -> Enrolled:
    """A second operator."""

    async def enrol() -> Enrolled:
        async with desk.store() as store:
            return await enrolled(store, desk.keys, "ben", voucher="alice")

    return asyncio.run(enrol())


def _substitute(desk: Desk, who: Enrolled, *words: str) -> tuple[int, str]:
    """Run a command as somebody who is asked who they are, some minutes after the last time."""
    with sqlite3.connect(desk.url.partition("///")[2]) as rows:
        rows.execute("UPDATE operator SET totp_last_step = 0, failures = 0, locked_until = 0")
    rows.close()
    return desk.say("incidents", "substitute", *words, "--operator", who.handle, typed=who.lines())


def test_from_draft_to_withdrawal(desk: Desk, ben: Enrolled, tmp_path: Path) -> None:
    """Drafted, read, refused to its author, approved by another, published, told to the press, withdrawn."""
    code = desk.ask("incidents", "list")[0]["code"]
    code_, said = _substitute(desk, desk.alice, "draft", code, "--days", "30")
    assert (code_, "Nobody said how many days the law asks for" in said) == (0, True)
    folder = tmp_path / "pages"
    shown = desk.ask("incidents", "substitute", "show", code, "--save", str(folder))
    assert sorted(one.name for one in folder.iterdir()) == [
        "page-ar.html", "page-en.html", "press-ar.txt", "press-en.txt"
    ]  # fmt: skip
    sign = ("approve", code, "--digest", shown["digest"])
    assert "cannot approve it" in _substitute(desk, desk.alice, *sign)[1]
    assert "not approved" in desk.say("incidents", "substitute", "media", code)[1]
    assert _substitute(desk, ben, *sign)[0] == 0
    code_, said = _substitute(desk, desk.alice, "publish", code)
    assert (code_, shown["address"] in said) == (0, True)
    press = tmp_path / "press.txt"
    told = ("incidents", "substitute", "media", code, "--language", "en", "--out", str(press))
    assert desk.say(*told)[0] == 0
    assert shown["address"] in press.read_text()
    assert (desk.say(*told)[0], press.stat().st_mode & 0o777) == (2, 0o600)
    code_, said = _substitute(desk, ben, "withdraw", code, "--reason", "it names the wrong server")
    assert code_ == 0, said
    assert desk.ask("incidents", "substitute", "show", code)["state"] == "withdrawn"
    desk.say("audit", "sequence")
    assert desk.ask("audit", "verify")["verified"]


def test_a_changed_record_is_told_and_voids(desk: Desk, ben: Enrolled) -> None:
    """`show` says that the draft is out of date, and that an approval no longer counts."""
    code = desk.ask("incidents", "list")[0]["code"]
    digest = desk.acts("incidents", "substitute", "draft", code, "--days", "30")["digest"]
    assert _substitute(desk, ben, "approve", code, "--digest", digest)[0] == 0
    newer = desk.file("newer.yaml", RECORD.replace("old server", "forgotten server"))
    desk.acts("incidents", "revise", code, newer)
    assert "does not count any more" in desk.say("incidents", "substitute", "show", code)[1]
    code_, said = _substitute(desk, desk.alice, "publish", code)
    assert (code_, "changed since" in said, "Draft it again" in said) == (1, True, True)


def test_the_service_serves_it_and_puts_that_on_record(tmp_path: Path) -> None:
    """One process: its worker looks at its own server, and the days it was seen are shown."""
    home = tmp_path / "home"
    assert CliRunner().invoke(app, ["--home", str(home), "init"]).exit_code == 0
    settings = load(home)
    keys = Keys.load(settings.keys_folder)

    def opened() -> Store:
        clock = FakeClock(datetime.now(UTC) - timedelta(minutes=2))
        return Store.open(
            settings.store_url, origin=settings.audit.origin, clock=clock, load_keys=lambda: keys
        )

    async def publish() -> House:
        store = opened()
        made = await house(store, keys)
        await made.public()
        await store.close()
        return made

    async def seen(code: str) -> set[str]:
        store = opened()
        found = await entries(store, "substitute:served")
        await store.close()
        assert {one["incident"] for one in found} == {code}
        return {one["locale"] for one in found}

    code = asyncio.run(publish()).incident.code
    with serving(home) as (process, _):
        assert process.stderr is not None
        looked: list[str] = []
        while len(looked) < 2:
            said = json.loads(process.stderr.readline())
            looked += [said["locale"]] if said["event"] == "a public notice was seen" else []
    assert asyncio.run(seen(code)) == set(looked) == {"ar", "en"}
    shown = CliRunner().invoke(app, ["--home", str(home), "incidents", "substitute", "show", code])
    assert len(re.findall("as approved", shown.stdout)) == 2
