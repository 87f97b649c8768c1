"""Reports read per second and CPU each, by sort of report.

python -m benchmarks.inbound [seconds for each row]
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Sequence
from email import message_from_bytes
from pathlib import Path

from notifier.channels.email.inbound import Reader
from notifier.channels.email.return_path import ReturnPaths
from notifier.keys import Keys

SAMPLES = Path(__file__).parents[1] / "tests" / "data" / "bounces"
PATHS = ReturnPaths(Keys.generate(), "bounces.example.com")
TOKEN = PATHS.make("3F9A02BC77D1E04B", 2)
NOTICE_BYTES = 7_000
"""A notice's size, as in the benchmark of the whole path; servers return it whole."""


def written(*names: str) -> list[bytes]:
    """Return samples of ours, each with a notice of the usual size where it returns one."""
    made = []
    for name in names:
        content = (SAMPLES / "written" / f"{name}.eml").read_bytes().replace(b"RETURN-PATH", TOKEN.encode())
        body = (
            b"\n\n"
            + b"A line of the notice that the server has returned, as long as such lines are.\n"
            * (NOTICE_BYTES // 78)
        )
        made.append(content.replace(b"\n\nHello\n", body).replace(b"\n", b"\r\n"))
    return made


def rows() -> list[tuple[str, list[bytes]]]:
    """Return the sorts of report."""
    found = sorted((SAMPLES / "flufl").glob("*.txt"))
    every = [path.read_bytes() for path in found]
    structured = [one for one in every if b"elivery-status" in one.lower() and b"\naction:" in one.lower()]
    return [
        (
            "status report (RFC 3464) that returns the notice",
            written("sendmail-dead", "gmail-dead", "exim-dsn"),
        ),
        ("the same without the notice", written("token-in-status", "no-token")),
        ("complaint (RFC 5965)", written("yahoo-abuse", "aol-abuse-redacted")),
        ("bounce for people, with the notice", written("qmail-dead", "exim-text")),
        ("automatic answer", written("vacation-en", "vacation-marked", "vacation-hi")),
        ("a person's mail", written("human")),
        ("flufl.bounce's corpus, RFC 3464", structured),
        ("flufl.bounce's corpus, all", every),
        ("made to be slow", hostile()),
    ]


def hostile() -> list[bytes]:
    """Return messages that ask as much work as one may: many recipients, patterns that almost match."""
    head = b"From: MAILER-DAEMON@mx.example.org\nContent-Type: multipart/report; boundary=x\n\n--x\n\n"
    status = b"\n--x\nContent-Type: message/delivery-status\n\n"
    block = b"\nFinal-Recipient: rfc822; r%d@example.org\nAction: failed\nDiagnostic-Code: smtp; %s\n"
    dots = head + b"." * 16_000 + status + b"".join(block % (n, b"." * 900) for n in range(64))
    prose = b"From: MAILER-DAEMON@mx.example.org\n\nYour message could not be delivered to\n"
    return [dots, prose + (b"<" * 320 + b"\n") * 100, prose + (b"a" * 320 + b"\n") * 100]


def per_call(act: Callable[[bytes], object], messages: Sequence[bytes], seconds: float) -> float:
    """Return the CPU seconds of one call, averaged over at least ``seconds``; the best of three."""
    best = float("inf")
    for _ in range(3):
        calls, start = 0, time.process_time()
        while (spent := time.process_time() - start) < seconds / 3 or not calls:
            for one in messages:
                act(one)
            calls += len(messages)
        best = min(best, spent / calls)
    return best


def main() -> None:
    """Print the table."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.5
    reader = Reader(PATHS)
    print(f"Python {platform.python_version()}\n")
    print("| report | bytes | CPU each, µs | a second, one core | Python's parser alone, µs |")
    print("|---|---:|---:|---:|---:|")
    for name, messages in rows():
        cpu = per_call(reader.read, messages, seconds)
        parser = per_call(message_from_bytes, messages, seconds)
        size = sum(map(len, messages)) // len(messages)
        print(f"| {name} | {size:,} | {cpu * 1e6:,.0f} | {1 / cpu:,.0f} | {parser * 1e6:,.0f} |")


if __name__ == "__main__":
    main()
