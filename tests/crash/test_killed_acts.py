"""Each act before sending is killed around its commits and simply done again: nothing is half done or doubled."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.cli import PARTIAL
from notifier.customers.sample import write_sample
from notifier.store import Store
from tests.crash.acts import ACTS, DUE, Desk, make_desk, verified
from tests.crash.killed import RELEASE_MOMENTS

pytestmark = [pytest.mark.crash, pytest.mark.timeout(3600)]

EVERY_COMMIT = int(os.environ.get("CRASH_KILLS", "20")) >= 100
"""`make crash` kills around every commit; otherwise around the one that decides, the last."""
GOOD = {0, PARTIAL}
ROWS = 20_000 if EVERY_COMMIT else 6_000


class Stages:
    """The installation before each act, and how many commits the act makes."""

    def __init__(self, folder: Path) -> None:
        self.before: dict[str, Desk] = {}
        self.commits: dict[str, int] = {}
        desk = asyncio.run(make_desk(folder / "home"))
        for name in ACTS:
            self.before[name] = desk.copy(folder / name)
            with counted() as commits:
                done = desk.act(name)
            assert done.code in GOOD, done.output
            self.commits[name] = commits[0]
        self.after = desk


class counted:  # noqa: N801 - reads as a verb
    """Counts the commits of this process."""

    def __enter__(self) -> list[int]:
        self._real = Store.begin
        count = [0]

        def begin(store: Store) -> object:
            count[0] += 1
            return self._real(store)

        Store.begin = begin  # type: ignore[method-assign, assignment]
        return count

    def __exit__(self, *_: object) -> None:
        Store.begin = self._real  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    return Stages(tmp_path_factory.mktemp("acts"))


def moments(commits: int) -> Iterator[str]:
    """Yield where an act is killed."""
    for number in range(1, commits + 1) if EVERY_COMMIT else (commits,):
        yield f"commit:{number}:before"
        yield f"commit:{number}:after"


def facts(desk: Desk) -> dict[str, object]:
    """Return what must be the same whether or not somebody was killed on the way."""
    return {
        "customers": desk.rows("SELECT count(*), count(DISTINCT number) FROM customer"),
        "points": desk.rows("SELECT channel, count(*) FROM contact_point GROUP BY channel ORDER BY channel"),
        "incidents": desk.rows("SELECT code, state FROM incident ORDER BY code"),
        "affected": desk.rows("SELECT count(*), count(DISTINCT customer_id) FROM affected"),
        "audiences": desk.rows("SELECT code, people FROM audience ORDER BY code"),
        "members": desk.rows("SELECT state, count(*) FROM audience_member GROUP BY state ORDER BY state"),
        "announcements": desk.rows("SELECT code, revision, state FROM announcement ORDER BY code"),
        "notices": desk.rows("SELECT count(*), count(DISTINCT member_id) FROM notice"),
        "set aside": desk.rows("SELECT count(*) FROM set_aside WHERE NOT repaired"),
        "approvals": desk.rows("SELECT people FROM approval WHERE voided_at IS NULL"),
        "schedule": desk.rows("SELECT kind, count(*) FROM schedule GROUP BY kind"),
    }


@pytest.mark.parametrize("name", ["import", "freeze", "announce", "preflight", "approve", "release"])
def test_a_killed_act_is_done_again(stages: Stages, tmp_path: Path, name: str) -> None:
    """After the kill the act is undone or complete; doing it again leads where it leads undisturbed."""
    following = list(ACTS)[list(ACTS).index(name) + 1 :]
    expected = facts(stages.before[following[0]] if following else stages.after)
    for moment in moments(stages.commits[name]):
        desk = stages.before[name].copy(tmp_path / moment.replace(":", "-"))
        untouched = facts(desk)
        assert desk.kill(name, moment), f"{name} makes fewer commits than {moment}"
        left = facts(desk)
        if moment == f"commit:{stages.commits[name]}:after":
            assert left == expected
        elif stages.commits[name] == 1 or name in {"approve", "release"}:
            assert left == untouched
        again = desk.act(name)
        assert again.code in GOOD or (left == expected and "Refused" in again.output), again.output
        assert facts(desk) == expected, moment
        assert asyncio.run(verified(desk)) == []


@pytest.mark.parametrize("moment", RELEASE_MOMENTS)
def test_killed_while_it_becomes_real(stages: Stages, tmp_path: Path, moment: str) -> None:
    """At the end of the countdown: planned wholly or not at all, and after a restart everybody once."""
    desk = stages.after.copy(tmp_path / "home")
    killed = desk.start("serve", killed=moment)
    killed.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL
    planned = desk.scalar("SELECT count(*) FROM delivery")
    signed = desk.scalar("SELECT people FROM approval WHERE voided_at IS NULL")
    assert planned == (0 if moment == "planned-not-committed" else signed)
    again = desk.start("serve")
    until = time.monotonic() + 120
    while desk.scalar("SELECT count(*) FROM delivery WHERE state = 'accepted'") < signed:
        assert again.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    again.send_signal(signal.SIGTERM)
    again.communicate(timeout=60)
    assert again.returncode == 0
    assert desk.rows("SELECT count(*), count(DISTINCT member_id) FROM delivery") == [(signed, signed)]
    aside = desk.scalar("SELECT count(*) FROM set_aside WHERE NOT repaired")
    assert signed + aside == desk.scalar(DUE)
    assert desk.scalar("SELECT count(*) FROM send_run") == desk.scalar("SELECT count(*) FROM schedule")
    assert asyncio.run(verified(desk)) == []


def test_an_import_killed_at_random_moments(stages: Stages, tmp_path: Path) -> None:
    """However often it is killed, importing the file once more leaves every customer exactly once."""
    draw = random.Random(34)
    desk = stages.before["import"].copy(tmp_path / "home")
    _many(desk)
    words = ("customers", "import", "customers.csv", "--yes")
    for _ in range(10 if EVERY_COMMIT else 2):
        process = desk.start(*words)
        known = desk.scalar("SELECT count(*) FROM customer")
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            if desk.scalar("SELECT count(*) FROM customer") > known:
                break
            time.sleep(0.01)
        time.sleep(draw.random() * 0.5)
        process.kill()
        process.communicate(timeout=60)
        (total, numbers), *_ = desk.rows("SELECT count(*), count(DISTINCT number) FROM customer")
        assert total == numbers
    assert desk.act("import").code in GOOD
    twin = stages.before["import"].copy(tmp_path / "twin")
    _many(twin)
    assert twin.act("import").code in GOOD
    assert facts(desk) == facts(twin)
    assert asyncio.run(verified(desk)) == []


def _many(desk: Desk) -> None:
    (desk.home / "customers.csv").unlink()
    write_sample(desk.home / "customers.csv", ROWS, 34)
