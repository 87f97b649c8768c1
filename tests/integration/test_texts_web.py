"""What Twilio posts, through the web application into the store, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from incidents.building import build_carriers
from incidents.inlets import Inlets
from notifier.channels.sms.double import TwilioDouble
from notifier.channels.sms.finishing import SmsFinisher
from notifier.channels.sms.signature import HEADER, sign
from notifier.channels.sms.twilio import TwilioChannel
from notifier.engine import batches
from notifier.errors import BadSettings
from notifier.keys import Keys
from notifier.receipts.taking import settle_pending
from notifier.serving import Service, listen, url
from notifier.settings import Settings, SmsSettings
from notifier.store import Store
from notifier.testing import ScriptedChannel
from notifier.web.texts import add_text_routes
from tests import world
from tests.integration.test_receipts import findings, points, states
from tests.integration.test_sending import DEFERRED, LOST, QUARANTINE, start
from tests.sms import BASE, envelope
from tests.sms import settings as sms_settings
from tests.texts import AUTH_TOKEN, FORM, Twilio, installed, number, references, sid, texted


@pytest.fixture
def twilio(store: Store, keys: Keys) -> Twilio:
    return Twilio(installed(), keys, store)


async def receipts(store: Store) -> list[str]:
    """Return the kinds of the receipts on record."""
    async with store.read() as tx:
        return [row.kind for row in await tx.rows("SELECT kind FROM receipt ORDER BY id")]


async def test_a_report_is_on_record_once(store: Store, keys: Keys, twilio: Twilio, tmp_path: Path) -> None:
    """However often it is posted, also long after it said anything new."""
    (reference,) = await texted(store, keys, 1, tmp_path)
    for name in ("delivered", "delivered", "sent", "queued", "delivered"):
        assert (await twilio.report(reference, name)).status_code == 204
    assert (await states(store), await receipts(store)) == ({reference: "delivered"}, ["delivered"])
    assert (await twilio.report(reference, "undelivered", code=30005)).status_code == 204
    assert (await twilio.report(reference, "delivered")).status_code == 204
    assert (await states(store), await points(store)) == ({reference: "bounced"}, {"C0": "dead"})
    assert await findings(store, tmp_path) == set()


async def test_a_forged_report_changes_nothing(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """Signed with another token, for another address or other fields, or not at all."""
    (reference,) = await texted(store, keys, 1, tmp_path)
    url, fields = twilio.urls.make(reference, 1), {"MessageSid": "SM" + "0" * 32, "MessageStatus": "failed"}
    target, content = url.removeprefix(BASE), "MessageSid=x&MessageStatus=failed"
    for headers in (
        {},
        {HEADER: ""},
        {HEADER: "é".encode()},
        {HEADER: sign(AUTH_TOKEN, url, [("MessageStatus", "delivered")])},
        {HEADER: sign(AUTH_TOKEN, f"http://inside.test{target}", list(fields.items()))},
    ):
        answer = await twilio.client.post(target, content=content, headers=FORM | headers)
        assert answer.status_code == 403
    assert (await twilio.post(url, fields, token="other")).status_code == 403
    assert (await states(store), await receipts(store)) == ({reference: "accepted"}, [])


async def test_a_report_moved_to_another_delivery_is_no_report(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """What was signed for one address is refused at another, the token's proof or not."""
    first, second = await texted(store, keys, 2, tmp_path)
    fields = {"MessageSid": "SM" + "0" * 32, "MessageStatus": "undelivered", "ErrorCode": "30005"}
    signature = sign(AUTH_TOKEN, twilio.urls.make(first, 1), list(fields.items()))
    target = twilio.urls.make(second, 1).removeprefix(BASE)
    answer = await twilio.client.post(target, data=fields, headers={HEADER: signature})
    assert (answer.status_code, await states(store)) == (403, {first: "accepted", second: "accepted"})


