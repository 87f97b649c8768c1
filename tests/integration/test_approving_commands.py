"""From draft to countdown and back through the command line, as two people would do it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from incidents.app import app as notifier
from notifier.announcements import announcement
from notifier.audit.entry import Event
from notifier.cli.approving import print_prepared
from notifier.clock import SystemClock
from notifier.engine.planning import plan
from notifier.keys import Keys
from notifier.store import Store
from tests.audiences import Someone, crowd, drafted, freeze
from tests.conftest import ORIGIN
from tests.operators import Enrolled, enrolled

CODE = "INC-2026-001/1/A1"


@dataclass
class Office:
    """An installation with an author, an approver and a draft for 12 people, one of whom fails."""

    home: Path
    url: str
    alice: Enrolled
    bob: Enrolled

    def run(self, *words: str, types: str = "") -> Result:
        """Run one command of the group."""
        return CliRunner().invoke(notifier, ["--home", str(self.home), "announcements", *words], input=types)

    def shown(self) -> dict[str, object]:
        """Return what ``show --json`` says."""
        result = CliRunner().invoke(
            notifier, ["--home", str(self.home), "--json", "announcements", "show", CODE]
        )
        return dict(json.loads(result.stdout))

    def rested(self) -> None:
        """Forget which codes were used, as if time had passed."""
        self.write("UPDATE operator SET totp_last_step = 0")

    def expired(self) -> None:
        """Let the approval's time have passed."""
        self.write("UPDATE approval SET expires_at = approved_at")

    def write(self, sql: str) -> None:
        """Change what is stored."""

        async def act() -> None:
            store = Store.open(self.url, origin=ORIGIN)
            async with store.begin() as tx:
                await tx.housekeep(sql)
            await store.close()

        asyncio.run(act())


@pytest.fixture
def office(sqlite_url: str, tmp_path: Path) -> Office:
    """Build the installation."""
    keys = Keys.generate()
    keys.save(tmp_path / "keys")
    (tmp_path / "notifier.toml").write_text(f'[store]\nurl = "{sqlite_url}"\n')

    async def build() -> Office:
        store = Store.open(sqlite_url, origin=ORIGIN, clock=SystemClock())
        alice = await enrolled(store, keys, "alice")
        bob = await enrolled(store, keys, "bob", voucher="alice")
        await drafted(store, await freeze(store, keys, [*crowd(11), Someone("{{x}}", "x@mail.test")]))
        await store.close()
        return Office(tmp_path, sqlite_url, alice, bob)

    return asyncio.run(build())


def _ready(office: Office) -> None:
    made = office.run("preflight", CODE, "--operator", "alice", types=office.alice.lines())
    assert made.exit_code == 3, made.output
    assert "leftover-token" in made.output
    office.rested()
    word = office.run("approve-locale", CODE, "en", "--operator", "bob", types=office.bob.lines())
    assert word.exit_code == 0, word.output
    office.rested()


def test_a_correction_that_is_ready_is_shown_to_who_approves(capsys: pytest.CaptureFixture[str]) -> None:
    """It is signed with the facts; the languages without one are named."""
    facts = {"texts": {"en": {"correction_draft": ["One point was wrong."]}, "de": {}}}
    print_prepared(facts, ["de", "en"])
    said = capsys.readouterr().out
    assert "One point was wrong." in said
    assert "No correction is ready in de:" in said


def test_two_people_bring_a_draft_to_its_countdown_and_stop_it(office: Office) -> None:
    """preflight, approve-locale, approve, release and stop, each with the number of people in words."""
    _ready(office)
    types = office.bob.lines() + "11\n"
    approved = office.run("approve", CODE, "--operator", "bob", types=types)
    assert approved.exit_code == 0, approved.output
    assert "approved for 11 people" in approved.output
    assert approved.output.count("a real notice, drawn at random") >= 1
    assert "No correction is ready in" in approved.output
    office.rested()
    released = office.run("release", CODE, "--operator", "bob", types=office.bob.lines())
    assert "11 people will be written to" in released.output
    assert office.shown()["state"] == "countdown"
    office.rested()
    stopped = office.run("stop", CODE, "--operator", "alice", types=office.alice.lines())
    assert "nobody was written to" in stopped.output
    assert office.shown()["state"] == "approved"


@pytest.mark.parametrize(("typed", "exit_code"), [("12", 2), ("yes", 2), ("", 2)])
def test_anything_but_the_number_approves_nothing(office: Office, typed: str, exit_code: int) -> None:
    """A wrong number, a word, or an empty line: bad input, and the announcement waits as before."""
    _ready(office)
    result = office.run("approve", CODE, "--operator", "bob", types=f"{office.bob.lines()}{typed}\n")
    assert result.exit_code == exit_code, result.output
    assert "due a notice: 11 people" in result.output
    assert office.shown()["state"] == "preflighted"


