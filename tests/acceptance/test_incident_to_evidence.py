"""From an incident to its evidence: the whole way through the command line, as a new user goes it."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import journey as way
from tests.acceptance.house import House
from tests.acceptance.journey import Journey
from tests.crash.harness import catcher

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    """Walk the way once; each test looks at one stop of it."""
    folder = tmp_path_factory.mktemp("journey")
    home = folder / "home"
    home.mkdir()
    scripts = folder / "scripts.json"
    scripts.write_text(way.SCRIPTS)
    with catcher(folder, "--content", "--scripts", str(scripts)) as sink:
        made = Journey(House(home), sink)
        made.walk()
        yield made


def accepted(journey: Journey, number: int) -> dict[str, str]:
    """Return what the catcher got for a sample customer."""
    lines = [json.loads(line) for line in journey.catcher.log.read_text().splitlines()]
    return next(line for line in lines if line["to"][0].startswith(f"customer.{number}@"))


def test_a_new_installation_says_what_to_do_next(journey: Journey) -> None:
    """``init`` prints the public key of the log and the next commands."""
    made = journey.said["init"]
    assert made.code == 0
    assert "notices.example.com/audit+" in made.out
    assert "operators add" in made.out


def test_bad_rows_are_reported_and_hold_nobody_back(journey: Journey) -> None:
    """The import leaves with 3, takes the good rows, and keeps the bad ones with their reasons."""
    imported = journey.said["import"]
    assert (imported.code, imported.value["added"]) == (3, way.CUSTOMERS + 2)
    lines = (journey.house.home / "problems.csv").read_text(encoding="utf-8-sig").splitlines()
    (header, *rows) = list(csv.reader(lines))
    assert "problem" in " ".join(header).lower()
    assert any("00000042" in row for row in rows)


def test_importing_again_changes_nothing(journey: Journey) -> None:
    """The same file twice: nobody is added, nobody changed."""
    again = journey.said["import again"].value
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, way.CUSTOMERS + 2)


def test_a_suspected_incident_has_no_audience_yet(journey: Journey) -> None:
    """Freezing is refused until the incident is assessed and declared; then it goes on to its close."""
    early = journey.said["too early"]
    assert (early.code, "suspected" in early.err) == (1, True)
    assert [journey.said[stop].code for stop in ("assess", "declared", "step close")] == [0, 0, 0]
    assert "is closed" in journey.said["step close"].out


def test_people_come_by_criteria_by_list_and_by_hand(journey: Journey) -> None:
    """Each way adds people; the row of the list that names nobody is reported and the command leaves with 3."""
    assert [journey.said[stop].code for stop in ("by criteria", "by list", "typed")] == [0, 3, 0]
    assert "line 5: unmatched" in journey.said["by list"].err


def test_everybody_is_in_exactly_one_group(journey: Journey) -> None:
    """Ready, set aside, without a usable address and excluded sum to the frozen audience."""
    counts = journey.said["preflight"].value
    groups = [counts[name] for name in ("ready", "needs_repair", "needs_channel", "excluded")]
    assert journey.said["preflight"].code == 3
    assert (sum(groups), groups[1:]) == (journey.said["frozen"].value["people"], [1, 2, 1])
    assert [one["customer"] for one in journey.said["set aside"].value] == [way.ODD[0]]


@pytest.mark.parametrize(
    ("stop", "code", "because"),
    [
        ("unread", 1, "nobody has approved the texts in"),
        ("by the author", 1, "cannot approve it"),
        ("wrong number", 2, "not 7; nothing was approved"),
        ("unapproved", 1, "not approved"),
    ],
)
def test_what_must_not_go_out_is_refused(journey: Journey, stop: str, code: int, because: str) -> None:
    """Unread languages, the author's own approval, a wrong number, and a release without approval."""
    refused = journey.said[stop]
    assert (refused.code, because in refused.err) == (code, True), refused
    assert stop == "wrong number" or "a real notice" not in refused.out


def test_a_second_person_sees_what_goes_out_and_signs_it(journey: Journey) -> None:
    """The approval shows the digests and real notices and takes the typed number, through a real process."""
    approved = journey.said["approved"]
    assert (approved.code, "a real notice, drawn at random" in approved.out) == (0, True)
    assert journey.said["shown"].value["digests"]["audience"] in approved.out


def test_the_countdown_can_be_stopped_and_started_again(journey: Journey) -> None:
    """Stopping leaves the approval; nobody was written to."""
    assert [journey.said[stop].code for stop in ("countdown", "stopped", "released")] == [0, 0, 0]
    assert "nobody was written to" in journey.said["stopped"].out


def test_the_canary_waits_for_a_person(journey: Journey) -> None:
    """Only the canary is out until somebody resumes; the wait is on the list of what needs a person."""
    status = journey.said["canary"].value
    assert status["deliveries"]["planned"] == 20 - way.CANARY
    assert [wave["state"] for wave in status["waves"]] == ["ready", "held"]
    assert [hold["kind"] for hold in journey.said["holds"].value] == ["canary"]
    assert "waits for a person to look at the canary" in journey.said["canary in words"].out
    assert journey.said["resumed"].code == 0


