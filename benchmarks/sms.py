"""What handing texts over costs: the SMS channel beside a bare aiohttp loop, to the loopback double.

``python benchmarks/sms.py`` prints both. The double runs as a process of its own; the bare loop posts one
prebuilt form over and over and looks at the status only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

import aiohttp
from pydantic import SecretStr

from notifier.channels import Envelope, OutcomeKind
from notifier.channels.sms import count
from notifier.channels.sms.double import ACCOUNT, AUTH_TOKEN
from notifier.channels.sms.double_scripts import SENDER
from notifier.channels.sms.twilio import TwilioChannel
from notifier.settings import SmsSenderSettings, SmsSettings

TEXT = (
    "Example Company: security notice about your account: 3F9A02BC77D1E04B. Sign in and open Notices, "
    "or call +44 20 7946 0000. We never ask for your password."
)
CALLBACK = "https://notify.example.com/sms/status/3f9a02bc77d1e04b-1-abcdefghijklmnop"


@dataclass(frozen=True)
class Figure:
    """One measurement: messages a second, and CPU of this process for each."""

    name: str
    messages: int
    per_second: float
    cpu_us: float


@asynccontextmanager
async def double(wait: float) -> AsyncIterator[str]:
    """Run the loopback double in a process of its own; yields its address."""
    arguments = ("-m", "notifier.channels.sms.double", "--wait", str(wait))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://{(await process.stdout.readline()).decode().strip()}"
    finally:
        process.terminate()
        await process.wait()


async def measured(name: str, messages: int, lanes: int, send: Callable[[int], Awaitable[None]]) -> Figure:
    """Send so many messages in so many lanes at once."""
    left = iter(range(messages))

    async def lane() -> None:
        for number in left:
            await send(number)

    wall, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(lanes):
            group.create_task(lane())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Figure(f"{name}, {lanes} at once", messages, messages / wall, cpu / messages * 1e6)


async def bare(url: str, lanes: int, messages: int) -> Figure:
    """Post the same form with nothing but aiohttp."""
    form = {"To": "+14155550100", "From": SENDER, "Body": TEXT, "StatusCallback": CALLBACK}
    path = f"{url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT, AUTH_TOKEN)}
    connector = aiohttp.TCPConnector(limit=lanes)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:

        async def send(_number: int) -> None:
            async with session.post(path, data=form) as answer:
                await answer.json()
                if answer.status != 201:
                    raise RuntimeError(str(answer.status))

        await send(0)
        return await measured("bare aiohttp", messages, lanes, send)


async def channel(url: str, lanes: int, messages: int) -> Figure:
    """Hand messages over through the channel."""
    settings = SmsSettings(
        provider="twilio",
        account_sid=ACCOUNT,
        auth_token=SecretStr(AUTH_TOKEN),
        senders=(SmsSenderSettings(sender=SENDER),),
        max_connections=lanes,
    )
    async with TwilioChannel(settings, base_url=url) as ready:

        async def send(number: int) -> None:
            outcome = await ready.send(Envelope(f"+1415555{number % 10_000:04}", CALLBACK, TEXT.encode()))
            if outcome.kind is not OutcomeKind.ACCEPTED:
                raise RuntimeError(outcome.reason)

        await send(0)
        return await measured("SMS channel", messages, lanes, send)


def counting(messages: int) -> Figure:
    """Count the segments of a text, as ``send`` does before each hand-over."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(messages):
        count(TEXT)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Figure("counting segments", messages, messages / wall, cpu / messages * 1e6)


async def compare(messages: int, wait: float) -> list[Figure]:
    """Measure both, one after the other, against the same double."""
    figures = []
    async with double(wait) as url:
        for lanes in (1, 20, 50):
            figures += [await bare(url, lanes, messages), await channel(url, lanes, messages)]
    return [*figures, counting(messages)]


def main() -> None:
    """Print the figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000, help="messages in each run")
    parser.add_argument("--wait", type=float, default=0, help="seconds before each of the double's answers")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = asyncio.run(compare(arguments.count, arguments.wait))
    if arguments.json:
        json.dump([asdict(figure) for figure in figures], sys.stdout)
        return
    print("| | messages/s | CPU a message, µs |\n|---|---:|---:|")
    for figure in figures:
        print(f"| {figure.name} | {figure.per_second:,.0f} | {figure.cpu_us:,.0f} |")


if __name__ == "__main__":
    main()
