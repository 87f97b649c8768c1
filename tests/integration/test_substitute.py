"""The public notice from draft to withdrawal, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from incidents import records
from incidents.errors import StepRefused
from incidents.lifecycle import Order, Step
from incidents.store import revise, take_step
from incidents.substitute import days
from incidents.substitute.making import PAGE, PRESS
from incidents.substitute.notices import pages
from incidents.substitute.standing import standing
from notifier.errors import BadInput, NotFound, NotPermitted, Refused
from notifier.keys import Keys
from notifier.settings import ApprovalSettings
from notifier.store import Store
from notifier.testing import FakeClock
from tests.affected import add, affect, entries, person
from tests.substitute import RECORD, House, house, settings


@pytest.fixture
async def here(store: Store, keys: Keys) -> House:
    """An incident with people."""
    return await house(store, keys)


async def _texts(here: House, number: int, kind: str) -> dict[str, str]:
    async with here.store.read() as tx:
        return {locale: body.decode() for locale, body in (await pages(tx, number, kind)).items()}


async def _revised(here: House, old: str, new: str, actor: str = "alice") -> None:
    async with here.store.begin() as tx:
        changed = records.read(RECORD.replace(old, new).encode())
        await revise(tx, here.incident.code, changed, actor=actor)


async def test_a_draft_says_what_the_notices_say(here: House) -> None:
    """Facts, all data over the audience, dates and contact; no count, no name, nothing internal."""
    made = await here.draft()
    page = (await _texts(here, made.id, PAGE))["en"]
    for said in ("copied by a stranger", "Password", "E-mail address", "Others could sign in", "555-0143"):
        assert said in page
    assert '<html lang="en" dir="ltr">' in page
    assert "SECRET" not in page
    assert "Quill" not in page
    assert "People affected" not in page
    assert 'dir="rtl"' in (await _texts(here, made.id, PAGE))["ar"]


async def test_a_press_text_has_the_address_and_no_person(here: House) -> None:
    """Headline, facts, contact, address; the number of people only where it was chosen."""
    made = await here.draft()
    text = (await _texts(here, made.id, PRESS))["en"]
    assert text.startswith("Nordlicht informs about a data breach\n")
    assert made.address in text
    assert made.address.startswith("https://notices.example.com/substitute/")
    assert "People affected" not in text
    counted = await here.draft(count=True)
    assert "People affected, as far as we know today: 3." in (await _texts(here, counted.id, PRESS))["en"]


@pytest.mark.parametrize("approved", [False, True])
async def test_who_is_affected_since_it_was_drafted_is_not_named(here: House, *, approved: bool) -> None:
    """It is neither approved nor published, though its pages would be the same."""
    await add(here.store, here.keys, [person("n", "n@example.com", name="Olga Server")])
    await _revised(here, "an old server", "the desk of Olga Server")
    made = await here.draft()
    if approved:
        await here.approve(made.digest)
    await affect(here.store, here.incident, "number = n")
    with pytest.raises(Refused, match="en what_happened 1"):
        await (here.publish() if approved else here.approve(made.digest))


async def test_who_wrote_it_does_not_approve_it(here: House) -> None:
    """Neither who drafted it nor who wrote the record; another person does, and the entry has the digest."""
    await _revised(here, "old server", "forgotten server", actor="carol")
    made = await here.draft()
    for writer in ("alice", "carol"):
        with pytest.raises(NotPermitted, match="wrote it"):
            await here.approve(made.digest, writer)
    assert (await here.approve(made.digest[:12])).state == "approved"
    (entry,) = await entries(here.store, "substitute:approved")
    assert (entry["digest"], entry["actor"]) == (made.digest, "operator:ben")


async def test_alone_only_where_it_is_allowed(here: House) -> None:
    """With the setting and a reason on record the author may; the longer countdown then counts."""
    rules = ApprovalSettings(alone_allowed=True, alone_countdown_seconds=900)
    alone = replace(here, settings=settings(approval=rules))
    made = await alone.draft()
    with pytest.raises(BadInput, match="reason"):
        await alone.approve(made.digest, "alice", "short")
    await alone.approve(made.digest, "alice", "nobody else is on duty")
    shown = await alone.publish()
    assert (shown.visible_at or 0) - (shown.published_at or 0) == 900_000_000
    (entry,) = await entries(here.store, "substitute:approved")
    assert entry["alone"] == 1
    assert "duty" not in str(entry)


@pytest.mark.parametrize("change", ["record", "people", "brand", "template"])
async def test_any_change_voids_the_approval(here: House, change: str, tmp_path) -> None:
    """Record, data exposed, settings or templates: what was signed is no longer what would be said."""
    await here.approve((await here.draft()).digest)
    if change == "record":
        await _revised(here, "old server", "forgotten server")
    elif change == "people":
        await affect(here.store, here.incident, "number = 2", "health", as_given=True)
    elif change == "brand":
        brand = here.settings.organisation.model_copy(update={"brand": "Other"})
        here = replace(here, settings=settings(organisation=brand))
    else:
        folder = tmp_path / "templates" / "web" / "substitute" / "en"
        folder.mkdir(parents=True)
        (folder / "words.toml").write_text('skip = "Skip"\nlead = "Changed."\n')
        here = replace(here, settings=settings(home=tmp_path))
    with pytest.raises(Refused):
        await here.publish()
    async with here.store.read() as tx:
        assert await standing(tx) == {}


async def test_the_wrong_digest_approves_nothing(here: House) -> None:
    """A digest of an earlier draft, or a few characters, is refused."""
    first = await here.draft()
    second = await here.draft(40)
    for digest in (first.digest, second.digest[:11], ""):
        with pytest.raises(BadInput, match="nothing was approved"):
            await here.approve(digest)


async def test_an_approval_expires(here: House, clock: FakeClock) -> None:
    """A day later it is no longer good for publishing."""
    await here.approve((await here.draft(later=3)).digest)
    clock.advance(hours=25)
    with pytest.raises(Refused, match="expired"):
        await here.publish()


async def test_it_is_not_published_after_its_first_day(here: House, clock: FakeClock) -> None:
    """A page that says since when it is public says the truth."""
    await here.approve((await here.draft()).digest)
    clock.advance(hours=20)
    with pytest.raises(Refused, match="first day"):
        await here.publish()


async def test_a_text_that_names_somebody_is_refused(here: House) -> None:
    """A customer's name in what everybody reads; the message does not repeat it."""
    await _revised(here, "A stranger got into", "Wanda Quill1 got into")
    with pytest.raises(Refused, match="en what_happened 1") as refused:
        await here.draft()
    assert "Quill" not in str(refused.value)