def test_the_author_and_a_wrong_code_are_refused(office: Office) -> None:
    """Approving asks for a fresh proof, and the author's is not enough."""
    _ready(office)
    author = office.run("approve", CODE, "--operator", "alice", types=office.alice.lines() + "11\n")
    assert (author.exit_code, "cannot approve it" in author.output) == (1, True)
    wrong = office.run("approve", CODE, "--operator", "bob", types=f"{office.bob.password}\n000000\n11\n")
    assert (wrong.exit_code, "is wrong" in wrong.output) == (1, True)


def test_an_expired_approval_is_shown_and_each_message_leads_on(office: Office) -> None:
    """show, list, release and approve all say that it expired, and name the preflight; that leads on."""
    _ready(office)
    office.run("approve", CODE, "--operator", "bob", types=office.bob.lines() + "11\n")
    office.expired()
    assert "expired" in office.run("list").output
    assert "no approval that counts: the approval expired at" in office.run("show", CODE).output
    assert "the approval expired at" in str(office.shown()["approval_problem"])
    for command, typed in (("release", ""), ("approve", "11\n")):
        office.rested()
        said = office.run(command, CODE, "--operator", "bob", types=office.bob.lines() + typed)
        assert (said.exit_code, "the approval expired at" in said.output) == (1, True)
        assert f"announcements preflight {CODE}" in said.output.replace("\n", " ")
    office.rested()
    office.run("preflight", CODE, "--operator", "alice", types=office.alice.lines())
    office.rested()
    again = office.run("approve", CODE, "--operator", "bob", types=office.bob.lines() + "11\n")
    assert (again.exit_code, office.shown()["approval_problem"]) == (0, "")


def test_a_void_approval_is_shown(office: Office) -> None:
    """A countdown stopped back to draft: show says why there is no approval, and what comes next."""
    _ready(office)
    office.run("approve", CODE, "--operator", "bob", types=office.bob.lines() + "11\n")
    office.rested()
    office.run("release", CODE, "--operator", "bob", types=office.bob.lines())
    office.rested()
    office.run("stop", CODE, "--to-draft", "--operator", "alice", types=office.alice.lines())
    shown = office.run("show", CODE).output
    assert "the approval is void: the release was stopped" in shown
    assert f"announcements preflight {CODE}" in shown


def test_lists_and_forecast_tell_what_there_is(office: Office) -> None:
    """list, show, set-aside and forecast work before and after the preflight; unknown codes are refused."""
    assert "draft" in office.run("list").output
    _ready(office)
    assert "leftover-token" in office.run("set-aside", CODE).output
    shown = office.run("show", CODE)
    assert "Subject:" in shown.output
    assert "p1@mail.test" not in shown.output
    assert "done by about" in office.run("forecast", CODE).output
    assert office.run("show", "NOPE").exit_code == 1


def test_the_whole_lot_of_languages_at_once_is_for_drills(office: Office) -> None:
    """Outside a drill each language is named, and one that is not in use is bad input."""
    office.run("preflight", CODE, "--operator", "alice", types=office.alice.lines())
    every = office.run("approve-locale", CODE, "--all", "--operator", "bob", types=office.bob.lines())
    assert every.exit_code == 1
    assert office.run("approve-locale", CODE, "xx", "--operator", "bob").exit_code == 2


def test_a_forecast_of_what_is_released_counts_who_is_left(office: Office) -> None:
    """As `status` does; a rate of one's own is for what is not released yet."""
    _ready(office)

    async def act() -> None:
        store = Store.open(office.url, origin=ORIGIN)
        async with store.begin() as tx:
            made = await announcement(tx, CODE)
            await plan(tx, made.id, batch_size=5)
            await tx.housekeep("UPDATE announcement SET state = 'released', released_at = 1")
            await tx.housekeep("UPDATE delivery SET state = 'accepted' WHERE id > 4")
            tx.record(Event("test:released"))
        await store.close()

    asyncio.run(act())
    said = office.run("forecast", CODE)
    assert "4 are waiting" in said.output
    assert "wave" not in said.output
    assert office.run("forecast", CODE, "--per-second", "5").exit_code == 2


def test_nobody_will_be_written_to_by_a_cancelled_draft(office: Office) -> None:
    """Nothing is foretold of it."""
    office.write("UPDATE announcement SET state = 'cancelled'")
    assert office.run("forecast", CODE).exit_code == 1
