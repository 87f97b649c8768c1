"""Whatever token is brought, nobody is shown another account's notices, and nobody reports on them."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import httpx
from fastapi import FastAPI
from hypothesis import example, given, settings
from hypothesis import strategies as st

from notifier.settings import Organisation
from notifier.testing import FakeClock
from notifier.web.banner import add_banner_routes
from tests.banner import AUDIENCE, ISSUER, Desk, Host, encoded, notice

CLOCK, HOST, DESK = FakeClock(), Host(), Desk()
ACCOUNTS = ["A", "B", "a", "A ", "B/../A", "ä", "1", "01"]
for number, account in enumerate(ACCOUNTS):
    DESK.give(account, notice(f"N-{number}", title=f"Of number {number} alone"))

APP = FastAPI()
add_banner_routes(
    APP,
    DESK,
    HOST.tokens(CLOCK),
    clock=CLOCK,
    organisation=Organisation(),
    answer_time=timedelta(),
    per_minute=1_000_000,
)


def _genuine(account: str, kid: str) -> str:
    return HOST.mint(account, CLOCK.now().timestamp(), kid)


def _unsigned(account: str) -> str:
    now = int(CLOCK.now().timestamp())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": account, "iat": now, "exp": now + 600}
    return f"{encoded({'alg': 'none', 'kid': 'ed-1'})}.{encoded(said)}."


GENUINE = st.builds(_genuine, st.just("A"), st.sampled_from(["ed-1", "hs-1"]))
FOREIGN = st.builds(
    lambda account, mine, place: ".".join(
        part[place == number]
        for number, part in enumerate(zip(mine.split("."), account.split("."), strict=True))
    ),
    st.sampled_from([_unsigned(one) for one in ACCOUNTS]),
    GENUINE,
    st.integers(0, 2),
)
CHANGED = st.builds(
    lambda token, at, char: token[: at % len(token)] + char + token[at % len(token) + 1 :],
    GENUINE,
    st.integers(0, 500),
    st.characters(min_codepoint=33, max_codepoint=126),
)


async def _ask(token: str) -> tuple[str, list[str]]:
    """Return all that is said to whoever brings ``token``, and which reports on all notices are taken."""
    said = [
        {"id": str(number), "reference": f"N-{number}", "revision": 1, "event": "visible"}
        for number in range(len(ACCOUNTS))
    ]
    headers = {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(APP)
    async with httpx.AsyncClient(transport=transport, base_url="http://app.example.com") as client:
        shown = [
            (await client.get(f"/banner/{form}", headers=headers)).text for form in ("notices", "fragment")
        ]
        taken = await client.post("/banner/events", headers=headers, json={"events": said})
    return "".join(shown), json.loads(taken.content)["recorded"]


@settings(max_examples=60, deadline=None)
@given(st.one_of(GENUINE, FOREIGN, CHANGED))
@example(_genuine("A", "ed-1"))
@example(_unsigned("B"))
def test_a_token_for_one_never_shows_another_s_notice(token: str) -> None:
    """Genuine, put together from another's claims, or changed anywhere: it opens A's notices or none."""
    shown, taken = asyncio.run(_ask(token))
    for number in range(1, len(ACCOUNTS)):
        assert f"N-{number}" not in shown
        assert f"Of number {number} alone" not in shown
    assert taken in ([], ["0"])
    if token in {_genuine("A", "ed-1"), _genuine("A", "hs-1")}:
        assert "Of number 0 alone" in shown
        assert taken == ["0"]