def test_everybody_is_accounted_for(journey: Journey) -> None:
    """In the end each person is accepted, rejected, excluded or in a counted group."""
    status = journey.said["status"].value
    assert (status["unaccounted"], status["remaining"]) == (0, 0)
    groups = sum(status[name] for name in ("needs_channel", "needs_repair", "excluded"))
    assert sum(status["deliveries"].values()) + groups == status["people"]
    assert status["deliveries"]["rejected"] == 1
    assert journey.said["closed"].code == 0


def test_nobody_is_told_who_must_not_be(journey: Journey) -> None:
    """One message each; nothing to the excluded, the compromised address or the notice set aside."""
    told = journey.told_first
    assert len(told) == len(set(told)) == journey.said["status"].value["deliveries"]["accepted"]
    never = ("customer.9@", "customer.12@", "customer.10@", "odd@mail.test")
    assert not [address for address in told if address.startswith(never)]
    assert "morgan@typed.test" in told


def test_the_exact_bytes_are_those_that_were_handed_over(journey: Journey) -> None:
    """``customers show --raw`` writes what the mail catcher got, byte for byte."""
    content = (journey.house.home / "notice.eml").read_bytes()
    assert journey.said["bytes"].code == 0
    assert hashlib.sha256(content).hexdigest() == accepted(journey, 5)["sha256"]


def test_a_story_tells_each_attempt_and_its_proof(journey: Journey) -> None:
    """Who was deferred first shows two attempts with the server's answers, each committed to by the trail."""
    (delivery,) = journey.deliveries(way.LATER)
    assert [one["outcome"] for one in delivery["attempts"]] == ["deferred", "accepted"]
    assert all(one["proven"] for one in delivery["attempts"])
    assert "try again in 1 second" in journey.said["story in words"].out


def test_whoever_was_not_told_has_a_story_too(journey: Journey) -> None:
    """The excluded and the one with the compromised address: why no notice was made for them."""
    for number, state in ((way.EXCLUDED, "excluded"), (way.COMPROMISED, "needs-channel")):
        (membership, *_) = journey.said[f"story of {number}"].value["memberships"]
        assert membership["state"] == state
        assert not journey.deliveries(number)


def test_the_public_page_confirms_a_reference_and_denies_another(journey: Journey) -> None:
    """A reference handed over is ours; an invented one is not."""
    genuine, invented = journey.said["genuine"], journey.said["invented"]
    assert (genuine.code, invented.code) == (200, 200)
    assert 'class="answer yes"' in genuine.out
    assert 'class="answer no"' in invented.out


def test_a_top_up_tells_only_what_is_new(journey: Journey) -> None:
    """The new person and the one whose exposure grew are told; who was told the same facts is not.

    Whoever was set aside the first time comes back, too, for they were never told.
    """
    assert journey.said["frozen again"].value["people"] == 3
    assert sorted(address.split("@")[0] for address in journey.told_then) == ["customer.20", "customer.3"]
    assert len(journey.deliveries(way.LATER)) == 1


def test_who_is_exposed_further_gets_an_update_that_names_it(journey: Journey) -> None:
    """The second notice is an update about the one category that is new."""
    first, update = journey.said[f"story of {way.GROWN}"].value["memberships"]
    assert (first["variant"], update["variant"]) == ("person", "update")
    assert update["new_categories"] == ["phone"]
    assert len({one["reference"] for one in journey.deliveries(way.GROWN)}) == 2


def test_a_backup_is_made_while_it_serves(journey: Journey) -> None:
    """The copy is a whole store with everybody's delivery in it."""
    assert journey.said["backup"].code == 0
    copy = sqlite3.connect(journey.house.home / "copy.db")
    told = len(journey.told_first) + len(journey.told_then)
    assert copy.execute("SELECT count(*) FROM delivery WHERE state = 'accepted'").fetchone() == (told,)
    copy.close()


def test_the_service_ends_when_asked(journey: Journey) -> None:
    """SIGTERM drains and leaves with 0."""
    assert journey.said["serve"].code == 0
    assert "service.stopped" in journey.said["serve"].out


def test_the_log_names_nobody(journey: Journey) -> None:
    """No address, name or reference stands in the service's log."""
    log = journey.said["serve"].out
    assert not [word for word in ("customer.", "@", journey.reference(way.LATER)) if word in log]


def test_the_trail_verifies(journey: Journey) -> None:
    """After all of it, in a process of its own."""
    verified = journey.said["verify"]
    assert (verified.code, "audit trail: verified" in verified.out) == (0, True), verified


def test_the_keys_and_the_store_are_their_owners_alone(journey: Journey) -> None:
    """Whatever the commands wrote in the home, nobody else can read the secrets in it."""
    home: Path = journey.house.home
    private = [*home.glob("keys/*"), *home.glob("state/*.db"), home / "problems.csv", home / "notice.eml"]
    assert private
    assert not [path.name for path in private if path.stat().st_mode & 0o077]
