"""Preflight on both databases: everybody is made, set aside or counted, and a crash leaves a draft."""

from __future__ import annotations

import asyncio
import email
import email.policy
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from notifier import notices
from notifier.announcements import announcement
from notifier.audit.entry import Event
from notifier.errors import Conflict, Refused
from notifier.keys import Keys
from notifier.links import notice_link
from notifier.preflight import NotReady, Preflight, PreflightReport, made_already, report
from notifier.preflight import members as reading
from notifier.release import revise
from notifier.settings import Organisation, Settings
from notifier.store import Store
from tests.audiences import FACTS, TEXT, Someone, crowd, drafted, freeze

HOSTILE = [
    Someone("Eve\r\nBcc: all@mail.test", "crlf@mail.test"),
    Someone("{{ facts }}", "braces@mail.test"),
    Someone("\u202eevil\u202c \u2066open", "bidi@mail.test"),
    Someone("<script>alert(1)</script>", "script@mail.test"),
    Someone('x" src="//evil.test', "attribute@mail.test"),
    Someone("see https://evil.test/x", "link@mail.test"),
    Someone("www.evil.test", "www@mail.test"),
    Someone("", "nameless@mail.test"),
    Someone("Zoë 👩🏽‍🚒 Ünlü", "emoji@mail.test"),
    Someone("محمد علي", "rtl@mail.test"),
]


async def _aside(store: Store, subjects: dict[str, int]) -> dict[str, str]:
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT m.customer_id, s.finding FROM set_aside s JOIN audience_member m ON m.id = s.member_id"
        )
    emails = {number: address for address, number in subjects.items()}
    return {emails[row.customer_id].partition("@")[0]: row.finding for row in rows}


async def _messages(store: Store, keys: Keys) -> dict[str, bytes]:
    """Restore every notice from the store as an outsider with the keys would."""
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT n.sealed, n.digest, c.uid, k.wrapped, d.content FROM notice n"
            " JOIN audience_member m ON m.id = n.member_id JOIN customer c ON c.id = m.customer_id"
            " JOIN subject_key k ON k.customer_id = c.id JOIN notice_dictionary d ON d.id = n.dictionary_id"
        )
    restored = {}
    for row in rows:
        packed = keys.subject(row.uid, bytes(row.wrapped)).open(bytes(row.sealed), notices.SEAL_CONTEXT)
        recipient, message = notices.unpack(packed, bytes(row.content))
        assert notices.keyed_digest(message, keys.index) == bytes(row.digest)
        restored[recipient] = message
    return restored


