"""The channel plan in any order of events: everybody ends somewhere, with the reason."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.acknowledgements import acknowledge
from notifier.banners import StoreBanners
from notifier.channels.banner.notices import BannerEvent
from notifier.channels.banner.repository import Facts
from notifier.engine import closing
from notifier.keys import Keys
from notifier.receipts.taking import take
from notifier.store import Store
from notifier.testing import FakeClock
from tests.audiences import Someone
from tests.conftest import ORIGIN
from tests.fates import fate, receipts
from tests.journeys import Journey, journey

EMAIL, SMS = st.booleans(), st.booleans()
PERSON = st.tuples(st.booleans(), st.booleans(), st.booleans())
"""Whether somebody has an e-mail address, a telephone, a postal address."""
ACTS = st.lists(
    st.sampled_from(("send", "round", "receipts", "backwards", "hours", "sign-in", "confirm")), max_size=12
)
STEPS = ("banner:always", "email:unacknowledged:48", "sms:unreached", "letter:unreached:1:required")
_FINAL = {"accepted", "delivered", "bounced", "rejected", "suppressed", "expired", "cancelled"}


def _people(shapes: list[tuple[bool, bool, bool]]) -> list[Someone]:
    return [
        Someone(
            f"Person {'ABCDEFGHIJ'[place]}x",
            f"p{place}@mail.test",
            state="due" if email else "needs-channel",
            reason="" if email else "none",
            phone=f"+49151555{place:05}" if phone else "",
            street=f"Weg {place}" if street else "",
        )
        for place, (email, phone, street) in enumerate(shapes)
    ]


async def _report(made: Journey, seed: int, *, backwards: bool = False) -> None:
    """Bring in what the carriers say by now about whatever was handed over."""
    async with made.store.read() as tx:
        rows = await tx.rows(
            "SELECT reference, channel, attempts FROM delivery WHERE attempts > 0 ORDER BY id"
        )
    told = [
        one
        for row in (reversed(rows) if backwards else rows)
        for number in range(1, row.attempts + 1)
        for one in receipts(
            fate(row.channel, made.fated[row.channel].recipients.get(row.reference, ""), seed),
            row.reference,
            number,
        )
    ]
    async with made.store.begin() as tx:
        await take(tx, made.keys, "lots", told)


async def _sign_in(made: Journey) -> None:
    """Let every other person see their banner."""
    async with made.store.read() as tx:
        rows = await tx.rows(
            "SELECT d.reference, c.number FROM delivery d JOIN customer c ON c.id = d.customer_id"
            " WHERE d.channel = 'banner' AND c.id % 2 = 0"
        )
    banners = StoreBanners(made.store, made.keys)
    for row in rows:
        facts = Facts(1, "json", f"{row.reference}-seen", "key")
        await banners.report(row.number, row.reference, BannerEvent.VISIBLE, made.clock.now(), facts)


async def _confirm(made: Journey) -> None:
    """Let every third person to whom something was handed over tell support that they have read it."""
    async with made.store.begin() as tx:
        rows = await tx.rows(
            "SELECT min(reference) AS reference FROM delivery WHERE attempts > 0 AND customer_id % 3 = 1"
            " AND state IN ('accepted', 'delivered', 'bounced') GROUP BY customer_id"
        )
        for row in rows:
            said = {"how": "support", "by": "alice", "reason": "on the phone"}
            await acknowledge(tx, made.keys, reference=row.reference, **said)


async def _run(
    store: Store,
    keys: Keys,
    clock: FakeClock,
    home: Path,
    drawn: tuple[list[tuple[bool, bool, bool]], list[str], int],
) -> None:
    shapes, acts, seed = drawn
    made = await journey(store, keys, clock, home, _people(shapes), *STEPS, seed=seed)
    account = await made.account()
    for act in [*acts, *("send", "confirm", "round", "send", "receipts", "hours") * 8]:
        if act == "send":
            await made.send()
        elif act == "round":
            await made.escalation.round()
        elif act == "hours":
            clock.advance(hours=49)
        elif act == "sign-in":
            await _sign_in(made)
        elif act == "confirm":
            await _confirm(made)
        else:
            await _report(made, seed, backwards=act == "backwards")
        account = await made.account()
        assert account.unaccounted == 0
    assert (account.open, account.steps_ahead) == (0, 0)
    assert set(account.deliveries) <= _FINAL
    await _reasons(made)
    async with store.begin() as tx:
        await closing.close(tx, "INC-2026-001/1/A1", operator="alice")
    account = await made.account()
    assert (account.offered, account.unaccounted) == (0, 0)


async def _reasons(made: Journey) -> None:
    """Whoever was not reached, nor has confirmed it, has been gone on with through the whole plan."""
    async with made.store.read() as tx:
        left = await tx.rows(
            "SELECT m.id FROM audience_member m WHERE NOT EXISTS (SELECT 1 FROM delivery d"
            " WHERE d.member_id = m.id AND (d.state = 'delivered' OR d.state = 'accepted'"
            " AND d.channel <> 'banner')) AND NOT EXISTS"
            " (SELECT 1 FROM acknowledgement w WHERE w.member_id = m.id) AND 4 >"
            " (SELECT count(DISTINCT d.step) FROM delivery d WHERE d.member_id = m.id AND d.step > 0)"
            " + (SELECT count(*) FROM skipped_step s WHERE s.member_id = m.id)"
        )
    assert not left


@given(drawn=st.tuples(st.lists(PERSON, min_size=1, max_size=6), ACTS, st.integers(0, 999)))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_any_order_everybody_ends_somewhere(
    sqlite_template: Path, drawn: tuple[list[tuple[bool, bool, bool]], list[str], int]
) -> None:
    """Answers, receipts and steps in any order lead to the end of the plan, nobody unaccounted for."""

    async def act() -> None:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(sqlite_template, Path(folder) / "store.db")
            keys, clock = Keys.generate(), FakeClock()
            url = f"sqlite+aiosqlite:///{folder}/store.db"
            store = Store.open(url, origin=ORIGIN, clock=clock, load_keys=lambda: keys)
            try:
                await _run(store, keys, clock, Path(folder), drawn)
            finally:
                await store.close()

    asyncio.run(act())
