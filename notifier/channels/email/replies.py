"""What a mail server's answer means for the delivery; the knowledge is in ``replies.toml``."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from notifier.channels import OutcomeKind

Stage = Literal["session", "mail", "rcpt", "data", "body"]
"""What a live answer was given to."""
Report = Literal["failure", "delay"]
"""What a later report says: it will not arrive, or it has not arrived yet."""
_ENHANCED = re.compile(r"(?:^|[\s(\[#])([245])\.(\d{1,3})\.(\d{1,3})(?![.\d])")
_ADDRESS = re.compile(r"<?[^\s<>@]{1,64}@[^\s<>@:;,]{1,255}>?")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Reply(NamedTuple):
    """One whole answer of a server: its code and its text, lines parted by LF, codes taken off."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means."""

    kind: OutcomeKind
    reason: str = ""
    enhanced: str = ""
    retry_after: float | None = None
    slows: Literal["", "relay", "site"] = ""
    asked: float | None = None
    """Seconds that the answer itself asked us to wait."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the data file; the conditions that are empty hold always."""

    reason: str
    means: str
    codes: tuple[int, ...] = ()
    enhanced: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    text: re.Pattern[str] | None = None
    kind: OutcomeKind | None = None
    slows: Literal["", "relay", "site"] = ""
    wait: float | None = None

    def holds(self, stage: Stage | Report, code: int, status: str, text: str) -> bool:
        """Say whether all conditions hold."""
        return bool(
            (not self.codes or code in self.codes or code // 100 in self.codes)
            and (not self.stages or stage in self.stages)
            and (
                not self.enhanced
                or status in self.enhanced
                or f"{status.rpartition('.')[0]}.*" in self.enhanced
            )
            and (self.text is None or self.text.search(text))
        )


class Rules(NamedTuple):
    """The data file, read."""

    rules: tuple[Rule, ...]
    waiting: re.Pattern[str]
    longest: float


@cache
def rules() -> Rules:
    """Read the data file, once."""
    data = tomllib.loads(files(__package__).joinpath("replies.toml").read_text(encoding="utf-8"))
    waiting = data["waiting"]
    return Rules(
        tuple(_rule(**entry) for entry in data["rule"]),
        re.compile(waiting["pattern"], re.IGNORECASE),
        waiting["longest"],
    )


def _rule(**entry: Any) -> Rule:
    entry |= {name: tuple(entry.get(name, ())) for name in ("codes", "enhanced", "stages")}
    if "text" in entry:
        entry["text"] = re.compile(entry["text"], re.IGNORECASE)
    if "kind" in entry:
        entry["kind"] = OutcomeKind(entry["kind"])
    return Rule(**entry)


def enhanced_code(text: str) -> str:
    """Return the first enhanced status code of an answer, or nothing."""
    found = _ENHANCED.search(text)
    return ".".join(found.groups()) if found else ""


def classify(stage: Stage, reply: Reply) -> Verdict:
    """Say what an answer to ``stage`` means. Only 2xx to a body is ``accepted``; what is no SMTP is not."""
    code, text = reply
    enhanced = enhanced_code(text)
    if code // 100 == 2 and stage == "body":
        return Verdict(OutcomeKind.ACCEPTED, enhanced=enhanced)
    if code // 100 not in (4, 5):
        return Verdict(OutcomeKind.DEFERRED, "relay-trouble", enhanced, slows="relay")
    # Where the two disagree, the reply code decides the class (RFC 2034, section 4).
    status = f"{code // 100}{enhanced[1:]}" if enhanced else ""
    words = _ADDRESS.sub("@", text) if "@" in text else text
    for rule in rules().rules:
        if rule.holds(stage, code, status, words):
            kind = rule.kind or (OutcomeKind.DEFERRED if code < 500 else OutcomeKind.REJECTED)
            asked = waiting_time(text) if kind is OutcomeKind.DEFERRED else None
            return Verdict(kind, rule.reason, enhanced, asked or rule.wait, rule.slows, asked)
    raise AssertionError("the last rules of replies.toml hold for every 4xx and 5xx")


def classify_report(report: Report, stage: Stage, reply: Reply, enhanced: str) -> str:
    """Return the reason that a report gives: what a ``reply`` means that another server got at ``stage``.

    ``enhanced`` is the status code that counts; its class is that of the reply. The same rules decide as for
    a live answer, and those that are for reports alone. What has failed stays failed: 5.7.x is *about-us*
    here too, but nobody will try that message again.
    """
    code, text = reply
    status = f"{code // 100}{enhanced[1:]}" if enhanced else ""
    words = _ADDRESS.sub("@", text) if "@" in text else text
    for rule in rules().rules:
        if rule.holds(stage, code, status, words) or (
            report in rule.stages and rule.holds(report, code, status, words)
        ):
            return rule.reason
    raise AssertionError("the last rules of replies.toml hold for every 4xx and 5xx")


def waiting_time(text: str) -> float | None:
    """Return the seconds that an answer asks us to wait, at most a day; None if it names no time."""
    found = rules().waiting.search(text)
    if found is None:
        return None
    if found["clock"]:
        hours, minutes, seconds = map(int, found["clock"].split(":"))
        wait = hours * 3600 + minutes * 60 + seconds
    else:
        wait = int(found["number"]) * _SECONDS[found["unit"].lower()]
    return float(min(wait, rules().longest))
