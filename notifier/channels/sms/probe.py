"""Trying the account out: connection, login, state. Nothing is handed over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from notifier.channels.sms.codes import meaning
from notifier.settings import SmsSettings

if TYPE_CHECKING:
    from notifier.channels.sms.client import TwilioApi


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found out about the account. ``problem`` is empty where it can send."""

    usable: bool
    problem: str = ""
    code: int = 0
    status: str = ""
    """``active``, ``suspended`` or ``closed``."""
    trial: bool = False
    """Whether it writes to verified numbers only."""


async def probe(settings: SmsSettings, *, base_url: str = "") -> Probe:
    """Sign in and ask for the account. An API key needs the right to read it."""
    client = await asyncio.to_thread(import_module, "notifier.channels.sms.client")
    api: TwilioApi = client.TwilioApi(settings, base_url)
    try:
        async with asyncio.timeout(settings.timeout):
            answer = await api.account(api.begin())
    except Exception as error:  # noqa: BLE001 - whatever it is, the operator learns its kind
        return Probe(usable=False, problem=f"Twilio cannot be reached: {type(error).__name__}.")
    finally:
        await api.close()
    if answer.http // 100 != 2:
        return Probe(usable=False, problem=meaning(answer.code, answer.http).means, code=answer.code)
    if answer.status != "active":
        return Probe(usable=False, problem=f"The account is {answer.status[:20]}.", status=answer.status)
    return Probe(usable=True, status=answer.status, trial=answer.text == "Trial")
