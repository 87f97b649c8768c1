"""Hand-over to aiosmtpd: another server's idea of the protocol, without pipelining, with TLS and AUTH."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from notifier.channels import OutcomeKind
from tests.certificates import make_certificates
from tests.relays import CONTENT, channel, envelope, relay

ACCEPTED, DEFERRED, REJECTED, UNKNOWN = OutcomeKind


class Scripted:
    """Answers as told, by recipient, and keeps what it accepts."""

    def __init__(self, **replies: str) -> None:
        self.replies = replies
        self.kept: list[Envelope] = []

    async def handle_RCPT(self, server, session, env: Envelope, address: str, options) -> str:  # noqa: N802
        """Answer RCPT."""
        env.rcpt_tos.append(address)
        return self.replies.get(f"rcpt_{address.partition('@')[0]}", "250 OK")

    async def handle_DATA(self, server, session, env: Envelope) -> str:  # noqa: N802
        """Answer the final dot."""
        reply = self.replies.get(f"data_{env.rcpt_tos[0].partition('@')[0]}", "250 2.0.0 kept")
        if reply.startswith("250"):
            self.kept.append(env)
        return reply


@asynccontextmanager
async def aiosmtpd(handler: Scripted, **options: Any) -> AsyncIterator[int]:
    """Run aiosmtpd on this loop."""
    loop = asyncio.get_running_loop()
    protocols: list[SMTP] = []

    def build() -> SMTP:
        protocols.append(SMTP(handler, hostname="relay.test", loop=loop, **options))
        return protocols[-1]

    server = await loop.create_server(build, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for protocol in protocols:
            if protocol.transport:
                # The TLS transport of Python 3.11.2 forgets its protocol when it is closed twice.
                with suppress(AttributeError):
                    protocol.transport.abort()
        await asyncio.sleep(0)


async def test_aiosmtpd_gets_each_message_whole() -> None:
    """Envelope and content arrive as they were given."""
    handler = Scripted()
    async with aiosmtpd(handler) as port, channel(relay(port)) as ready:
        outcomes = await asyncio.gather(*(ready.send(envelope(number)) for number in range(10)))
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    assert {env.original_content for env in handler.kept} == {CONTENT}
    assert all(len(env.rcpt_tos) == 1 for env in handler.kept)
    assert len({env.mail_from for env in handler.kept}) == 10


async def test_scripted_replies_become_outcomes() -> None:
    """Refusals at RCPT and after the body, one reader each, in one session."""
    handler = Scripted(
        rcpt_dead="550 5.1.1 unknown",
        rcpt_grey="450 4.2.0 greylisted, try again in 5 minutes",
        data_spam="550 5.7.1 looks like spam",
        data_full="452 4.2.2 over quota",
    )
    readers = ["a", "dead", "grey", "spam", "full", "b"]
    async with aiosmtpd(handler) as port, channel(relay(port)) as ready:
        sent = [ready.send(envelope(recipient=f"{reader}@example.com")) for reader in readers]
        outcomes = dict(zip(readers, await asyncio.gather(*sent), strict=True))
    assert {reader: (outcome.kind, outcome.reason) for reader, outcome in outcomes.items()} == {
        "a": (ACCEPTED, ""),
        "dead": (REJECTED, "address-dead"),
        "grey": (DEFERRED, "greylisted"),
        "spam": (DEFERRED, "about-us"),
        "full": (DEFERRED, "mailbox-full"),
        "b": (ACCEPTED, ""),
    }
    assert outcomes["grey"].retry_after == 300


@pytest.mark.parametrize(
    ("offered", "password", "accepted"),
    [
        (set(), "right", True),
        ({"PLAIN"}, "right", True),
        ({"LOGIN"}, "right", True),
        ({"LOGIN"}, "wrong", False),
        ({"PLAIN", "LOGIN"}, "right", False),
    ],
)
async def test_login_under_starttls(tmp_path: Path, offered: set[str], password: str, accepted: bool) -> None:
    """AUTH with whichever mechanism is left; no mechanism and a wrong password are no session."""
    made = make_certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.certificate, made.key)

    def check(server, session, env, mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"us", b"right"), handled=False)

    options = {
        "authenticator": check,
        "tls_context": context,
        "require_starttls": True,
        "auth_required": True,
    }
    handler = Scripted()
    with_login = {"tls": "starttls", "ca_file": str(made.authority), "username": "us", "password": password}
    async with (
        aiosmtpd(handler, auth_exclude_mechanism=offered, **options) as port,
        channel(relay(port, **with_login)) as ready,
    ):
        outcome = await ready.send(envelope())
    assert (outcome.kind is ACCEPTED) is accepted
    assert len(handler.kept) == accepted
    assert accepted or outcome.reason == "relay-down"


async def test_an_international_mailbox_goes_with_smtputf8() -> None:
    """The server sees the address as it is."""
    handler = Scripted()
    content = CONTENT.replace(b"reader@", "पाठक@".encode())
    async with aiosmtpd(handler, enable_SMTPUTF8=True) as port, channel(relay(port)) as ready:
        outcome = await ready.send(envelope(recipient="पाठक@example.com", content=content))
    assert outcome.kind is ACCEPTED
    assert handler.kept[0].rcpt_tos == ["पाठक@example.com"]
