"""The inbound mail server and clients that mean no good: bounded in every way, and never out of order."""

from __future__ import annotations

import asyncio
import gc
import logging
import ssl
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.certificates import make_certificates
from tests.inlets import DOMAIN, PATH, STUFFED, Keeper, Talk, listening, nobody_in

pytestmark = pytest.mark.usefixtures("nothing_escapes")


@pytest.fixture
async def nothing_escapes() -> AsyncIterator[None]:
    """Fail when anything is left to the event loop to report."""
    escaped: list[dict] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: escaped.append(context))
    yield
    gc.collect()
    await asyncio.sleep(0)
    assert escaped == []


async def _works(port: int) -> bool:
    """Say whether an honest client is served."""
    client = await Talk.to(port)
    await client.begin()
    answer = await client.say(STUFFED + b".")
    await client.close()
    return answer.startswith("250")


async def test_a_message_that_says_it_is_too_big_is_refused_at_once() -> None:
    """SIZE in MAIL is believed, so no byte of it is sent."""
    async with listening(Keeper(), most_bytes=20_000) as listener:
        client = await Talk.to(listener.port)
        await client.hear()
        assert "SIZE 20000" in await client.say("EHLO client.test")
        assert (await client.say("MAIL FROM:<> SIZE=20001")).startswith("552")
        await client.close()


async def test_a_message_that_is_too_big_is_refused_for_good() -> None:
    """552 after the end; the next message of the same connection is taken."""
    keeper = Keeper()
    async with listening(keeper, most_bytes=20_000) as listener:
        client = await Talk.to(listener.port)
        await client.begin()
        assert (await client.say(b"x" * 70 + (b"\r\n" + b"x" * 70) * 400 + b"\r\n.")).startswith("552")
        for line in ("MAIL FROM:<>", f"RCPT TO:<{PATH}>", "DATA"):
            await client.say(line)
        assert (await client.say(STUFFED + b".")).startswith("250")
        await client.close()
    assert len(keeper.kept) == 1


async def test_a_line_without_end_takes_no_memory() -> None:
    """However much is sent, in a message or a command, a bounded part of it is held."""
    async with listening(Keeper(), most_bytes=20_000) as listener:
        for opening in (Talk.begin, Talk.hear):
            client = await Talk.to(listener.port)
            await opening(client)
            tracemalloc.start()
            with pytest.raises(ConnectionError):
                for _ in range(2000):
                    client.writer.write(b"x" * 10_000)
                    await client.writer.drain()
                    await asyncio.sleep(0)
            _now, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            await client.close()
            assert most < 3_000_000
        assert await _works(listener.port)


async def test_long_lines_of_real_bounces_are_taken() -> None:
    """A line may be longer than the 1000 characters that RFC 5321 allows: some servers write such."""
    keeper = Keeper()
    async with listening(keeper) as listener:
        client = await Talk.to(listener.port)
        await client.begin()
        assert (await client.say(b"Subject: x\r\n\r\n" + b"x" * 30_000 + b"\r\n.")).startswith("250")
        await client.close()
    assert len(keeper.kept[0][0]) == 30_016


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n"])
async def test_a_message_cannot_be_smuggled_within_another(end: bytes) -> None:
    """Only CR LF . CR LF ends a message; with bare line ends what follows is still its text."""
    keeper = Keeper()
    async with listening(keeper) as listener:
        client = await Talk.to(listener.port)
        await client.begin()
        inner = b"a" + end + f"MAIL FROM:<>\r\nRCPT TO:<postmaster@{DOMAIN}>\r\nDATA\r\nb".encode()
        assert (await client.say(inner + b"\r\n.")).startswith("250")
        await client.close()
    assert len(keeper.kept) == 1
    assert b"RCPT TO" in keeper.kept[0][0]


async def test_nul_and_eight_bits_are_passed_on() -> None:
    """What a message is worth is for its reader to say."""
    keeper = Keeper()
    body = bytes(code for code in range(256) if code not in b"\r\n") + b"\r\n"
    async with listening(keeper) as listener:
        client = await Talk.to(listener.port)
        await client.begin()
        assert (await client.say(b"\r\n" + body + b".")).startswith("250")
        await client.close()
    assert keeper.kept[0][0] == b"\r\n" + body


