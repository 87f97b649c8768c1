"""Bounces that are written for people only; flufl.bounce knows many servers' ways of naming the address."""

from __future__ import annotations

import logging
import re
from datetime import datetime
from email import message_from_bytes

from flufl.bounce import all_failures

from notifier.channels.email.inbound.fate import Fate
from notifier.channels.email.inbound.fields import address_in, readable_words
from notifier.channels.email.inbound.notice import Notice
from notifier.channels.email.inbound.parts import Part
from notifier.channels.email.replies import Report
from notifier.channels.receipts import ReceiptKind

_LONGEST = 16_384
_LONGEST_LINE = 320
_SPACES = re.compile(rb"[ \t]{9,}")
_MOST_ADDRESSES = 20
_SENDER = re.compile(
    "mailer.?daemon|mail.?delivery|postmaster|mdaemon|delivery.?subsystem|mail.?system|e500_smtp|<>",
    re.IGNORECASE,
)
_SUBJECTS = (
    *("undeliver", "not.{0,12}deliver", "unable to deliver", r"fail\w* (?:mail|notice|delivery)"),
    r"deliver\w* .{0,20}(?:fail|problem|error|status|report|notification|warning|delay)",
    *("mail (?:failed|error)", "returned (?:mail|to sender)", "rejected mail", "non.?delivery"),
    r"(?:mail|message|notification).{0,30}delay(?:ed)?\b",
    *("unzustellbar", "non.?remis", "non recens", "chec de (?:la )?(?:remise|distribution)"),
    *("mancata consegna", "no (?:se )?(?:ha |pudo )?.{0,10}entreg", "تعذر", "डिलीवर नहीं"),
)
_SUBJECT = re.compile("|".join(_SUBJECTS), re.IGNORECASE)
_FAILURES = (
    *("undeliver", r"deliver\w*.{0,40}(?:fail|abort|error)", "permanent.{0,20}error", "returned to sender"),
    r"(?:not|n.t|unable|cannot|fail\w*)\b.{0,60}(?:deliver|reach the following)",
    *("nicht .{0,30}zugestellt", "pas (?:pu |.t. ).{0,30}(?:remis|livr)", "no .{0,20}entregad"),
)
_FAILED = re.compile("|".join(_FAILURES), re.IGNORECASE | re.DOTALL)
_DELAYS = (
    *("not yet been delivered", "delayed", "still (?:being|awaiting)", "attempts will", "warning only"),
    *("will (?:be retried|keep trying|continue)", "has been postponed", "verz(?:ö|oe)gert"),
)
_DELAYED = re.compile("|".join(_DELAYS), re.IGNORECASE)
_log = logging.getLogger("flufl.bounce")


def sent_by_a_server(message: Part) -> bool:
    """Say whether its header shows a message to be a mail server's own."""
    fields = message.fields
    return (
        message.kind == "multipart/report"
        or "x-failed-recipients" in fields
        or bool(_SENDER.search(fields.get("from")))
    )


def titled_as_a_bounce(message: Part) -> bool:
    """Say whether a message's subject speaks of a delivery that has failed or is late."""
    return bool(_SUBJECT.search(readable_words(message.fields.get("subject"))))


def fates_in_prose(content: bytes, notice: Notice, occurred_at: datetime | None, marked: bool) -> list[Fate]:
    """Return what a bounce says for each address in it, at most twenty.

    Where it is ``marked`` as a bounce and says that something failed, but names no address, there is one
    fate without address: it may still prove which delivery it is about.
    """
    delayed, failed = _addresses(content)
    named: list[tuple[str, Report]] = [(one, "failure") for one in failed]
    named += [(one, "delay") for one in delayed if one not in failed]
    if not named and marked:
        said = f"{notice.subject}\n{notice.text}"
        if _DELAYED.search(said):
            named = [("", "delay")]
        elif _FAILED.search(said):
            named = [("", "failure")]
    return [_fate(report, address, notice, occurred_at) for address, report in named[:_MOST_ADDRESSES]]


def _fate(report: Report, address: str, notice: Notice, occurred_at: datetime | None) -> Fate:
    kind = ReceiptKind.BOUNCED if report == "failure" else ReceiptKind.DELAYED
    meaning, text = notice.meaning(report, (address,))
    return Fate(kind, address, "", *meaning, text, occurred_at)


def _addresses(content: bytes) -> tuple[list[str], list[str]]:
    """Ask flufl.bounce which addresses are delayed and which have failed.

    Its patterns take a time that grows with the square of a line's or a gap's length, so both are cut, and
    no more than the beginning is shown to it. It logs what it tries; nothing of a message may stand in a log.
    """
    _log.disabled = True
    lines = _SPACES.sub(b" " * 8, content[:_LONGEST]).split(b"\n")
    try:
        found = all_failures(message_from_bytes(b"\n".join(line[:_LONGEST_LINE] for line in lines)))
    except Exception:  # noqa: BLE001 - Whatever a stranger's bytes do to the parsers, they say nothing then.
        return [], []
    delayed, failed = ({address_in(one.decode("ascii", "replace")) for one in group} for group in found)
    return sorted(delayed - {""}), sorted(failed - {""})
