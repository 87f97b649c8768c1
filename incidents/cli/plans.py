"""What the commands that draft announcements share: when it goes out, how carefully, and the later steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from incidents import store
from incidents.records.moments import EXAMPLES, Moment
from notifier.clock import to_instant
from notifier.errors import BadInput

Start = Annotated[str, typer.Option(help="When the first wave starts, with its zone; else at release.")]
Canary = Annotated[int, typer.Option(min=0, help="People of a small first wave.")]
CanaryHold = Annotated[
    int, typer.Option(min=0, help="Minutes to wait after it; 0 waits for an operator to resume.")
]
Waves = Annotated[int, typer.Option(min=1, help="In how many waves the others are told.")]
Every = Annotated[int, typer.Option(min=0, help="Minutes from wave to wave.")]
Window = Annotated[str, typer.Option(help="Hours of the recipient's day, such as 08:00-21:00.")]
Deadline = Annotated[str, typer.Option(help="By when everybody is to be told, with its zone.")]
Then = Annotated[
    list[str] | None,
    typer.Option(
        help="A later step, in order: CHANNEL:WHEN[:HOURS], such as sms:unreached or"
        " email:unacknowledged:48. `none` for none; else the usual ones for the channels set up."
    ),
]
SmsHours = Annotated[str, typer.Option(help="When texts go, by the reader's clock.")]
SMS_HOURS = "08:00-21:00"
SmsAnyTime = Annotated[str, typer.Option(help="Texts go at any hour; say why.")]


@dataclass(frozen=True, slots=True)
class Options:
    """What was written of a plan."""

    start: str
    canary: int
    canary_hold: int
    waves: int
    every: int
    window: str
    deadline: str
    sms_hours: str
    sms_any_time: str

    def read(self) -> dict[str, Any]:
        """Return the plan without its later steps; what is written wrong is ``BadInput``."""
        return {
            "start": _instant("--start", self.start),
            "canary": self.canary,
            "canary_hold_minutes": self.canary_hold,
            "waves": self.waves,
            "wave_every_minutes": self.every,
            "window": _hours(self.window),
            "deadline": _instant("--deadline", self.deadline),
            "sms_window": None if self.sms_any_time else _hours(self.sms_hours),
            "sms_any_time": self.sms_any_time,
        }


def _instant(option: str, written: str) -> int:
    if not written:
        return 0
    try:
        instant = to_instant(Moment.read(written).at)
    except ValueError as error:
        raise BadInput(f"{option} {error}", advice=f"Write it like {EXAMPLES}.") from None
    if instant > store.LATEST:
        raise BadInput(f"{option} is more than a lifetime away", advice="Check its year.")
    return instant


def _hours(written: str) -> dict[str, str] | None:
    if not written:
        return None
    opens, dash, closes = written.partition("-")
    if not dash:
        raise BadInput("hours are no pair of times", advice="Write them like 08:00-21:00.")
    return {"from": opens.strip(), "to": closes.strip()}
