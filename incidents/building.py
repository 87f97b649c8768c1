"""The worker, put together from settings: which channel, which keys, which rules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from incidents.compromised import compromised
from incidents.substitute.alerts import MissingAlerts
from incidents.substitute.proof import Prover
from notifier.audit.high_water import HighWater
from notifier.audit.log_key import LogKey
from notifier.audit.sequencer import Sequencer
from notifier.channels import Channel
from notifier.channels.email import EmailChannel
from notifier.channels.email.alert import AlertMailer
from notifier.channels.email.dkim import DkimSigner
from notifier.channels.email.drill import DrillChannel
from notifier.channels.email.finishing import EmailFinisher
from notifier.channels.email.relay_alerts import RelayAlerts
from notifier.channels.email.return_path import ReturnPaths
from notifier.channels.sms.callback_urls import CallbackUrls
from notifier.channels.sms.drill import DrillSmsChannel, drill_token, drill_urls
from notifier.channels.sms.finishing import SmsFinisher
from notifier.channels.sms.twilio import TwilioChannel
from notifier.channels.sms.zones import zones_of
from notifier.engine.alerts import Alerts, Mailboxes, Post
from notifier.engine.carriers import Carrier
from notifier.engine.dispatch import InlineDispatcher
from notifier.engine.planning import PlanCounts, plan
from notifier.engine.worker import Parts, Worker
from notifier.escalation.rounds import Escalation
from notifier.forecasts import allowed_rate
from notifier.keys import Keys
from notifier.operators import alert_addresses
from notifier.preflight.rules import rules_for
from notifier.receipts.matching import match_again
from notifier.receipts.taking import settle_pending
from notifier.release import refused, release
from notifier.settings import Settings
from notifier.store import Store, Transaction
from notifier.suppressions import expire

CATCHER_LOG = "drill-mail.jsonl"
TEXTS_LOG = "drill-texts.jsonl"


def build_channel(settings: Settings) -> Channel:
    """Return the e-mail channel; a drill installation's is never given the relay settings."""
    if settings.drill:
        return DrillChannel(log=settings.state_folder / CATCHER_LOG)
    return EmailChannel(settings.email)


def build_carriers(
    settings: Settings,
    keys: Keys,
    email: Channel,
    texts: DrillSmsChannel | None = None,
    here: Callable[[], str] | None = None,
) -> dict[str, Carrier]:
    """Return what carries notices, by channel: those that are set up. A drill has its own double, for which
    ``texts`` may stand in; it reports to ``here``, else to the web server as configured.
    """
    signer = DkimSigner(settings.email.dkim) if settings.email.dkim and not settings.drill else None
    finisher = EmailFinisher(ReturnPaths(keys, settings.email.bounce_domain), signer)
    carriers = {"email": Carrier(email, finisher)}
    if settings.drill:
        port = settings.web.port
        texts = texts or DrillSmsChannel(
            callback_port=lambda: (urlsplit(here()).port if here else None) or port,
            auth_token=drill_token(keys),
            log=settings.state_folder / TEXTS_LOG,
        )
        carriers["sms"] = Carrier(texts, SmsFinisher(drill_urls(keys, port)), zones_of)
    elif settings.sms.provider:
        urls = CallbackUrls(keys, settings.sms.callback_base)
        carriers["sms"] = Carrier(TwilioChannel(settings.sms), SmsFinisher(urls), zones_of)
    return carriers


def build_sequencer(settings: Settings, store: Store) -> Sequencer:
    """Return the sequencer of the installation's audit log."""
    signer = LogKey.load(settings.keys_folder, settings.audit.origin)
    return Sequencer(store, signer, HighWater(settings.high_water_file, signer.verifier))


async def is_rolled_back(settings: Settings, store: Store) -> bool:
    """Say whether the log in the store is shorter than the checkpoint remembered outside it."""
    signer = LogKey.load(settings.keys_folder, settings.audit.origin)
    known = HighWater(settings.high_water_file, signer.verifier).read()
    async with store.read() as tx:
        size = await tx.scalar("SELECT max(size) FROM log_state")
    return known is not None and known.size > (size or 0)


def own_address(settings: Settings) -> str:
    """Return where this machine reaches the installation's web server, as configured."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(settings.web.host, settings.web.host)  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.web.port}"


def _look_at_notices(
    settings: Settings,
    store: Store,
    post: Post,
    mailboxes: Mailboxes,
    here: Callable[[], str] | None,
) -> Callable[[], Awaitable[int]]:
    """Return the round that proves public notices are public, and alerts where one is not."""
    prover = Prover(store, lambda: settings.web.public_url or (here() if here else own_address(settings)))
    missing = MissingAlerts(store, settings.alerts, post, mailboxes)

    async def look() -> int:
        await prover.round()
        return await missing.raise_due()

    return look


def build_worker(
    settings: Settings,
    keys: Keys,
    store: Store,
    channel: Channel | None = None,
    *,
    here: Callable[[], str] | None = None,
    texts: DrillSmsChannel | None = None,
) -> Worker:
    """Return the worker of an installation; ``channel`` stands in for the configured one for e-mail, and
    ``texts`` for a drill's one for SMS. ``here`` gives the address of the web server in this process, where
    that is not as configured.
    """
    used = channel or build_channel(settings)
    dispatcher = InlineDispatcher(workers=settings.sending.batches_at_once)
    sequencer = build_sequencer(settings, store)
    mailer = AlertMailer(used, settings.email, store.clock)
    rules = rules_for(settings)

    async def mailboxes(handle: str) -> Sequence[str]:
        async with store.read() as tx:
            known = await alert_addresses(tx, keys)
        return [known[handle]] if handle in known else []

    async def planned(tx: Transaction, announcement_id: int) -> PlanCounts:
        return await plan(tx, announcement_id, batch_size=settings.sending.batch_size)

    async def carry_out(tx: Transaction, announcement_id: int) -> None:
        await release(tx, rules, announcement_id, planned)

    async def note_refusal(tx: Transaction, announcement_id: int) -> None:
        await refused(tx, rules, announcement_id)

    async def sequence(stop: asyncio.Event) -> None:
        await sequencer.run(stop, settings.audit.every_seconds)

    async def settle_receipts() -> int:
        async with store.begin() as tx:
            return await settle_pending(tx, keys) + await match_again(tx, keys) + await expire(tx)

    async def rolled_back() -> bool:
        return await is_rolled_back(settings, store)

    def indexed(address: str) -> str:
        return keys.blind_index("alert", address.lower()).hex()

    alerts = Alerts(
        store,
        settings.alerts,
        mailer.post,
        mailboxes,
        indexed,
        limit=0 if settings.drill else allowed_rate(settings.email.relays),
    )
    troubles = used.troubles if isinstance(used, EmailChannel) else tuple
    relay_alerts = RelayAlerts(troubles, settings.alerts, mailer.post)

    async def raise_alerts() -> int:
        return await alerts.raise_due() + await relay_alerts.raise_due()

    escalation = Escalation(store, keys, settings, dispatcher, compromised)
    return Worker(
        Parts(
            store=store,
            keys=keys,
            carriers=build_carriers(settings, keys, used, texts, here),
            drill=settings.drill,
            dispatcher=dispatcher,
            settings=settings.sending,
            state_folder=settings.state_folder,
            release=carry_out,
            refused=note_refusal,
            sequence=sequence,
            settle_receipts=settle_receipts,
            escalate=lambda stop: escalation.round(stop=stop),
            raise_alerts=raise_alerts,
            rolled_back=rolled_back,
            chores={"public notices": _look_at_notices(settings, store, mailer.post, mailboxes, here)},
        )
    )