async def test_everyone_is_in_exactly_one_group(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Made, needs repair, needs another channel and excluded sum to the audience."""
    people = [
        *crowd(20),
        Someone("Gone Away", "dead@mail.test", point="dead"),
        Someone("No Channel", "none@mail.test", state="needs-channel"),
        Someone("Left Out", "out@mail.test", state="excluded"),
        Someone("{{name}}", "bad@mail.test"),
    ]
    number = await drafted(store, await freeze(store, keys, people))
    seen: list[tuple[int, int]] = []
    counts = await Preflight(store, keys, Settings(home=tmp_path)).run(
        number, lambda done, all_: seen.append((done, all_))
    )
    assert (counts.ready, counts.needs_repair, counts.needs_channel, counts.excluded) == (20, 2, 1, 1)
    assert counts.unaccounted == 0
    assert counts.findings == {"contact-point": 1, "leftover-token": 1}
    assert seen[0] == (0, 24)
    assert (22, 24) in seen
    assert seen[-1] == (24, 24)
    async with store.read() as tx:
        assert (await announcement(tx, number)).state == "preflighted"


async def test_each_notice_is_to_its_reader_alone(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A parser that others wrote finds one To, no Cc, the reader's name and nobody else's."""
    number = await drafted(store, await freeze(store, keys, crowd(10)))
    await Preflight(store, keys, Settings(home=tmp_path)).run(number)
    messages = await _messages(store, keys)
    assert sorted(messages) == sorted(one.email for one in crowd(10))
    for one in crowd(10):
        parsed = email.message_from_bytes(messages[one.email], policy=email.policy.default)
        assert [str(address) for address in parsed["to"].addresses] == [f"{one.name} <{one.email}>"]
        assert parsed["cc"] is None
        text = parsed.get_body(("plain",)).get_content()
        assert one.name in text
        assert not any(other.name in text for other in crowd(10) if other != one)


async def test_hostile_names_are_escaped_or_set_aside(store: Store, keys: Keys, tmp_path: Path) -> None:
    """No name injects a header, a link, a placeholder or a direction; harmless odd ones are delivered."""
    audience = await freeze(store, keys, HOSTILE)
    await Preflight(store, keys, Settings(home=tmp_path)).run(await drafted(store, audience))
    aside = await _aside(store, audience.subjects)
    assert aside == {
        "attribute": "link-scheme",
        "braces": "leftover-token",
        "link": "link-host",
        "www": "link-host",
    }
    for message in (await _messages(store, keys)).values():
        parsed = email.message_from_bytes(message, policy=email.policy.default)
        assert parsed["bcc"] is None
        assert "<script" not in parsed.get_body(("html",)).get_content()
        assert "\u202e" not in parsed.get_body(("plain",)).get_content()


async def test_another_persons_address_or_name_in_the_details_is_found(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Details that were merged from a neighbour's row set the person aside; one's own are fine."""
    people = [
        *crowd(5),
        Someone("Jonas Weber", "jonas@mail.test", details={"hints": {"email": "p1@mail.test"}}),
        Someone("Lena Vogel", "lena@mail.test", details={"hints": {"name": crowd(5)[2].name.upper()}}),
        Someone("Nora Winter", "nora@mail.test", details={"hints": {"email": "Nora@mail.test"}}),
        Someone("Oskar Sommer", "oskar@mail.test", details={"hints": {"name": "Oskar Sommer"}}),
    ]
    audience = await freeze(store, keys, people)
    await Preflight(store, keys, Settings(home=tmp_path)).run(await drafted(store, audience))
    aside = await _aside(store, audience.subjects)
    assert aside == {"jonas": "foreign-address", "lena": "foreign-name"}


async def test_names_of_earlier_chunks_are_looked_for(
    store: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What sticks from the first reader, or from the one before, is found in the next chunk too."""
    monkeypatch.setattr(reading, "CHUNK", 4)
    first, fourth = crowd(1)[0].name, crowd(4)[3].name
    people = [
        *crowd(4),
        Someone("Jonas Weber", "jonas@mail.test", details={"hints": {"name": fourth}}),
        *crowd(8)[5:],
        Someone("Lena Vogel", "lena@mail.test", details={"hints": {"name": first}}),
    ]
    audience = await freeze(store, keys, people)
    await Preflight(store, keys, Settings(home=tmp_path)).run(await drafted(store, audience))
    assert await _aside(store, audience.subjects) == {"jonas": "foreign-name", "lena": "foreign-name"}


async def test_a_customers_address_in_the_facts_stops_everything(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """What would stand in every notice is refused at once; an authority's address may stand there."""
    audience = await freeze(store, keys, crowd(3))
    for address, stopped in (("p1@mail.test", True), ("desk@authority.test", False)):
        facts = {**FACTS, "texts": {"en": {**TEXT, "measures": [f"Write to {address}."]}}}
        number = await drafted(store, audience, facts=facts)
        preflight = Preflight(store, keys, Settings(home=tmp_path))
        if stopped:
            with pytest.raises(NotReady, match="foreign-address"):
                await preflight.run(number)
        else:
            assert (await preflight.run(number)).ready == 3


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("See http://example.com/help.", "link-scheme"),
        ("See https://example.com.evil.test/help.", "link-host"),
        ("We told {{count}} people.", "leftover-token"),
        ("Contact TBD.", "leftover-token"),
    ],
)
async def test_what_is_wrong_for_everybody_makes_nothing(
    store: Store, keys: Keys, tmp_path: Path, text: str, code: str
) -> None:
    """The preflight stops with the finding, and the announcement is as it was."""
    facts = {**FACTS, "texts": {"en": {**TEXT, "measures": [text]}}}
    number = await drafted(store, await freeze(store, keys, crowd(3)), facts=facts)
    with pytest.raises(NotReady, match=code):
        await Preflight(store, keys, Settings(home=tmp_path)).run(number)
    async with store.read() as tx:
        assert (await announcement(tx, number)).state == "draft"
        assert await tx.scalar("SELECT count(*) FROM notice") == 0


async def test_languages_fall_back_and_are_counted(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A reader whose language has no texts gets the default one, and the report says how many do."""
    people = [Someone("Asha Rao", "a@mail.test", "hi-IN"), Someone("Ben Low", "b@mail.test", "pt-BR")]
    facts = {**FACTS, "texts": {"en": TEXT, "hi": TEXT}}
    number = await drafted(store, await freeze(store, keys, people), facts=facts)
    preflight = Preflight(store, keys, Settings(home=tmp_path))
    counts = await preflight.run(number)
    assert counts.fallback == 1
    assert counts.locales["en"] == 1


async def test_a_crash_leaves_a_draft_and_the_next_run_goes_on(
    store: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks made before the crash are kept, not made twice, and nothing can be approved in between."""
    monkeypatch.setattr(reading, "CHUNK", 4)
    number = await drafted(store, await freeze(store, keys, crowd(18)))
    preflight = Preflight(store, keys, Settings(home=tmp_path))

    def crash(done: int, _all: int) -> None:
        if done >= 8:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await preflight.run(number, crash)
    async with store.read() as tx:
        assert (await announcement(tx, number)).state == "draft"
        before = {row.reference for row in await tx.rows("SELECT reference FROM notice")}
    assert len(before) == 8
    counts = await preflight.run(number)
    async with store.read() as tx:
        after = {row.reference for row in await tx.rows("SELECT reference FROM notice")}
    assert counts.ready == 18
    assert before < after


async def test_a_new_run_replaces_the_earlier_one_completely(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """No notice of the run before is left, and the count is the same."""
    number = await drafted(store, await freeze(store, keys, [*crowd(5), Someone("{{x}}", "x@mail.test")]))
    preflight = Preflight(store, keys, Settings(home=tmp_path))
    references = []
    for _ in range(2):
        counts = await preflight.run(number)
        assert (counts.ready, counts.needs_repair) == (5, 1)
        async with store.read() as tx:
            references.append({row.reference for row in await tx.rows("SELECT reference FROM notice")})
            assert (await report(tx, await announcement(tx, number))) == replace(counts, warnings=())
    assert not references[0] & references[1]


async def test_repair_makes_only_those_set_aside(store: Store, keys: Keys, tmp_path: Path) -> None:
    """After the data is corrected they get their notice; everybody else's stays as it was."""
    audience = await freeze(
        store, keys, [*crowd(3), Someone("{{x}}", "x@mail.test"), Someone("%%Y", "y@mail.test")]
    )
    number = await drafted(store, audience)
    preflight = Preflight(store, keys, Settings(home=tmp_path))
    await preflight.run(number)
    async with store.read() as tx:
        before = {row.reference for row in await tx.rows("SELECT reference FROM notice")}
    await _rename(store, keys, audience.subjects["x@mail.test"], "Xenia Berg")
    counts = await preflight.repair(number)
    assert (counts.ready, counts.needs_repair, counts.unaccounted) == (4, 1, 0)
    async with store.read() as tx:
        after = {row.reference for row in await tx.rows("SELECT reference FROM notice")}
        assert (await announcement(tx, number)).state == "preflighted"
    assert before < after


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


async def test_erased_and_unreadable_people_are_set_aside(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A lost subject key or a value of another person holds nobody else back."""
    audience = await freeze(store, keys, crowd(3))
    async with store.begin() as tx:
        await tx.write(
            "DELETE FROM subject_key WHERE customer_id = :id", {"id": audience.subjects["p0@mail.test"]}
        )
        await tx.write(
            "UPDATE customer SET sealed = (SELECT sealed FROM customer WHERE id = :other) WHERE id = :id",
            {"id": audience.subjects["p1@mail.test"], "other": audience.subjects["p2@mail.test"]},
        )
        tx.record(Event("customers:imported"))
    counts = await Preflight(store, keys, Settings(home=tmp_path)).run(await drafted(store, audience))
    assert counts.findings == {"erased": 1, "unreadable": 1}
    assert counts.ready == 1


async def test_a_drill_is_marked_and_stays_in_its_installation(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Every notice of a drill carries its mark; a real installation refuses to make one, and vice versa."""
    audience = await freeze(store, keys, crowd(2))
    number = await drafted(store, audience, drill=True)
    with pytest.raises(Refused, match="drill"):
        await Preflight(store, keys, Settings(home=tmp_path)).run(number)
    await Preflight(store, keys, Settings(home=tmp_path, drill=True)).run(number)
    assert all(b"X-Notifier-Drill: yes" in message for message in (await _messages(store, keys)).values())
    with pytest.raises(Refused, match="drill"):
        await Preflight(store, keys, Settings(home=tmp_path, drill=True)).run(await drafted(store, audience))


async def test_processes_make_the_same_as_a_thread(
    store: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With worker processes the result has everybody, once."""
    monkeypatch.setattr("notifier.preflight.FOR_MANY", 20)
    monkeypatch.setattr(reading, "CHUNK", 10)
    number = await drafted(store, await freeze(store, keys, crowd(45)))
    counts = await Preflight(store, keys, Settings(home=tmp_path)).run(number)
    assert counts.ready == 45
    assert len(await _messages(store, keys)) == 45


async def test_facts_changed_after_a_crash_begin_anew(
    store: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notices of two kinds never stand side by side: what was made from the old facts is made again."""
    monkeypatch.setattr(reading, "CHUNK", 4)
    number = await drafted(store, await freeze(store, keys, crowd(12)))
    preflight = Preflight(store, keys, Settings(home=tmp_path))

    def crash(done: int, _all: int) -> None:
        if done == 4:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await preflight.run(number, crash)
    async with store.begin() as tx:
        await revise(tx, number, actor="alice", facts={**FACTS, "brand": "Another Brand"})
    assert (await preflight.run(number)).ready == 12
    messages = await _messages(store, keys)
    assert len(messages) == 12
    assert all(b"Another Brand" in message for message in messages.values())


async def test_two_preflights_at_once_are_one(store: Store, keys: Keys, tmp_path: Path) -> None:
    """The second one is refused or finds everything made; nobody gets two notices."""
    number = await drafted(store, await freeze(store, keys, crowd(10)))
    runs = [Preflight(store, keys, Settings(home=tmp_path)).run(number) for _ in range(2)]
    results = await asyncio.gather(*runs, return_exceptions=True)
    assert any(isinstance(result, PreflightReport) for result in results)
    assert [r for r in results if not isinstance(r, PreflightReport | Conflict)] == []
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM notice") == 10


@pytest.mark.parametrize("table", ["notice", "set_aside"])
async def test_looking_for_notices_made_already_does_not_read_them_all(sqlite_url: str, table: str) -> None:
    """Each person of a chunk is looked up in the index, so that a chunk costs the same however many there are."""
    store = Store.open(sqlite_url, origin="x")
    async with store.read() as tx:
        plan = await tx.rows(f"EXPLAIN QUERY PLAN {made_already(tx, table)}", id=1, rows="[]")
    await store.close()
    assert any("announcement_id=? AND member_id=?" in row.detail for row in plan), plan


async def test_a_guardian_is_addressed_by_their_own_name(store: Store, keys: Keys, tmp_path: Path) -> None:
    """The mail about a child is to the guardian, who may be a customer beside it; neither is a foreign name."""
    people = [
        Someone("Tim Lorenz", "tim@mail.test", variant="guardian", details={"reader": "Vera Lorenz"}),
        Someone("Vera Lorenz", "vera@mail.test"),
        Someone("Ole Lorenz", "ole@mail.test", variant="guardian"),
    ]
    number = await drafted(store, await freeze(store, keys, people))
    counts = await Preflight(store, keys, Settings(home=tmp_path)).run(number)
    assert counts.findings == {}
    heads = {
        to: email.message_from_bytes(message, policy=email.policy.default)["to"].addresses[0].display_name
        for to, message in (await _messages(store, keys)).items()
    }
    assert heads == {"tim@mail.test": "Vera Lorenz", "vera@mail.test": "Vera Lorenz", "ole@mail.test": ""}


async def test_another_address_of_the_notice_pages_makes_notices_anew(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Each reader's notice has their own link; what was made with another address, or none, is void."""
    number = await drafted(store, await freeze(store, keys, crowd(3)))
    bare = Settings(home=tmp_path)
    await Preflight(store, keys, bare, processes=0).run(number)
    assert not any(b"/notices/" in message for message in (await _messages(store, keys)).values())
    there = Organisation(notices_url="https://notices.example.com")
    counts = await Preflight(store, keys, Settings(home=tmp_path, organisation=there), processes=0).run(
        number
    )
    assert (counts.ready, counts.needs_repair) == (3, 0)
    async with store.read() as tx:
        references = {row.reference for row in await tx.rows("SELECT reference FROM notice")}
    links = {notice_link(keys, there.notices_url, one).encode() for one in references}
    texts = [message.replace(b"=\r\n", b"") for message in (await _messages(store, keys)).values()]
    assert [sum(link in text for link in links) for text in texts] == [1, 1, 1]