async def test_what_is_too_long_or_no_form_is_turned_away(store: Store, twilio: Twilio) -> None:
    """Before anything of it is looked at."""
    for content, status in ((b"a" * 65_537, 413), (b"\xff=1", 403), (b"a=%ff", 403), (b"a&" * 300, 403)):
        answer = await twilio.client.post("/sms/inbound", content=content, headers=FORM)
        assert (answer.status_code, len(answer.text) < 60) == (status, True)
    assert (await twilio.client.get("/sms/inbound")).status_code == 405
    assert await receipts(store) == []


async def test_twilio_posts_again_while_the_store_is_out_of_order(store: Store, keys: Keys) -> None:
    """503, which says nothing of the trouble."""
    twilio = Twilio(Settings(), keys, store)
    callbacks = Inlets(installed(), keys, store).texts
    assert callbacks is not None

    async def broken(_source: str, _receipts: object) -> None:
        raise OSError("disk full")

    add_text_routes(twilio.app, callbacks, broken)
    answer = await twilio.report("3F9A02BC77D1E04B", "delivered")
    assert (answer.status_code, "disk" in answer.text) == (503, False)


async def test_behind_a_proxy_the_public_address_is_what_counts(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """With a path of its own, a port and any Host: what was signed is made from the settings."""
    (reference,) = await texted(store, keys, 1, tmp_path)
    twilio = Twilio(installed(callback_base="https://example.com:8443/notices"), keys, store)
    assert (await twilio.report(reference, "delivered")).status_code == 204
    assert await states(store) == {reference: "delivered"}


@pytest.mark.parametrize(
    ("name", "state"), [("queued", "accepted"), ("sent", "accepted"), ("delivered", "delivered")]
)
async def test_a_report_settles_a_lost_answer(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path, name: str, state: str
) -> None:
    """It names the very attempt: the delivery is in doubt no more, and is not handed over again."""
    (reference,) = await texted(store, keys, 1, tmp_path, answers=[LOST])
    assert await states(store) == {reference: "unknown"}
    await twilio.report(reference, name)
    assert await states(store) == {reference: state}
    assert len(await receipts(store)) == 1
    assert await findings(store, tmp_path) == set()


async def test_an_attempt_that_was_answered_is_not_settled_by_an_echo(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """Deferred is what the answer said; that the message had been queued before says nothing against it."""
    (reference,) = await texted(store, keys, 1, tmp_path, answers=[DEFERRED])
    await twilio.report(reference, "queued")
    assert (await states(store), await receipts(store)) == ({reference: "deferred"}, [])


async def test_a_report_may_come_before_the_answer(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """It waits; where the answer never comes because its worker is gone, it settles the delivery."""
    await world.released(store, keys, 1)
    await start(store)
    lease = await batches.claim(store, worker="w", drill=False, lease_us=10**7, quarantine_us=QUARANTINE)
    assert lease is not None
    (reference,) = await references(store)
    async with store.read() as tx:
        delivery = int(await tx.scalar("SELECT id FROM delivery"))
    await batches.flush(store, lease, [], [batches.Opening(delivery, reference, 1)], [])
    for name in ("queued", "sent", "queued"):
        await twilio.report(reference, name)
    async with store.begin() as tx:
        await batches.take_over(tx, lease.batch_id, QUARANTINE)
    async with store.begin() as tx:
        assert await settle_pending(tx, keys) == 1
    assert (await states(store), await receipts(store)) == ({reference: "accepted"}, ["accepted"])
    assert await findings(store, tmp_path) == set()


async def test_echoes_about_nobody_we_know_are_not_kept(store: Store, twilio: Twilio) -> None:
    """What ends a message's way is parked, as an older copy of the store may know it once it is back."""
    for name in ("queued", "sent", "delivered"):
        await twilio.report("3F9A02BC77D1E04B", name)
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM parked_receipt") == 1


async def test_a_message_that_a_stop_refused_has_bounced(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """A Messaging Service takes a message first and reports 21610 later."""
    (reference,) = await texted(store, keys, 1, tmp_path)
    await twilio.report(reference, "failed", code=21610)
    assert (await states(store), await points(store)) == ({reference: "bounced"}, {"C0": "stopped"})


async def test_the_double_reports_over_http(keys: Keys, sqlite_url: str, tmp_path: Path) -> None:
    """From the official client's hand-over to the receipt, through our web server, with its callback URL."""
    store = Store.open(sqlite_url, origin="notify.example.com/audit", load_keys=lambda: keys)
    (reference,) = await texted(store, keys, 1, tmp_path)
    twilio = Twilio(installed(), keys, store)
    service = Service(None)
    with listen("127.0.0.1", 0) as listening:
        running = asyncio.create_task(service.run(twilio.app, listening, ()))
        async with TwilioDouble(callback_port=listening.getsockname()[1]) as double:
            async with TwilioChannel(sms_settings(), base_url=double.base_url) as channel:
                callback = SmsFinisher(twilio.urls).return_path(reference, 1)
                await channel.send(envelope(callback=callback))
            await double.reported()
            assert double.answers == {204: 2}
        service.stop()
        await running
    assert await states(store) == {reference: "delivered"}
    await store.close()


async def test_who_sends_no_texts_has_no_such_address(store: Store, keys: Keys) -> None:
    """Nothing is there to be posted to."""
    twilio = Twilio(Settings(), keys, store)
    assert (await twilio.report("3F9A02BC77D1E04B", "delivered")).status_code == 404
    assert (await twilio.text(0, "STOP", 1)).status_code == 404


async def test_a_drill_hears_its_own_double(keys: Keys, sqlite_url: str, tmp_path: Path) -> None:
    """From the drill's channel to the receipt, through its web server, on whatever port that listens."""
    store = Store.open(sqlite_url, origin="notify.example.com/audit", load_keys=lambda: keys)
    (reference,) = await texted(store, keys, 1, tmp_path)
    settings = Settings(home=tmp_path, drill=True)
    settings.state_folder.mkdir(parents=True)
    twilio, service = Twilio(settings, keys, store), Service(None)
    with listen("127.0.0.1", 0) as listening:
        running = asyncio.create_task(service.run(twilio.app, listening, ()))
        carrier = build_carriers(settings, keys, ScriptedChannel(), here=lambda: url(listening))["sms"]
        async with carrier.channel as channel:
            await channel.send(envelope(callback=carrier.finisher.return_path(reference, 1)))
        service.stop()
        await running
    assert await states(store) == {reference: "delivered"}
    await store.close()


async def test_a_drill_believes_nobody_else(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Neither the double's own well-known token nor the account's."""
    real = installed()
    settings = Settings(home=tmp_path, drill=True, sms=real.sms)
    twilio = Twilio(settings, keys, store)
    fields = {"MessageSid": sid(1), "SmsStatus": "received", "From": number(0), "Body": "STOP"}
    for token in (AUTH_TOKEN, real.sms.auth_token.get_secret_value()):
        for base in (BASE, "http://127.0.0.1:8080"):
            answer = await twilio.post(f"{base}/sms/inbound", fields, token=token)
            assert answer.status_code in {403, 404}


def test_without_the_auth_token_nothing_could_be_believed(store: Store, keys: Keys) -> None:
    """So the service does not start; nor without the address that Twilio signs."""
    for sms in (
        SmsSettings(provider="twilio", callback_base=BASE),
        SmsSettings(provider="twilio", auth_token=SecretStr("x")),
    ):
        with pytest.raises(BadSettings) as refused:
            Inlets(Settings(sms=sms), keys, store)
        assert refused.value.advice()


def test_a_callback_asks_twilio_to_come_again(keys: Keys, twilio: Twilio) -> None:
    """In a fragment, which is neither sent to us nor signed; the text itself stays as approved."""
    finisher = SmsFinisher(twilio.urls)
    asked = httpx.URL(finisher.return_path("3F9A02BC77D1E04B", 2))
    assert asked.fragment == "rc=5&rp=ct,rt,5xx"
    assert twilio.urls.read(asked.path) == ("3F9A02BC77D1E04B", 2)
    assert finisher.finish(b"text", twilio.inlets.intake._store.clock.now(), None) == (b"text", None)
    assert number(0) not in str(url)