async def test_pipelined_commands_are_answered_in_order() -> None:
    """A client that does not wait gets every answer, also in one packet."""
    keeper = Keeper()
    async with listening(keeper) as listener:
        client = await Talk.to(listener.port)
        everything = f"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<nobody@{DOMAIN}>\r\nRCPT TO:<{PATH}>\r\nDATA\r\n"
        client.writer.write(everything.encode() + STUFFED + b".\r\nQUIT\r\n")
        answers = [(await client.hear())[:3] for _ in range(8)]
        await client.close()
    assert answers == ["220", "250", "250", "550", "250", "354", "250", "221"]
    assert len(keeper.kept) == 1


async def test_commands_before_starttls_are_forgotten_after_it(tmp_path: Path) -> None:
    """What was sent in the clear behind STARTTLS is never taken for something said under TLS."""
    made = make_certificates(tmp_path)
    trust = ssl.create_default_context(cafile=str(made.authority))
    async with listening(Keeper(), tls_certificate=str(made.certificate), tls_key=str(made.key)) as listener:
        client = await Talk.to(listener.port)
        await client.hear()
        await client.say("EHLO client.test")
        assert (await client.say("STARTTLS")).startswith("220")
        await client.writer.start_tls(trust, server_hostname="127.0.0.1")
        assert (await client.say("MAIL FROM:<>")).startswith("503")
        assert "STARTTLS" not in await client.say("EHLO client.test")
        assert (await client.say("STARTTLS")).startswith("503")
        assert (await client.say("NOOP")).startswith("250")
        await client.close()


