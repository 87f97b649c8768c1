"""``python -m benchmarks``: the whole path beside a bare aiosmtplib loop, in one run.

Prints the table that stands in docs/reference/benchmarks.md and writes ``build/bench.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import audit, smtp
from benchmarks.whole_path import Stage, WholePath

PREFLIGHT = "preflight: render, check, seal"
AFTER_IMPORT = ("choose", "freeze", PREFLIGHT, "sign off", "plan", "send, state, audit")


@dataclass(frozen=True)
class Result:
    """What one run found."""

    people: int
    stages: list[Stage]
    bare: smtp.Figure
    audit_us: float
    notice_bytes: int

    def of(self, *names: str) -> tuple[float, float]:
        """Return seconds and CPU seconds of some stages together."""
        chosen = [stage for stage in self.stages if stage.name in names]
        return sum(stage.seconds for stage in chosen), sum(stage.cpu_seconds for stage in chosen)


async def measure(people: int, folder: Path) -> Result:
    """Run the whole path, then the bare loop twice with messages of the same size, then the trail alone."""

    def say(stage: Stage) -> None:
        print(f"  {stage.name}: {stage.seconds:.1f} s, {stage.cpu_us:.0f} us CPU each", file=sys.stderr)

    async with smtp.smtp_sink() as port:
        count = min(10_000, max(2_000, people // 10))
        path = WholePath(folder / "home", people, port, say)
        await path.run()
        bare = [await smtp.bare_best(port, count, smtp.message(path.notice_bytes)) for _ in range(2)]
    costs = await audit.measure(
        f"sqlite+aiosqlite:///{folder}/audit.db", folder / "audit", events=min(people, 50_000), commit=100
    )
    return Result(
        people=people,
        stages=path.stages,
        bare=max(bare, key=lambda figure: figure.per_second),
        audit_us=costs[0].cpu_us + costs[1].cpu_us,
        notice_bytes=path.notice_bytes,
    )


def table(result: Result) -> str:
    """Return the Markdown table."""
    lines = ["| stage | seconds | rows/s | CPU per row, µs | peak memory, MB |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {stage.name} | {stage.seconds:,.1f} | {stage.per_second:,.0f} | {stage.cpu_us:,.0f} "
        f"| {stage.peak_mb} |"
        for stage in result.stages
    ]
    seconds, cpu = result.of(*AFTER_IMPORT)
    without = [name for name in AFTER_IMPORT if name != PREFLIGHT]
    send_seconds, send_cpu = result.of(*without)
    people = result.people
    lines += [
        f"| **whole path** (all but the import) | {seconds:,.1f} | **{people / seconds:,.0f}** "
        f"| **{cpu / people * 1e6:,.0f}** | |",
        f"| the same without preflight | {send_seconds:,.1f} | {people / send_seconds:,.0f} "
        f"| {send_cpu / people * 1e6:,.0f} | |",
        f"| of it the audit trail (one entry a notice) | | | {result.audit_us:,.0f} | |",
        f"| {result.bare.name} | | {result.bare.per_second:,.0f} | {result.bare.cpu_us:,.0f} | |",
    ]
    return "\n".join(lines)


def summary(result: Result) -> dict[str, float | int]:
    """Return what build/bench.json holds."""
    seconds, cpu = result.of(*AFTER_IMPORT)
    _, preflight = result.of(PREFLIGHT)
    return {
        "people": result.people,
        "notices_per_second": round(result.people / seconds, 1),
        "cpu_us_per_notice": round(cpu / result.people * 1e6, 1),
        "preflight_cpu_us_per_notice": round(preflight / result.people * 1e6, 1),
        "audit_cpu_us_per_notice": round(result.audit_us, 1),
        "bare_aiosmtplib_per_second": round(result.bare.per_second, 1),
        "peak_mb": max(stage.peak_mb for stage in result.stages),
        "notice_bytes": result.notice_bytes,
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    given = parser.parse_args()
    Path("build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="build") as scratch:
        result = asyncio.run(measure(given.people, Path(scratch).absolute()))
    cores = os.cpu_count()
    print(
        f"{result.people:,} people, notices of {result.notice_bytes:,} bytes, Python "
        f"{platform.python_version()}, {cores} cores\n"
    )
    print(table(result))
    Path("build/bench.json").write_text(json.dumps(summary(result), indent=1) + "\n")


if __name__ == "__main__":
    main()
