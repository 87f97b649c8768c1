"""``notifier customers show``, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from notifier import barring
from notifier.channels import Outcome, OutcomeKind
from notifier.links import make_token
from notifier.testing import ScriptedChannel
from tests import world
from tests.desk import Desk
from tests.desks import told
from tests.integration.test_audit_verify import damage
from tests.logs import Log

HOSTILE = Outcome(OutcomeKind.ACCEPTED, code=250, enhanced="2.0.0", text="ok \x1b[2J[bold]queued[/]")


@pytest.fixture
def desk(store_url: str, tmp_path: Path) -> Desk:
    """An installation that has told three people."""
    return told(store_url, tmp_path, 3, ScriptedChannel({world.address(1): [HOSTILE]}))


def test_the_story_is_told_and_the_look_is_on_record(desk: Desk) -> None:
    """Audience, notice, answer and place; each look leaves an entry."""
    desk.say("audit", "sequence")
    before = desk.count("audit_event")
    code, said = desk.say("customers", "show", "C1", "--operator", "alice", "--text")
    assert code == 0, said
    for part in ("C1 Person 1", "INC-2026-001/1", "accepted", "Dear person 1", "place ", "commits to this"):
        assert part in said
    (looked,) = desk.ask("audit", "entries", "--action", "customer:shown")
    assert looked["entry"]["data"]["actor"] == "operator:alice"
    assert "C1" not in str(looked)
    assert desk.acts("customers", "show", "C1")["number"] == "C1"
    assert desk.count("audit_event") == before + 2


def test_a_servers_reply_cannot_steer_the_terminal(desk: Desk) -> None:
    """Escape sequences and markup in what others wrote are shown as text."""
    _, said = desk.say("customers", "show", "C1", "--operator", "alice")
    assert "\x1b[2J" not in said
    assert "[bold]queued[/]" in said


def test_raw_writes_the_exact_bytes(desk: Desk, tmp_path: Path) -> None:
    """The file holds what went over the wire, for its owner alone, and no file is overwritten."""
    told = desk.acts("customers", "show", "C1")
    (delivery,) = told["memberships"][0]["announcements"][0]["deliveries"]
    file = tmp_path / "notice.eml"
    show = ("customers", "show", "C1", "--operator", "alice", "--raw", str(file))
    assert desk.say(*show, "--reference", delivery["reference"])[0] == 0
    assert file.read_bytes() == delivery["message"].encode("latin-1")
    assert file.stat().st_mode & 0o777 == 0o600
    assert desk.say(*show)[0] == 1
    file.unlink()
    assert desk.say(*show, "--reference", "0123-4567-89AB-CDEF")[0] == 1
    assert not file.exists()
    assert desk.say(*show, "--reference", "nonsense")[0] == 2


def test_unknown_people_and_unaffected_ones_are_told_apart(desk: Desk) -> None:
    """Who is not in the store is not found; who is in no audience is not affected by anything."""
    code, said = desk.say("customers", "show", "nobody", "--operator", "alice")
    assert code == 1
    assert "told nothing" in said

    async def leave() -> None:
        async with desk.store() as store, store.begin() as tx:
            await tx.housekeep(
                "INSERT INTO customer (uid, number, locale, time_zone, country, region, data_held, marks, "
                "attributes, sealed, fingerprint, created_at, changed_at, origin) "
                "VALUES ('u', 'X1', '', '', '', '', '', '', '{}', :nothing, :nothing, 0, 0, 'import')",
                {"nothing": b""},
            )

    asyncio.run(leave())
    code, said = desk.say("customers", "show", "X1", "--operator", "alice")
    assert code == 0, said
    assert "Not affected by anything" in said
    assert "(erased)" in said


@pytest.mark.parametrize(
    ("damaging", "shown"),
    [
        ("UPDATE attempt SET sealed = :bad", ("250 2.0.0 (unreadable)", "with the approved digest")),
        ("UPDATE notice_dictionary SET content = :bad", ("to (unreadable): accepted", "[bold]queued[/]")),
        ("UPDATE notice SET sealed = :bad", ("to (unreadable): accepted", "[bold]queued[/]")),
        ("UPDATE customer SET sealed = :bad", ("C1 (unreadable)", "with the approved digest")),
        ("UPDATE contact_point SET sealed = :bad", ("C1 (unreadable)", "with the approved digest")),
    ],
)
def test_what_is_damaged_hides_nothing_else(desk: Desk, damaging: str, shown: tuple[str, str]) -> None:
    """Each unreadable value is called so in its place; the rest is told, and the exit code says "in part"."""

    async def harm() -> None:
        async with desk.store() as store:
            log = Log.of(store, desk.home)
            await damage(log, damaging, bad=b"\x00")

    asyncio.run(harm())
    code, said = desk.say("customers", "show", "C1", "--operator", "alice")
    assert code == 3, said
    for part in ("due a notice", *shown, "1 value above cannot be opened"):
        assert part in said
    assert desk.say("--json", "customers", "show", "C1", "--operator", "alice")[0] == 3


def test_support_takes_a_word_down_and_the_story_shows_it(desk: Desk) -> None:
    """Once, with who and why; the trail has neither the reason nor the person's number."""
    told = desk.acts("customers", "show", "C1")
    (delivery,) = told["memberships"][0]["announcements"][0]["deliveries"]
    reason = ("--reason", "rang [b]us[/]", "--operator", "alice")
    done = desk.ask("notices", "acknowledge", delivery["reference"].lower(), *reason)
    assert (done["new"], done["counts"]) == (True, True)
    assert not desk.ask("notices", "acknowledge", delivery["reference"], *reason)["new"]
    _, said = desk.say("customers", "show", "C1", "--operator", "alice")
    assert "acknowledged through support by alice: rang [b]us[/]" in said
    assert "it commits to this person" in said
    (entry,) = desk.ask("audit", "entries", "--action", "acknowledgement:taken")
    assert "rang" not in str(entry)
    assert desk.say("audit", "verify")[0] == 0


