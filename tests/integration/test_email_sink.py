"""The loopback sink: what it takes, what it notes, and how scripts make it misbehave."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import aiosmtplib
import pytest

from notifier.channels.email.scripts import Script, load_scripts
from notifier.channels.email.sink import HOST, LoopbackSink
from notifier.errors import BadInput

CONTENT = b"Message-ID: <1@example.com>\r\n\r\nHello\r\n.\r\n.dotted\r\n"


async def hand_over(port: int, recipient: str = "a@example.com") -> str:
    """Hand one message over with a plain client and return the final answer."""
    async with aiosmtplib.SMTP(hostname=HOST, port=port, start_tls=False) as client:
        return (await client.sendmail("b@example.com", [recipient], CONTENT))[1]


async def test_the_sink_keeps_the_exact_message(tmp_path: Path) -> None:
    """Dots are unstuffed; memory and the log agree."""
    log = tmp_path / "accepted.jsonl"
    async with LoopbackSink(keep=True, log=log, log_content=True) as sink:
        await hand_over(sink.port)
    (kept,) = sink.accepted
    noted = json.loads(log.read_text())
    assert kept.content == CONTENT == noted["content"].encode()
    assert (noted["message_id"], noted["to"]) == ("<1@example.com>", ["a@example.com"])


async def test_a_script_defers_the_first_tries_of_each_recipient() -> None:
    """Twice no, then yes, counted for each recipient apart."""
    script = Script("*@slow.test", reply="450 4.2.0 later", times=2)
    async with LoopbackSink(scripts=[script]) as sink:
        for recipient in ("a@slow.test", "b@slow.test"):
            for _ in range(2):
                with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
                    await hand_over(sink.port, recipient)
            assert "kept" in await hand_over(sink.port, recipient)
    assert sink.replies == {450: 4, 250: 2}


@pytest.mark.parametrize(("drop", "kept"), [("before", 0), ("after", 1)])
async def test_a_script_loses_the_answer(drop, kept: int) -> None:
    """The connection goes at the final dot, with the message taken or not."""
    async with LoopbackSink(keep=True, scripts=[Script("*", stage="body", drop=drop)]) as sink:
        with pytest.raises(aiosmtplib.SMTPServerDisconnected):
            await hand_over(sink.port)
    assert len(sink.accepted) == kept


async def test_pipelined_commands_are_answered_in_order() -> None:
    """One write of many commands gets one answer each."""
    async with LoopbackSink(keep=True) as sink:
        reader, writer = await asyncio.open_connection(HOST, sink.port)
        envelope = b"MAIL FROM:<b@example.com>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n"
        writer.write(
            b"EHLO x\r\n"
            + envelope
            + CONTENT.replace(b"\r\n.", b"\r\n..")
            + b".\r\n"
            + envelope
            + b".\r\nQUIT\r\n"
        )
        codes = [line[:3] for line in (await reader.read()).splitlines() if line[3:4] == b" "]
        writer.close()
    assert codes == [b"220", b"250", b"250", b"250", b"354", b"250", b"250", b"250", b"354", b"250", b"221"]
    assert [message.content for message in sink.accepted] == [CONTENT, b""]


async def test_the_sink_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    """It says where it listens, logs what it takes and ends on SIGTERM."""
    log = tmp_path / "accepted.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "notifier.channels.email.sink", "--log", log, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    port = int((await process.stdout.readline()).rpartition(b":")[2])
    await hand_over(port)
    process.terminate()
    assert await process.wait() == 0
    assert len(log.read_text().splitlines()) == 1


@pytest.mark.parametrize("text", ["{", "[1]", '[{"match": "*", "color": "red"}]'])
def test_scripts_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    """A wrong file is wrong input, and the message names what may be given."""
    (tmp_path / "scripts.json").write_text(text)
    with pytest.raises(BadInput) as refused:
        load_scripts(tmp_path / "scripts.json")
    assert "match" in refused.value.advice()
