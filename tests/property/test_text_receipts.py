"""Whatever Twilio reports, in whatever order and however often: the deliveries end alike, and the trail holds."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import FakeClock
from tests.conftest import ORIGIN
from tests.integration.test_receipts import findings, points, states
from tests.integration.test_sending import LOST
from tests.texts import Twilio, installed, texted

ECHOES = [(name, 0) for name in ("accepted", "scheduled", "queued", "sending", "sent", "partially_delivered")]
ENDS = [("delivered", 0), ("read", 0), ("undelivered", 30003), ("undelivered", 30005), ("failed", 21610)]
REPORTS = st.lists(st.sampled_from([*ECHOES, *ENDS]), max_size=8)
FORGED = st.tuples(
    st.sampled_from(["/sms/inbound", "/sms/status/", "/sms/status/x-1-a", ""]),
    st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=5),
    st.text(alphabet=st.characters(max_codepoint=255), max_size=40),
)


def ends_as(reports: list[tuple[str, int]], *, lost: bool) -> str:
    """Return where a delivery ends: what it says of itself last counts least, a failure most."""
    names = {name for name, _ in reports}
    if names & {"undelivered", "failed"}:
        return "bounced"
    if names & {"delivered", "read"}:
        return "delivered"
    return "unknown" if lost and not names else "accepted"


@pytest.fixture
def template(sqlite_template: Path) -> Path:
    return sqlite_template


async def standing(store: Store) -> dict[str, tuple[bool, str]]:
    """Return whether each number is used, and the reasons that stand against it."""
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT c.number, s.reason FROM contact_point p JOIN customer c ON c.id = p.customer_id"
            " JOIN suppression s ON s.value_index = p.value_index ORDER BY s.reason"
        )
    return {
        number: (state == "usable", " ".join(row.reason for row in rows if row.number == number))
        for number, state in (await points(store)).items()
    }


async def reported(folder: Path, orders: list[list[tuple[str, int]]], *, lost: bool, forged: list) -> None:
    """Report to one person for each order; every one has the same reports."""
    keys = Keys.generate()
    url = f"sqlite+aiosqlite:///{folder / 'store.db'}"
    store = Store.open(url, origin=ORIGIN, clock=FakeClock(), load_keys=lambda: keys)
    answers = [LOST] * len(orders) if lost else []
    references = await texted(store, keys, len(orders), folder, answers=answers)
    twilio = Twilio(installed(), keys, store)
    for place, (reference, order) in enumerate(zip(references, orders, strict=True)):
        for name, code in order:
            assert (await twilio.report(reference, name, place=place, code=code)).status_code == 204
            for path, fields, signature in forged:
                target = path or twilio.urls.make(reference, 1).removeprefix(twilio.urls.base)
                headers = {"X-Twilio-Signature": signature.encode("latin-1")}
                answer = await twilio.client.post(target, data=fields, headers=headers)
                assert answer.status_code in {403, 404}
    known = await states(store)
    assert {known[one] for one in references} == {ends_as(orders[0], lost=lost)}
    assert len(set((await standing(store)).values())) == 1
    assert await findings(store, folder) == set()
    await store.close()


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(data=st.data(), reports=REPORTS, lost=st.booleans(), forged=st.lists(FORGED, max_size=2))
def test_no_order_and_no_repeat_makes_a_difference(template: Path, data, reports, lost, forged) -> None:
    """Nor does what somebody forges in between: state of the delivery and of the number are the same."""
    again = data.draw(st.lists(st.sampled_from(reports), max_size=4)) if reports else []
    orders = [reports, *(data.draw(st.permutations([*reports, *again])) for _ in range(2))]
    folder = Path(tempfile.mkdtemp(prefix="texts-"))
    try:
        shutil.copy(template, folder / "store.db")
        asyncio.run(reported(folder, orders, lost=lost, forged=forged))
    finally:
        shutil.rmtree(folder)
