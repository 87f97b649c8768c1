"""The SMS channel with Twilio's own client, against the loopback double."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

from notifier.channels import Envelope, Outcome, OutcomeKind
from notifier.channels.sms.double_http import Request, Response
from notifier.channels.sms.double_scripts import MAGIC_FROM, MAGIC_TO, SENDER, Script
from notifier.channels.sms.probe import probe
from notifier.channels.sms.twilio import TwilioChannel
from tests.sms import CALLBACK, NUMBER, SERVICE, Unlimited, envelope, over_double, sender, server, settings

HEAVY = ("twilio", "aiohttp", "requests")


@pytest.mark.parametrize(
    "module", ["notifier.channels.sms", "notifier.channels.sms.twilio", "notifier.channels.sms.drill"]
)
def test_importing_the_channel_loads_nothing_of_twilios(module: str) -> None:
    """Its client is loaded when a channel is entered, not before."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint(HEAVY)
    assert module.partition(".")[0] in loaded


async def test_a_message_is_handed_over_once_and_as_it_is() -> None:
    """One request, with the text unchanged, its callback, and no conversion of characters."""
    async with over_double() as (channel, double):
        told: list[Outcome] = []
        outcome = await channel.send(envelope(text="Grüße, “x” 😀"), told.append)
    (taken,) = double.taken
    assert told == [outcome]
    assert (outcome.kind, outcome.code, outcome.text) == (OutcomeKind.ACCEPTED, 201, f"{taken.sid} queued")
    assert (taken.text, taken.callback, taken.sender, double.requests) == (
        "Grüße, “x” 😀",
        CALLBACK,
        SENDER,
        1,
    )
    assert dict(taken.form) | {"SmartEncoded": "false", "ValidityPeriod": "14400"} == dict(taken.form)


@pytest.mark.parametrize(("left", "asked"), [(600.0, "600"), (90_000.0, "14400"), (0.2, "1")])
async def test_no_text_waits_beyond_its_reader_s_hours(left: float, asked: str) -> None:
    """What is left of them bounds how long it may wait there, if it is less than our setting."""
    async with over_double() as (channel, double):
        await channel.send(envelope(arrives_within=left))
    assert dict(double.taken[0].form)["ValidityPeriod"] == asked


async def test_each_country_has_its_sender() -> None:
    """A Messaging Service, a number or a name; whoever has no entry gets the one for all others."""
    senders = [sender(SERVICE, "US"), sender("EXMPLE", "IN"), sender("+447700900000")]
    async with over_double(senders=senders) as (channel, double):
        for number in ("+14155550100", "+919876543210", "+4915112345678"):
            await channel.send(envelope(number))
    assert [one.sender for one in double.taken] == [SERVICE, "EXMPLE", "+447700900000"]
    assert [("MessagingServiceSid" in dict(one.form)) for one in double.taken] == [True, False, False]


@pytest.mark.parametrize(("number", "code"), MAGIC_TO.items())
async def test_magic_numbers_answer_as_at_twilio(number: str, code: int) -> None:
    """Each has its error code; only a code about us is no fault of the number's."""
    async with over_double() as (channel, _):
        outcome = await channel.send(envelope(number))
    expected = OutcomeKind.DEFERRED if code == 21408 else OutcomeKind.REJECTED
    assert (outcome.code, outcome.kind) == (code, expected)


@pytest.mark.parametrize(("origin", "code"), MAGIC_FROM.items())
async def test_magic_senders_are_about_us(origin: str, code: int) -> None:
    """A sender that is not ours, or whose queue is full, never ends a delivery."""
    async with over_double(senders=[sender(origin)]) as (channel, _):
        outcome = await channel.send(envelope())
    assert (outcome.code, outcome.kind) == (code, OutcomeKind.DEFERRED)
    assert outcome.reason == ("throttled" if code == 21611 else "about-us")


@pytest.mark.parametrize(
    ("script", "kind", "reason"),
    [
        (Script("*", lose="answer"), "unknown", "no-answer"),
        (Script("*", lose="before"), "unknown", "no-answer"),
        (Script("*", lose="silence"), "unknown", "no-answer"),
        (Script("*", code=20500, http=500), "unknown", "relay-trouble"),
        (Script("*", http=502), "unknown", "relay-trouble"),
        (Script("*", http=503), "unknown", "relay-trouble"),
        (Script("*", body=b"not json"), "unknown", "bad-reply"),
        (Script("*", body=b"[1]"), "unknown", "bad-reply"),
        (Script("*", body=b"{}"), "unknown", "bad-reply"),
        (Script("*", body=b'{"sid": 7, "status": {}, "error_code": "x"}'), "unknown", "bad-reply"),
        (
            Script("*", body=b'{"sid": "SM%s", "status": "queued", "a": "%s"}' % (b"0" * 32, b"x" * 70_000)),
            "unknown",
            "bad-reply",
        ),
        (Script("*", body=b"\xff\xfe"), "unknown", "bad-reply"),
        (Script("*", http=307), "deferred", "relay-trouble"),
        (Script("*", http=400), "rejected", "refused"),
        (Script("*", http=400, body=b'{"code": {}, "message": []}'), "rejected", "refused"),
        (Script("*", http=429, code=20429, retry_after="7"), "deferred", "throttled"),
        (Script("*", first="failed", code=30034), "deferred", "about-us"),
        (Script("*", first="undelivered", code=30005), "rejected", "address-dead"),
        (Script("*", first="canceled"), "rejected", "cancelled"),
    ],
)
async def test_whatever_is_answered_is_one_outcome(script: Script, kind: str, reason: str) -> None:
    """A lost or unreadable answer is in doubt, a refusal is not; and there is one request in any case."""
    async with over_double(script, timeout=0.3 if script.lose == "silence" else 5) as (channel, double):
        told: list[Outcome] = []
        outcome = await channel.send(envelope(), told.append)
    assert told == [outcome]
    assert (outcome.kind, outcome.reason) == (OutcomeKind(kind), reason)
    assert double.requests == 1


