"""What a report's codes and words mean, by the same rules as live answers (``replies.toml``)."""

from __future__ import annotations

import re
from typing import NamedTuple

from notifier.channels.email.replies import Reply, Report, Stage, classify_report

_CODE = re.compile(
    r"(?<![\d.\[/:-])(4(?:2[12]|3[0-2]|5[0-9]|71)|5(?:0[0-4]|1[0-7]|2[13]|3[0-58]|41|5[0-9]|71))(?=[ :;-]|$)"
)
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_ASKED = re.compile(
    r"(?:in reply to|after(?: pipelined)?|error in reply to|response to|>>>) (?:the )?(?:sending )?"
    r"(end of data|data|rcpt|mail|ehlo|helo|starttls|auth|initial)",
    re.IGNORECASE,
)
_STAGES: dict[str, Stage] = {
    "end of data": "body",
    "data": "body",
    "rcpt": "rcpt",
    "mail": "mail",
}
_ABOUT_US = "7"
_SAYS_NOTHING = ("refused", "try-later")


class Meaning(NamedTuple):
    """What was made of a report about one recipient. ``code`` is 0 and ``enhanced`` empty if it had none."""

    code: int
    enhanced: str
    reason: str

    @property
    def vague(self) -> bool:
        """Whether the reason says no more than that it failed."""
        return self.reason in _SAYS_NOTHING


def meaning_of(report: Report, text: str, status: str = "") -> Meaning:
    """Say what a report with this ``status`` field and this explanation means.

    Of several status codes one that says *policy* (x.7.x) goes first, wherever it stands: it is about the
    sender, and nothing that stands beside it makes an address dead. Then the one in the explanation, which is
    the last server's own, then the field's; one that says nothing (x.0.0) counts if there is no other. The
    SMTP code decides between temporary and permanent; without one, the status code does; without either, a
    failure is permanent.
    """
    codes: list[tuple[str, str, str]] = [*_STATUS.findall(text), *_STATUS.findall(status)]
    first = min(codes, key=_weight) if codes else ()
    enhanced = ".".join(first)
    found = _CODE.search(text) or _CODE.search(status)
    said = int(found[1]) if found else 0
    if said:
        code = said
    elif report == "delay":
        code = 450
    else:
        code = 450 if enhanced[:1] == "4" else 550
    asked = _ASKED.search(text)
    stage: Stage = _STAGES.get(asked[1].lower(), "session") if asked else "rcpt"
    words = text[found.end() :] if found and found.string is text else text
    reason = classify_report(report, stage, Reply(code, words or status), enhanced)
    if reason in _SAYS_NOTHING and words is not text:  # Some put the code behind the words.
        reason = classify_report(report, stage, Reply(code, text), enhanced)
    return Meaning(said, enhanced, reason)


def status_in(text: str) -> str:
    """Return the first status code in ``text``, or nothing."""
    found = _STATUS.search(text)
    return found[0] if found else ""


def _weight(code: tuple[str, str, str]) -> int:
    if code[1] == _ABOUT_US:
        return 0
    return 2 if code[1:] == ("0", "0") or code[0] == "2" else 1