def test_the_link_is_printed_where_one_is_set_and_the_look_is_on_record(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an address of notice pages there is none; whoever gets a link is named in the trail."""
    (one, *_) = desk.acts("customers", "show", "C1")["memberships"][0]["announcements"][0]["deliveries"]
    code, said = desk.say("notices", "link", one["reference"], "--operator", "alice")
    assert (code, "organisation.notices_url" in said) == (1, True)
    monkeypatch.setenv("NOTIFIER_ORGANISATION__NOTICES_URL", "https://notices.example.com")
    link = desk.acts("notices", "link", one["reference"])["link"]
    assert link == f"https://notices.example.com/notices/{make_token(desk.keys, one['reference'])}"
    (entry,) = desk.ask("audit", "entries", "--action", "notice:linked")
    assert entry["entry"]["data"]["delivery"] == one["reference"]


def test_support_learns_that_a_word_does_not_count_yet(desk: Desk) -> None:
    """Where a contact point is compromised, until it is said that the person was identified."""

    async def bar() -> None:
        async with desk.store() as store, store.begin() as tx:
            await barring.bar(tx, subject="INC-2026-001", condition="1 = 1", params={}, actor="alice")

    asyncio.run(bar())
    (one, *_) = desk.acts("customers", "show", "C1")["memberships"][0]["announcements"][0]["deliveries"]
    said = ("notices", "acknowledge", one["reference"], "--reason", "rang us", "--operator", "alice")
    assert "does not count yet" in desk.say(*said)[1]
    assert desk.ask(*said, "--identified")["counts"]
    _, story = desk.say("customers", "show", "C1", "--operator", "alice")
    assert "it does not count, others may have" in story
    assert "by alice, identified: rang us" in story
