"""The inbound mail server and the clients it is there for: smtplib, aiosmtplib, with and without TLS."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from pathlib import Path

import aiosmtplib
import pytest
from structlog.testing import capture_logs

from notifier.channels.email.inbound.listener import BounceListener
from notifier.errors import BadSettings
from notifier.settings import InboundSettings
from tests.certificates import make_certificates
from tests.inlets import BOUNCE, DOMAIN, PATH, PATHS, RECIPIENTS, REFERENCE, STUFFED, Keeper, Talk, listening


async def _send(port: int, recipients: list[str], message: bytes = BOUNCE, **more) -> dict:
    """Hand a bounce over with aiosmtplib; returns the recipients that were refused."""
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, **more)
    async with client:
        refused, _text = await client.sendmail("", recipients, message)
    return refused


async def test_a_bounce_is_taken_whole() -> None:
    """Bytes and envelope recipient arrive as they were sent, dots and all, from either client."""
    keeper = Keeper()

    def plainly(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("", [PATH], BOUNCE)

    async with listening(keeper) as listener:
        await _send(listener.port, [PATH])
        await asyncio.to_thread(plainly, listener.port)
    assert keeper.kept == [(BOUNCE, (PATH,))] * 2


@pytest.mark.parametrize(
    "address",
    [PATH, PATH.upper(), f"postmaster@{DOMAIN}", f"Abuse@{DOMAIN}", "FBL@example.com", "postmaster"],
)
async def test_mail_for_us_is_taken(address: str) -> None:
    """Return paths in any case, the names that RFC 2142 asks for, and feedback addresses."""
    keeper = Keeper()
    async with listening(keeper) as listener:
        client = await Talk.to(listener.port)
        await client.begin(address)
        assert (await client.say("Subject: x\r\n\r\n.")).startswith("250")
        await client.close()
    assert keeper.kept[0][1] == (address,)


@pytest.mark.parametrize(
    "address",
    [
        "reader@example.org",
        f"b+{REFERENCE.lower()}-1-aaaaaaaaaaaaaaaa@{DOMAIN}",
        PATH.replace("-1-", "-2-"),
        PATH.replace(DOMAIN, "example.com"),
        f"root@{DOMAIN}",
        f"reader%example.org@{DOMAIN}",
        f"@{DOMAIN}:reader@example.org",
        "",
        f"{'x' * 300}@{DOMAIN}",
    ],
)
async def test_anything_else_is_refused_without_repeating_it(address: str) -> None:
    """No relay, no made-up return path; the answer holds no address, and nobody is asked twice."""
    keeper = Keeper()
    async with listening(keeper) as listener:
        client = await Talk.to(listener.port)
        await client.hear()
        await client.say("EHLO client.test")
        await client.say("MAIL FROM:<someone@example.net>")
        answer = await client.say(f"RCPT TO:<{address}>")
        assert (await client.say("DATA")).startswith("503")
        await client.close()
    assert answer == "550 5.1.1 no such mailbox here"
    assert not keeper.kept


async def test_a_socket_from_a_supervisor_is_used() -> None:
    """The service need not bind the port itself."""
    keeper = Keeper()
    bound = socket.create_server(("127.0.0.1", 0))
    listener = BounceListener(InboundSettings(), RECIPIENTS, keeper, host_name="mx.test", listening=bound)
    async with listener:
        assert listener.port == bound.getsockname()[1]
        await _send(listener.port, [PATH])
    assert len(keeper.kept) == 1


async def test_all_addresses_or_a_port_that_is_taken() -> None:
    """``*`` listens everywhere; what cannot be bound is said at the start."""
    keeper = Keeper()
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
        taken = InboundSettings(listen_host="127.0.0.1", listen_port=port)
        with pytest.raises(OSError):
            await BounceListener(taken, RECIPIENTS, keeper, host_name="mx.test").__aenter__()
    everywhere = InboundSettings(listen_host="*", listen_port=port)
    async with BounceListener(everywhere, RECIPIENTS, keeper, host_name="mx.test"):
        await _send(port, [PATH])
    assert len(keeper.kept) == 1


async def test_a_message_that_cannot_be_recorded_is_asked_for_again() -> None:
    """451 makes the sender keep it; the log names the kind of error and nobody."""
    keeper = Keeper()
    keeper.failing = RuntimeError
    async with listening(keeper) as listener:
        with capture_logs() as logs, pytest.raises(aiosmtplib.SMTPDataError) as refused:
            await _send(listener.port, [PATH])
        keeper.failing = None
        await _send(listener.port, [PATH])
    assert (refused.value.code, refused.value.message[:5]) == (451, "4.3.0")
    assert "@" not in str(logs)
    assert logs[0]["error"] == "RuntimeError"
    assert len(keeper.kept) == 1


async def test_a_store_that_hangs_is_not_waited_for_without_end() -> None:
    """After its time the work is given up and the sender told to come again."""
    keeper = Keeper()
    keeper.open.clear()
    async with listening(keeper, work=0.05) as listener:
        with pytest.raises(aiosmtplib.SMTPDataError) as refused:
            await _send(listener.port, [PATH])
    assert refused.value.code == 451


async def test_recipients_beyond_the_limit_are_put_off() -> None:
    """452 for those beyond; the message still goes to the others, once."""
    keeper = Keeper()
    paths = [PATHS.make(REFERENCE, number) for number in range(1, 6)]
    async with listening(keeper, most_recipients=3) as listener:
        refused = await _send(listener.port, paths)
    assert {answer.code for answer in refused.values()} == {452}
    assert keeper.kept == [(BOUNCE, tuple(paths[:3]))]


@pytest.mark.parametrize("client", ["smtplib", "aiosmtplib"])
async def test_starttls(tmp_path: Path, client: str) -> None:
    """A client that checks the certificate hands over under TLS."""
    made = make_certificates(tmp_path)
    trust = ssl.create_default_context(cafile=str(made.authority))
    keeper = Keeper()

    def plainly(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as sender:
            sender.starttls(context=trust)
            sender.sendmail("", [PATH], BOUNCE)

    files = {"tls_certificate": str(made.certificate), "tls_key": str(made.key)}
    async with listening(keeper, **files) as listener:
        if client == "smtplib":
            await asyncio.to_thread(plainly, listener.port)
        else:
            sender = aiosmtplib.SMTP(
                hostname="127.0.0.1", port=listener.port, start_tls=True, tls_context=trust
            )
            async with sender:
                await sender.sendmail("", [PATH], BOUNCE)
    assert keeper.kept == [(BOUNCE, (PATH,))]


async def test_a_renewed_certificate_is_used_and_a_broken_one_is_not(tmp_path: Path) -> None:
    """Files are read again when they change; one that does not fit leaves the old one in use."""
    made = make_certificates(tmp_path)

    async def shown(port: int) -> bytes:
        context = ssl.create_default_context(cafile=str(made.authority))
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=True, tls_context=context)
        async with client:
            return client.get_transport_info("ssl_object").getpeercert(binary_form=True)

    files = {"tls_certificate": str(made.certificate), "tls_key": str(made.key)}
    async with listening(Keeper(), **files) as listener:
        first = await shown(listener.port)
        made = make_certificates(tmp_path)
        second = await shown(listener.port)
        made.certificate.write_text("no certificate")
        third = await shown(listener.port)
    assert first != second == third


@pytest.mark.parametrize("only", ["tls_certificate", "tls_key"])
async def test_half_a_certificate_stops_the_start(only: str) -> None:
    """A certificate without a key, or the reverse, is a mistake, not a wish to go without TLS."""
    with pytest.raises(BadSettings):
        async with listening(Keeper(), **{only: "/nowhere.pem"}):
            pass


async def test_an_unreadable_certificate_stops_the_start(tmp_path: Path) -> None:
    """Better no server than one that fails in each handshake."""
    missing = str(tmp_path / "missing.pem")
    with pytest.raises(BadSettings):
        async with listening(Keeper(), tls_certificate=missing, tls_key=missing):
            pass


async def test_stopping_lets_a_message_have_its_answer() -> None:
    """Who is in the middle of a message gets 250, who is idle 421, and nobody new comes in."""
    keeper = Keeper()
    keeper.open.clear()
    async with listening(keeper) as listener:
        busy, idle = await Talk.to(listener.port), await Talk.to(listener.port)
        await busy.begin()
        await idle.hear()
        busy.writer.write(STUFFED + b".\r\n")
        await keeper.arrived.wait()
        stopping = asyncio.create_task(listener.__aexit__(None, None, None))
        assert (await idle.hear()).startswith("421")
        with pytest.raises(OSError):
            await Talk.to(listener.port)
        keeper.open.set()
        assert (await busy.hear()).startswith("250")
        assert (await busy.hear()).startswith("421")
        await stopping
        await busy.close()
        await idle.close()
    assert len(keeper.kept) == 1


async def test_stopping_waits_only_so_long() -> None:
    """A message that never ends does not hold the service up."""
    keeper = Keeper()
    async with listening(keeper, drain=0.05) as listener:
        client = await Talk.to(listener.port)
        await client.begin()
    assert not await client.hear()
    await client.close()
    assert not keeper.kept
