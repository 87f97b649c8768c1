"""What the channel asks of Twilio, and what the double answers, against Twilio's published description."""

from __future__ import annotations

import json

import pytest

from notifier.channels import OutcomeKind
from notifier.channels.sms.double import ACCOUNT, TwilioDouble
from notifier.channels.sms.double_http import Request
from notifier.channels.sms.double_scripts import Script
from notifier.channels.sms.probe import probe
from notifier.channels.sms.twilio import TwilioChannel
from tests.sms import CALLBACK, NUMBER, SERVICE, envelope, sender, server, settings
from tests.twilio_openapi import OpenApiServer, check, message_schema


@pytest.mark.parametrize("origin", ["+15005550006", SERVICE, "EXMPLE", "12345"])
async def test_each_request_is_as_described(origin: str) -> None:
    """Path, login, form, names, types and patterns; the answer is the description's own example."""
    described = OpenApiServer()
    async with server(described) as port:
        url = f"http://127.0.0.1:{port}"
        async with TwilioChannel(settings(sender(origin)), base_url=url) as channel:
            outcome = await channel.send(envelope(text="Grüße, “x” 😀 & =\n2"))
    assert described.objections == []
    assert described.operations == ["CreateMessage"]
    (fields,) = described.fields
    assert (fields["To"], fields["Body"], fields["StatusCallback"]) == (
        NUMBER,
        "Grüße, “x” 😀 & =\n2",
        CALLBACK,
    )
    assert outcome.kind is OutcomeKind.ACCEPTED


async def test_an_api_key_signs_in_for_the_account() -> None:
    """The account stands in the path, the key in the login; the probe's request is described too."""
    described = OpenApiServer()
    key = settings(api_key_sid="SK" + "b" * 32, api_key_secret="secret")
    async with server(described) as port:
        url = f"http://127.0.0.1:{port}"
        async with TwilioChannel(key, base_url=url) as channel:
            await channel.send(envelope())
        found = await probe(key, base_url=url)
    assert described.objections == []
    assert described.operations == ["CreateMessage", "FetchAccount"]
    assert found.status in ("active", "suspended", "closed")


async def test_what_is_not_described_is_refused() -> None:
    """The server above is no rubber stamp: a wrong type, name or path fails."""
    described = OpenApiServer()
    form = {"content-type": "application/x-www-form-urlencoded", "authorization": "Basic YTpi"}
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    for target, body in (
        (path, b"To=%2B1&SmartEncoded=perhaps"),
        (path, b"To=%2B1&Bodey=x"),
        (path, b"Body=x"),
        (path.replace("AC0", "XX0"), b"To=%2B1"),
        ("/2010-04-01/Messages.json", b"To=%2B1"),
    ):
        before = len(described.objections)
        await described(Request("POST", target, form, body))
        assert len(described.objections) > before


@pytest.mark.parametrize("first", ["", "failed"])
async def test_the_doubles_messages_are_as_described(first: str) -> None:
    """Every field that it answers is one of Twilio's, of the described type."""
    script = Script("*", first=first, code=30005 if first else 0)
    async with TwilioDouble(scripts=[script]) as double:
        for name, origin in (("MessagingServiceSid", SERVICE), ("From", "+15005550006")):
            form = (("To", NUMBER), ("Body", "Hello"), (name, origin))
            answer = json.loads(double._create(form).body)
            schema = message_schema()
            assert check(answer, schema) == []
            assert set(answer) == set(schema["properties"])