async def test_a_problem_document_is_read_too() -> None:
    """Some of Twilio's services answer in RFC 9457's form."""
    body = {"type": "t", "title": "Too Many Requests", "status": 429, "code": 20429}
    script = Script("*", http=429, body=json.dumps(body).encode())
    async with over_double(script) as (channel, _):
        outcome = await channel.send(envelope())
    assert (outcome.code, outcome.reason, outcome.kind) == (20429, "throttled", OutcomeKind.DEFERRED)


async def test_cancelled_after_the_request_has_left_it_is_unknown() -> None:
    """The message may have been taken, and here it was: so nobody may say that it was not."""
    async with over_double(Script("*", lose="silence")) as (channel, double):
        told: list[Outcome] = []
        task = asyncio.create_task(channel.send(envelope(), told.append))
        while not double.taken:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [(one.kind, one.reason) for one in told] == [(OutcomeKind.UNKNOWN, "cancelled")]


async def test_cancelled_before_it_has_left_it_is_nothing() -> None:
    """A message that waits for a place was never begun."""
    async with over_double(Script("*", lose="silence"), max_connections=1) as (channel, double):
        told: list[Outcome] = []
        first = asyncio.create_task(channel.send(envelope(), told.append))
        second = asyncio.create_task(channel.send(envelope("+14155550101"), told.append))
        while not double.taken:
            await asyncio.sleep(0)
        second.cancel()
        first.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
    assert (len(told), double.requests) == (1, 1)


async def test_what_cannot_be_reached_was_never_handed_over() -> None:
    """The next ones do not even try, until the pause is over."""
    async with TwilioChannel(settings(), base_url="http://127.0.0.1:9") as channel:
        outcomes = [await channel.send(envelope()) for _ in range(2)]
        assert not channel.usable()
        assert [trouble.relay for trouble in channel.troubles()] == ["provider:twilio"]
    assert {(one.kind, one.reason, one.handed_over) for one in outcomes} == {
        (OutcomeKind.DEFERRED, "relay-down", False)
    }


async def test_a_sender_without_registration_rests_and_the_others_go_on() -> None:
    """After ten answers about us for one country that country waits; a person's address is never blamed."""
    senders = [sender(SERVICE, "US"), sender(SENDER)]
    script = Script("+1*", first="failed", code=30034)
    limiter = Unlimited()
    async with over_double(script, senders=senders, limiter=limiter) as (channel, double):
        outcomes = [await channel.send(envelope()) for _ in range(12)]
        elsewhere = await channel.send(envelope("+447700900123"))
        assert channel.usable()
    assert set(limiter.slowed) == {f"sender:{SERVICE}"}
    assert {(one.kind, one.reason) for one in outcomes} == {(OutcomeKind.DEFERRED, "about-us")}
    assert [one.handed_over for one in outcomes].count(False) == 2
    assert (elsewhere.kind, double.requests) == (OutcomeKind.ACCEPTED, 11)


async def test_one_acceptance_clears_a_sender() -> None:
    """Answers about us that come now and then are single cases, however many they grow to be."""
    script = Script("+14155550111", first="failed", code=30034)
    async with over_double(script, limiter=Unlimited()) as (channel, double):
        for number in ["+14155550111"] * 9 + [NUMBER] + ["+14155550111"] * 9:
            assert (await channel.send(envelope(number))).handed_over
    assert double.requests == 19


async def test_what_is_withdrawn_while_it_waits_for_a_place_does_not_begin() -> None:
    """The question is put again once the place is free."""
    withdrawn = False
    async with over_double(Script(NUMBER, lose="silence"), max_connections=1) as (channel, double):
        first = asyncio.create_task(channel.send(envelope()))
        while not double.taken:
            await asyncio.sleep(0)
        second = asyncio.create_task(channel.send(envelope("+14155550101", withdrawn=lambda: withdrawn)))
        await asyncio.sleep(0)
        withdrawn = True
        first.cancel()
        outcome = await second
    assert (outcome.reason, outcome.handed_over, double.requests) == ("too-late", False, 1)