@pytest.mark.parametrize("after", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n" * 9, b"EHLO again\r\n"])
@pytest.mark.parametrize("hang_up", [True, False])
async def test_a_handshake_that_goes_wrong_leaves_nothing(
    tmp_path: Path, after: bytes, hang_up: bool
) -> None:
    """A client that says no TLS, or nothing, or goes away, is forgotten."""
    made = make_certificates(tmp_path)
    files = {"tls_certificate": str(made.certificate), "tls_key": str(made.key)}
    async with listening(Keeper(), idle_seconds=0.2, **files) as listener:
        client = await Talk.to(listener.port)
        await client.hear()
        client.writer.write(b"EHLO x\r\nSTARTTLS\r\n")
        await client.hear()
        await client.hear()
        client.writer.write(after)
        if hang_up:
            await client.close()
        await nobody_in(listener)
        await client.close()


async def test_a_client_that_says_nothing_is_cut() -> None:
    """An idle connection goes after its time, and hears why."""
    async with listening(Keeper(), idle_seconds=0.05) as listener:
        client = await Talk.to(listener.port)
        assert (await client.hear()).startswith("220")
        assert (await client.hear()).startswith("421 4.4.2")
        await client.close()
    assert listener.counts["timeout"] == 1


async def test_a_message_that_never_ends_is_cut() -> None:
    """So does one in the middle of a message; whether it still hears why, the network decides."""
    async with listening(Keeper(), idle_seconds=0.2) as listener:
        client = await Talk.to(listener.port)
        await client.hear()
        client.writer.write(f"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{PATH}>\r\nDATA\r\nnever ending".encode())
        await nobody_in(listener)
        await client.close()
    assert listener.counts["timeout"] == 1


async def test_a_client_that_does_not_read_is_cut() -> None:
    """Answers that nobody fetches hold nothing up."""
    async with listening(Keeper(), idle_seconds=0.2) as listener:
        client = await Talk.to(listener.port)
        client.writer.transport.pause_reading()
        client.writer.write(b"EHLO x\r\n" * 100_000)
        await nobody_in(listener)
        client.writer.transport.abort()


async def test_a_hundred_guesses_are_not_answered() -> None:
    """Whoever tries addresses, or commands, one after the other is sent away after twenty."""
    for line in (
        f"RCPT TO:<guess@{DOMAIN}>",
        "SMUGGLE ME",
        "VRFY <root>",
        "AUTH PLAIN AGEAYg==",
        "HELP",
        "NOOP x",
    ):
        async with listening(Keeper()) as listener:
            client = await Talk.to(listener.port)
            await client.hear()
            await client.say("EHLO x")
            await client.say("MAIL FROM:<>")
            answers = []
            while answer := await client.say(line):
                answers.append(answer)
                assert len(answers) < 40
            await client.close()
        assert all("@" not in one and "SMUGGLE" not in one and "root" not in one for one in answers)


async def test_more_connections_than_the_limit_are_put_off() -> None:
    """Thousands at once: 50 are served, the others hear 421, and afterwards there is room again."""
    async with listening(Keeper(), most_connections_per_client=1000) as listener:
        greetings: list[str] = []
        inside: list[Talk] = []
        for _ in range(20):
            clients = await asyncio.gather(*(Talk.to(listener.port) for _ in range(100)))
            heard = await asyncio.gather(*(client.hear() for client in clients))
            greetings += [one[:3] for one in heard]
            for client, greeting in zip(clients, heard, strict=True):
                if greeting.startswith("220"):
                    inside.append(client)
                else:
                    await client.close()
        assert (greetings.count("220"), greetings.count("421")) == (50, 1950)
        for client in inside:
            await client.say("QUIT")
            await client.close()
        assert await _works(listener.port)
    assert listener.counts["full"] == 1950


async def test_one_client_cannot_take_all_connections() -> None:
    """Each address has its share."""
    async with listening(Keeper(), most_connections_per_client=2) as listener:
        clients = [await Talk.to(listener.port) for _ in range(3)]
        assert [(await client.hear())[:3] for client in clients] == ["220", "220", "421"]
        for client in clients:
            await client.close()


async def test_a_client_that_goes_away_while_its_message_is_recorded() -> None:
    """It hears nothing, comes again, and is served."""
    keeper = Keeper()
    keeper.open.clear()
    async with listening(keeper) as listener:
        client = await Talk.to(listener.port)
        await client.begin()
        client.writer.write(STUFFED + b".\r\n")
        await keeper.arrived.wait()
        await client.close()
        keeper.open.set()
        assert await _works(listener.port)


@given(st.lists(st.one_of(st.binary(max_size=200), st.sampled_from([
    b"EHLO x\r\n", b"MAIL FROM:<>\r\n", f"RCPT TO:<{PATH}>\r\n".encode(), b"DATA\r\n", b".\r\n", b"RSET\r\n",
    b"MAIL FROM:<> SIZE=\xc2\xb2\r\n", b"MAIL FROM:<> SMTPUTF8=1\r\n", b'RCPT TO:<"\\\r\n', b"STARTTLS\r\n",
    b"BDAT 1 LAST\r\n", b"\0\0\r\n", b"\xff\xfe\n", b"HELO \xff\r\n",
])), max_size=30))  # fmt: skip
@settings(max_examples=60)
def test_no_bytes_put_it_out_of_order(parts: list[bytes]) -> None:
    """Whatever a client says, nothing escapes, every line is answered as SMTP, and the next one is served."""
    escaped: list[dict] = []

    async def talk() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: escaped.append(context))
        async with listening(Keeper(), drain=0) as listener:
            client = await Talk.to(listener.port)
            client.writer.write(b"".join(parts))
            client.writer.write_eof()
            answers = await asyncio.wait_for(client.reader.read(), 10)
            assert all(line[:3].isdigit() for line in answers.splitlines())
            await client.close()
            assert await _works(listener.port)

    asyncio.run(talk())
    assert escaped == []


async def test_aiosmtpd_logs_nothing_of_what_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Its own log, which holds commands with their addresses, stays silent even where all is logged."""
    caplog.set_level(logging.DEBUG)
    async with listening(Keeper()) as listener:
        assert await _works(listener.port)
    assert PATH not in caplog.text
    assert "did not arrive" not in caplog.text
