"""The SMS channel of a drill: it can reach nobody, by construction.

It starts the loopback double itself and hands over to that and to nothing else, from a sender and with a
login that only the double knows. Account and sender settings are never given to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from notifier.channels import Envelope, Finding, Outcome, ignore
from notifier.channels.sms.callback_urls import CallbackUrls
from notifier.channels.sms.double import ACCOUNT, AUTH_TOKEN, TwilioDouble
from notifier.channels.sms.double_http import HOST
from notifier.channels.sms.double_scripts import SENDER, Script
from notifier.channels.sms.twilio import TwilioChannel
from notifier.keys import Keys
from notifier.settings import SmsSenderSettings, SmsSettings


def drill_token(keys: Keys) -> str:
    """Return what a drill's double signs its reports with: nobody outside this installation knows it."""
    return keys.token_mac("drill-texts", b"").hex()


def drill_urls(keys: Keys, port: int) -> CallbackUrls:
    """Return the status callbacks of a drill, whose web server is set to ``port``: always on this machine."""
    return CallbackUrls(keys, f"http://{HOST}:{port}")


class DrillSmsChannel:
    """Hands everything over to a double of its own on the loopback address.

    ``callback_port`` is the port of this installation's web server, to which the double reports; its reports
    are signed with ``auth_token``. ``log`` is the file in which it notes each message.
    """

    name = "sms"

    def __init__(
        self,
        *,
        callback_port: int | Callable[[], int] = 0,
        auth_token: str = AUTH_TOKEN,
        log: Path | None = None,
        scripts: Sequence[Script] = (),
        keep: bool = False,
    ) -> None:
        self.double = TwilioDouble(
            callback_port=callback_port, auth_token=auth_token, log=log, scripts=scripts, keep=keep
        )
        self._settings = SmsSettings(
            provider="twilio",
            account_sid=ACCOUNT,
            auth_token=SecretStr(auth_token),
            senders=(SmsSenderSettings(sender=SENDER),),
        )
        self._inner: TwilioChannel | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start the double."""
        await self._stack.enter_async_context(self.double)
        inner = TwilioChannel(self._settings, base_url=self.double.base_url)
        self._inner = await self._stack.enter_async_context(inner)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the hand-overs under way end and stop the double."""
        await self._stack.aclose()
        self._inner = None

    def usable(self) -> bool:
        """Say whether the double may be used now."""
        return self._inner is not None and self._inner.usable()

    def check(self, envelope: Envelope) -> Sequence[Finding]:
        """List what a text message cannot carry."""
        return (self._inner or TwilioChannel(self._settings)).check(envelope)

    async def send(self, envelope: Envelope, settled: Callable[[Outcome], None] = ignore) -> Outcome:
        """Hand over to the double."""
        if self._inner is None:
            raise RuntimeError("the drill's channel is not open")
        return await self._inner.send(envelope, settled)