async def test_fewer_days_than_the_law_asks_are_refused(here: House) -> None:
    """The first day does not count."""
    with pytest.raises(Refused, match="29 days, and the law asks for 30"):
        await here.draft(29, law=30)
    assert (await here.draft(30, law=30)).law_days == 30


def test_days_are_read_and_bounded() -> None:
    """Thirty days from 1 March end with 31 March; the past, both and nothing are refused."""
    today = date(2026, 3, 1)
    assert days.span("", "", 30, today=today) == (today, date(2026, 3, 31))
    for bad in (
        ("2026-02-28", "", 3),
        ("", "", 0),
        ("", "2026-03-09", 3),
        ("x", "", 3),
        ("", "2026-03-01", 0),
    ):
        with pytest.raises(BadInput):
            days.span(*bad, today=today)
    with pytest.raises(BadInput):
        days.span("9999-12-31", "", 3650, today=today)


async def test_an_incident_on_hold_publishes_nothing(here: House) -> None:
    """Neither by a new act nor by a page that was to begin later."""
    await here.public(later=1)
    order = Order("4 Js 12/26", 1 << 52)
    async with here.store.begin() as tx:
        await take_step(tx, here.incident.code, Step.HOLD, actor="alice", reason="police", order=order)
    with pytest.raises(StepRefused, match="hold"):
        await here.draft()
    here.store.clock.advance(days=2)  # type: ignore[attr-defined]
    async with here.store.read() as tx:
        assert await standing(tx) == {}


async def test_what_is_not_there_is_not_found(here: House) -> None:
    """Without a draft nothing can be approved, published or withdrawn."""
    with pytest.raises(NotFound, match="no public notice"):
        await here.approve("0" * 64)
    with pytest.raises(Refused):
        await here.withdraw()


async def test_a_newer_notice_takes_the_same_address(here: House) -> None:
    """The old one stands until the new one is public; withdrawal takes both away."""
    first = await here.public()
    await _revised(here, "old server", "forgotten server")
    second = await here.draft()
    async with here.store.read() as tx:
        assert (await standing(tx))[first.slug].id == first.id
    await here.approve(second.digest)
    await here.publish()
    async with here.store.read() as tx:
        assert (await standing(tx))[first.slug].id == second.id
    assert [one.revision for one in await here.withdraw()] == [1, 2]