async def test_no_more_requests_than_places_are_under_way() -> None:
    """However many are handed over at once, and all of them end."""
    most = at_once = 0

    async def slowly(_request: Request) -> Response:
        nonlocal most, at_once
        at_once += 1
        most = max(most, at_once)
        for _ in range(50):
            await asyncio.sleep(0)
        at_once -= 1
        return Response(400)

    async with server(slowly) as port:
        made = TwilioChannel(settings(max_connections=3), base_url=f"http://127.0.0.1:{port}")
        async with made as channel:
            outcomes = await asyncio.gather(*(channel.send(envelope()) for _ in range(30)))
    assert most == 3
    assert {one.kind for one in outcomes} == {OutcomeKind.REJECTED}


async def test_a_limit_counts_segments() -> None:
    """A sender's rate is used up by long texts sooner; what would wait too long is deferred unsent."""
    async with over_double(senders=[sender(per_second=0.1)]) as (channel, double):
        outcomes = [await channel.send(envelope(text="a" * 300)) for _ in range(2)]
    assert [one.kind for one in outcomes] == [OutcomeKind.ACCEPTED, OutcomeKind.DEFERRED]
    assert outcomes[1].reason == "throttled"
    assert 19 < outcomes[1].retry_after <= 20
    assert double.requests == 1


async def test_what_is_withdrawn_or_too_late_does_not_begin() -> None:
    """It is asked just before the request."""
    async with over_double() as (channel, double):
        late = await channel.send(envelope(not_after=asyncio.get_running_loop().time() - 1))
        gone = await channel.send(envelope(withdrawn=lambda: True))
    assert {(one.reason, one.handed_over) for one in (late, gone)} == {("too-late", False)}
    assert double.requests == 0


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (envelope("4155550100"), "address-invalid"),
        (envelope("+1415555\n0100"), "address-invalid"),
        (envelope("whatsapp:+14155550100"), "address-invalid"),
        (envelope("+919876543210"), "no-sender"),
        (envelope(text=""), "text-empty"),
        (envelope(text=" \n"), "text-empty"),
        (envelope(text="a" * 700), "text-too-long"),
        (envelope(text="a\x00b"), "stray-control"),
        (Envelope(NUMBER, CALLBACK, b"\xff"), "text-invalid"),
        (envelope(callback=""), "callback-invalid"),
        (envelope(callback="https://a b/"), "callback-invalid"),
        (envelope(callback="ftp://example.com/"), "callback-invalid"),
    ],
)
async def test_what_cannot_be_carried_is_refused_unsent(made: Envelope, code: str) -> None:
    """``check`` names it without a connection, and ``send`` refuses it with the same word."""
    us = [sender(country="US")]
    assert [one.code for one in TwilioChannel(settings(*us)).check(made)] == [code]
    async with over_double(senders=us) as (channel, double):
        outcome = await channel.send(made)
    assert (outcome.kind, outcome.reason, outcome.handed_over) == (OutcomeKind.REJECTED, code, False)
    assert double.requests == 0


async def test_findings_and_outcomes_quote_nobody() -> None:
    """No number of a reader stands in what is logged: neither in findings nor in troubles."""
    async with over_double(Script("*", code=21606), limiter=Unlimited()) as (channel, _):
        for _ in range(10):
            await channel.send(envelope())
        (trouble,) = channel.troubles()
    assert NUMBER not in f"{trouble}{TwilioChannel(settings()).check(envelope('+1 415'))}"


async def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twilio's client would take account, token, region and edge from it."""
    for name in ("ACCOUNT_SID", "AUTH_TOKEN", "REGION", "EDGE"):
        monkeypatch.setenv(f"TWILIO_{name}", "elsewhere")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with over_double() as (channel, double):
        assert (await channel.send(envelope())).kind is OutcomeKind.ACCEPTED
        api = channel._api._messages._version.domain.twilio
    assert (api.username, api.password, api.region, api.edge) == (None, None, None, None)
    assert double.requests == 1


async def test_region_and_edge_are_part_of_the_address() -> None:
    """Data of an account in Ireland is asked for there."""
    async with TwilioChannel(settings(region="ie1", edge="dublin")) as channel:
        client = channel._api._messages._version.domain.twilio
        assert client.get_hostname("https://api.twilio.com/x") == "https://api.dublin.ie1.twilio.com/x"


async def test_the_account_is_tried_without_a_message() -> None:
    """A good login is told from a bad one, and from a server that is not there."""
    async with over_double() as (_, double):
        good = await probe(settings(), base_url=double.base_url)
        bad = await probe(settings(auth_token="wrong"), base_url=double.base_url)
    away = await probe(settings(), base_url="http://127.0.0.1:9")
    assert (good.usable, good.status, good.trial) == (True, "active", False)
    assert (bad.usable, bad.code) == (False, 20003)
    assert not away.usable
    assert "cannot be reached" in away.problem
    assert double.taken == []
