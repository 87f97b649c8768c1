"""Previews: what a real customer and the hardest rows of an audience would read."""

import asyncio

import orjson
import pytest
from typer.testing import CliRunner

from incidents.app import app
from notifier.audit.actions import AuditAction
from notifier.errors import NotFound
from notifier.keys import Keys
from notifier.preview import Previews
from notifier.settings import load
from notifier.store import Store
from tests.audiences import FACTS, Someone, crowd, drafted, freeze, settings_in
from tests.notice_facts import facts
from tests.operators import enrolled

HARD = (
    Someone("Maximiliane Alexandra von und zu Hohenstein-Wittelsbach the Younger of Example", "a@mail.test"),
    Someone("", "b@mail.test"),
    Someone("محمد الأحمد", "c@mail.test", locale="ar"),
    Someone("Robin 🦊", "d@mail.test"),
    Someone("Zoe\u0308 Example", "e@mail.test"),
    Someone("<b>Bo</b>", "f@mail.test"),
    Someone("Mia Example", "g@mail.test", variant="guardian"),
    Someone("Ann Example", "h@mail.test", details={"hints": {"email": "ends in @mail.test"}}),
)


@pytest.fixture
async def announced(store, keys):
    """An audience of ordinary and of hard people, and the code of its announcement."""
    audience = await freeze(store, keys, [*crowd(5), *HARD])
    number = await drafted(store, audience, facts={**FACTS, "texts": facts()["texts"]})
    async with store.read() as tx:
        return audience, await tx.scalar("SELECT code FROM announcement WHERE id = :id", id=number)


async def test_a_real_customers_notice_is_shown_and_that_is_on_record(store, keys, tmp_path, announced):
    """The preview holds the person's own name and details; the trail names the member, not the person."""
    audience, code = announced
    previews = Previews(store, keys, settings_in(tmp_path))
    made = await previews.customer(code, f"C{audience.subjects['h@mail.test']}", actor="operator:alice")
    assert "Dear Ann Example," in made.rendered.text
    assert "- E-mail address (ends in @mail.test)" in made.rendered.text
    async with store.read() as tx:
        entry = await tx.scalar(
            "SELECT entry FROM audit_event WHERE action = :a", a=AuditAction.PREVIEWED.value
        )
    data = orjson.loads(bytes(entry))["data"]
    assert (data["announcement"], data["actor"]) == (code, "operator:alice")
    assert b"Ann" not in bytes(entry)


async def test_another_language_can_be_looked_at(store, keys, tmp_path, announced):
    """The same person's notice in a language of choice, with the state of its translation."""
    audience, code = announced
    previews = Previews(store, keys, settings_in(tmp_path))
    number = f"C{audience.subjects['h@mail.test']}"
    made = await previews.customer(code, number, locale="hi-IN", actor="operator:alice")
    assert (made.locale, made.status) == ("hi", "unreviewed")


async def test_the_hardest_rows_are_found(store, keys, tmp_path, announced):
    """Longest name, no name, right to left, emoji, combining marks, markup, each variant; files are private."""
    made = await Previews(store, keys, settings_in(tmp_path)).worst(announced[1], actor="operator:alice")
    found = {one.case: one for one in made}
    assert set(found) == {
        "longest-name", "no-name", "right-to-left-name", "right-to-left-text", "emoji", "combining", "markup",
        "variant-person", "variant-guardian",
    }  # fmt: skip
    assert "Hohenstein" in found["longest-name"].rendered.text
    assert 'dir="rtl"' in found["right-to-left-text"].rendered.html
    assert "<b>Bo" not in found["markup"].rendered.html
    files = found["emoji"].write(tmp_path / "out")
    assert [(path.name, path.stat().st_mode & 0o77) for path in files] == [
        ("emoji.en.html", 0),
        ("emoji.en.txt", 0),
    ]


async def test_who_is_not_in_the_audience_has_no_preview(store, keys, tmp_path, announced):
    """A wrong number is refused and leaves nothing on record."""
    previews = Previews(store, keys, settings_in(tmp_path))
    with pytest.raises(NotFound, match="nobody with that customer number"):
        await previews.customer(announced[1], "C999", actor="operator:alice")
    async with store.read() as tx:
        sql = "SELECT count(*) FROM audit_event WHERE action = :a"
        assert await tx.scalar(sql, a=AuditAction.PREVIEWED.value) == 0


def notifier(home, *arguments, typed=""):
    result = CliRunner().invoke(app, ["--home", str(home), *arguments], input=typed)
    return result.exit_code, result.output


async def _installed(home):
    """Put an audience, an announcement and an operator into an installation."""
    found = load(home)
    keys, store = Keys.load(found.keys_folder), Store.open(found.store_url, origin=found.audit.origin)
    audience = await freeze(store, keys, HARD)
    number = await drafted(store, audience, facts=FACTS)
    async with store.read() as tx:
        code = await tx.scalar("SELECT code FROM announcement WHERE id = :id", id=number)
    person = await enrolled(store, keys, "alice")
    await store.close()
    return code, f"C{audience.subjects['h@mail.test']}", person


def test_the_command_shows_and_writes_previews_for_an_operator_who_proved_it(tmp_path):
    """Password and code are asked for; the files are written, and nothing of them is printed."""
    home, folder = tmp_path / "home", tmp_path / "out"
    assert notifier(home, "init")[0] == 0
    code, number, alice = asyncio.run(_installed(home))
    command = ("notices", "preview", "--announcement", code, "--operator", "alice")
    assert notifier(home, *command, "--customer", number, typed="wrong\n000000\n")[0] == 1
    exit_code, output = notifier(
        home, *command, "--customer", number, "--out", str(folder), typed=alice.lines()
    )
    assert exit_code == 0, output
    assert "Dear Ann Example," not in output
    assert "Dear Ann Example," in (folder / "customer.en.txt").read_text()
    assert {path.name for path in folder.iterdir()} == {"customer.en.html", "customer.en.txt"}


def test_the_commands_list_languages_and_lint_facts(tmp_path):
    """``locales`` tells drafts from the original; ``lint`` leaves with 1 where something blocks."""
    home, file = tmp_path / "home", tmp_path / "facts.json"
    assert notifier(home, "init")[0] == 0
    code, output = notifier(home, "notices", "locales")
    assert code == 0
    assert output.count("unreviewed") == 5
    file.write_bytes(orjson.dumps(facts()))
    code, output = notifier(home, "notices", "lint", "--facts", str(file))
    assert (code, "30 variants checked: 0 findings to correct" in output) == (0, True)
    bad = facts()
    bad["texts"]["en"]["what_happened"] = ["Your data may have been involved."]
    file.write_bytes(orjson.dumps(bad))
    code, output = notifier(home, "notices", "lint", "--facts", str(file))
    assert (code, "hedge" in output) == (1, True)


def test_wrong_input_is_told_apart(tmp_path):
    """Broken JSON is wrong input, and so is naming neither a customer nor the hardest rows."""
    home, file = tmp_path / "home", tmp_path / "facts.json"
    assert notifier(home, "init")[0] == 0
    file.write_text("{")
    assert notifier(home, "notices", "lint", "--facts", str(file))[0] == 2
    assert notifier(home, "notices", "preview", "--announcement", "X", "--operator", "alice")[0] == 2
