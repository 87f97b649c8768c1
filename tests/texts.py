"""What tests of reports about text messages share: people who were sent one, and Twilio's side of the line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from incidents.inlets import Inlets
from notifier.channels import Outcome
from notifier.channels.sms import CallbackUrls
from notifier.channels.sms.double import ACCOUNT, AUTH_TOKEN
from notifier.channels.sms.signature import HEADER, sign
from notifier.keys import Keys
from notifier.settings import Settings, SmsSettings
from notifier.store import Store
from notifier.testing import ScriptedChannel
from tests import world
from tests.integration.test_sending import run_next, start
from tests.sms import BASE
from tests.world import telephone as number

FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}


def installed(**more: Any) -> Settings:
    """Return the settings of an installation that sends text messages."""
    given = {"callback_base": BASE, "auth_token": SecretStr(AUTH_TOKEN), **more}
    return Settings(sms=SmsSettings(provider="twilio", account_sid=ACCOUNT, **given))


async def texted(
    store: Store, keys: Keys, people: int, folder: Path, *, answers: Sequence[Outcome] = (), **details: Any
) -> list[str]:
    """Send so many people a text message, which is accepted unless ``answers`` say otherwise; returns the
    references in the order of the people.
    """
    await world.released(store, keys, people, channel="sms", **details)
    await _by_text(store)
    await start(store)
    channel = ScriptedChannel()
    for place, outcome in enumerate(answers):
        channel.answer(world.address(place), outcome)
    while await run_next(store, keys, channel, folder / "spill"):
        pass
    return await references(store)


async def references(store: Store) -> list[str]:
    """Return the references of all deliveries, in the order of the people."""
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT d.reference FROM delivery d JOIN customer c ON c.id = d.customer_id"
            " ORDER BY length(c.number), c.number"
        )
    return [row.reference for row in rows]


async def _by_text(store: Store) -> None:
    """Have the small world's notices go by text message."""
    async with store.begin() as tx:
        for table in ("delivery", "notice", "send_batch"):
            await tx.housekeep(f"UPDATE {table} SET channel = 'sms'")


def sid(place: int, attempt: int = 1) -> str:
    """Return Twilio's id of a message."""
    return f"SM{place:028x}{attempt:04x}"


class Twilio:
    """Posts what Twilio posts, to the web application itself."""

    def __init__(self, settings: Settings, keys: Keys, store: Store) -> None:
        self.app = FastAPI()
        self.inlets = Inlets(settings, keys, store)
        self.inlets.add_routes(self.app)
        self.urls = CallbackUrls(keys, settings.sms.callback_base or BASE)
        transport = httpx.ASGITransport(self.app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://inside.test")

    async def report(
        self, reference: str, name: str, *, place: int = 0, attempt: int = 1, code: int = 0
    ) -> httpx.Response:
        """Report a status of a message."""
        fields = {"MessageSid": sid(place, attempt), "MessageStatus": name, "To": number(place)}
        fields |= {"ErrorCode": str(code)} if code else {}
        return await self.post(self.urls.make(reference, attempt), fields)

    async def text(self, place: int, words: str, message: int, **more: str) -> httpx.Response:
        """Pass on a text that a person has sent us."""
        fields = {"MessageSid": sid(message, 9), "SmsStatus": "received", "From": number(place)}
        return await self.post(f"{self.urls.base}/sms/inbound", fields | {"Body": words} | more)

    async def post(self, url: str, fields: dict[str, str], *, token: str = AUTH_TOKEN) -> httpx.Response:
        """Post a form, signed, to what stands behind our public address."""
        headers = {**FORM, HEADER: sign(token, url, list(fields.items()))}
        target = url.removeprefix(self.urls.base)
        return await self.client.post(target, content=urlencode(fields), headers=headers)
