"""The inlets of an installation, put together from settings: where reports about notices come in.

A drill has one: its own double of Twilio reports to it on this machine, and signs with what nobody outside
knows. Nothing that it sent can be reported by anybody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI

from notifier.channels.email.inbound import Reader
from notifier.channels.email.inbound.listener import BounceListener
from notifier.channels.email.inbound.mailboxes import ImapPoller, MaildirPoller, keep_polling
from notifier.channels.email.inbound.recipients import Recipients
from notifier.channels.email.providers import Provider
from notifier.channels.email.providers.fetching import fetch
from notifier.channels.email.providers.postmark import Postmark
from notifier.channels.email.providers.ses import AmazonSes
from notifier.channels.email.providers.sns import SnsMessages
from notifier.channels.email.return_path import ReturnPaths
from notifier.channels.sms import Callbacks, CallbackUrls
from notifier.channels.sms.drill import drill_token, drill_urls
from notifier.errors import BadSettings, Refused
from notifier.keys import Keys
from notifier.receipts.intake import Intake
from notifier.receipts.reports import Reports
from notifier.settings import Settings
from notifier.store import Store
from notifier.web.reports import add_report_routes
from notifier.web.texts import add_text_routes

log = structlog.get_logger()


class Inlets:
    """All inlets that are set, before one intake. ``providers`` are answered by the web application."""

    def __init__(self, settings: Settings, keys: Keys, store: Store) -> None:
        self._settings = settings
        self._clock = store.clock
        self._return_paths = ReturnPaths(keys, settings.email.bounce_domain)
        self.intake = Intake(store, keys)
        self.reports = Reports(Reader(self._return_paths), self.intake.take)
        self.providers: Sequence[Provider] = () if settings.drill else self._providers()
        self.texts = _texts(settings, keys)
        """Reads what Twilio, or a drill's double, reports; None where no text messages go out to anybody."""

    def _providers(self) -> Sequence[Provider]:
        inbound = self._settings.inbound
        made: list[Provider] = []
        if inbound.ses_topics:
            messages = SnsMessages(inbound.ses_topics, fetch, self._clock)
            made.append(AmazonSes(messages, self._return_paths))
        if password := inbound.postmark_password.get_secret_value():
            made.append(Postmark(self._return_paths, user=inbound.postmark_user, password=password))
        return made

    def add_routes(self, pages: FastAPI) -> None:
        """Add the addresses at which providers report to the web application."""
        add_report_routes(pages, self.providers, self.intake.take)
        if self.texts is not None:
            add_text_routes(pages, self.texts, self.intake.take)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Listen, and look into mailboxes, until the block ends; what is under way is finished."""
        if self._settings.drill:
            yield
            return
        async with AsyncExitStack() as stack:
            await self._listen(stack)
            polling = [asyncio.create_task(one) for one in self._pollers()]
            try:
                yield
            finally:
                for task in polling:
                    task.cancel()
                await asyncio.gather(*polling, return_exceptions=True)

    async def _listen(self, stack: AsyncExitStack) -> None:
        inbound, domain = self._settings.inbound, self._settings.email.bounce_domain
        if not inbound.listen_host:
            return
        recipients = Recipients(self._return_paths, domain, inbound.feedback_addresses)
        listener = BounceListener(inbound, recipients, self.reports.deliver, host_name=f"mx.{domain}")
        try:
            await stack.enter_async_context(listener)
        except OSError as error:
            raise Refused(
                f"{inbound.listen_host} port {inbound.listen_port} cannot be listened on: {error.strerror}",
                advice="Stop what is there, or set inbound.listen_host and inbound.listen_port.",
            ) from None
        log.info("inlets.listening", port=listener.port)

    def _pollers(self) -> Iterator[Coroutine[Any, Any, None]]:
        inbound, deliver = self._settings.inbound, self.reports.deliver
        every = timedelta(seconds=inbound.poll_seconds)
        if inbound.maildir:
            maildir = MaildirPoller(Path(inbound.maildir), deliver, most_bytes=inbound.most_bytes)
            yield keep_polling("maildir", maildir.poll, self._clock, every)
        if inbound.imap_host:
            yield keep_polling("imap", ImapPoller(inbound, deliver).poll, self._clock, every)


def _texts(settings: Settings, keys: Keys) -> Callbacks | None:
    """Return what reads Twilio's reports; without the token that signs them none could be believed."""
    if settings.drill:
        return Callbacks(drill_urls(keys, settings.web.port), [drill_token(keys)])
    sms = settings.sms
    if not sms.provider:
        return None
    tokens = [one.get_secret_value() for one in (sms.auth_token, sms.other_auth_token)]
    if not any(tokens):
        raise BadSettings(
            "sms.auth_token is not set, so Twilio's reports cannot be told from anybody else's",
            advice="Set NOTIFIER_SMS__AUTH_TOKEN to the account's auth token.",
        )
    return Callbacks(CallbackUrls(keys, sms.callback_base), tokens)
