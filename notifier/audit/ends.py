"""What verification holds against the course that the trail tells: deliveries, announcements, holds;
and against single entries: who signed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from notifier.audit.actions import AuditAction
from notifier.audit.course import Announced, Course, Told
from notifier.audit.report import Facts, Report
from notifier.deliveries import WAITING, State
from notifier.store import Transaction

WANTED = frozenset({AuditAction.ANNOUNCEMENT_APPROVED.value, AuditAction.ANNOUNCEMENT_APPROVAL_VOIDED.value})
_SIGNED = ("announcement", "actor", "people", "audience_digest", "texts_digest", "plan_digest",
           "channels_digest", "expires_at")  # fmt: skip
_UNRELEASED = frozenset({"draft", "preflighted", "approved", "countdown"})
_NOBODY = Told(State.PLANNED, 0, 0, "", "")
_DELIVERIES = (
    "SELECT d.reference, d.state, d.attempts, n.code AS announcement, m.uid AS member,"
    " CASE WHEN d.customer_id = m.customer_id AND (d.step <> 0 OR d.contact_point_id = m.contact_point_id)"
    " AND m.audience_id = n.audience_id AND t.reference = d.reference AND t.member_id = d.member_id"
    " AND t.announcement_id = d.announcement_id AND t.channel = d.channel AND t.occasion = d.occasion"
    " THEN 1 ELSE 0 END AS fits"
    " FROM delivery d LEFT JOIN announcement n ON n.id = d.announcement_id"
    " LEFT JOIN audience_member m ON m.id = d.member_id LEFT JOIN notice t ON t.id = d.notice_id"
    " ORDER BY d.id"
)


async def deliveries(tx: Transaction, report: Report, course: Course) -> None:
    """Check that each delivery is its member's, and stands where its entries leave it; that none is missing.

    No receipts are taken: a delivery that is ``delivered`` or ``bounced`` has nothing to show for it.
    """
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    spoken_of = 0
    async for part in tx.stream(_DELIVERIES):
        told = course.told(row.reference for row in part)
        spoken_of += len(told)
        for row in part:
            said = told.get(row.reference, _NOBODY)
            about = course.announcements.get(row.announcement, Announced())
            wrong = _wrong(row, said, about)
            if wrong:
                report.add("delivery-differs", f"the trail does not say that {row.reference} {wrong}")
            here = counted[row.announcement]
            here["deliveries"] += 1
            here["opened"] += row.attempts
            here["cancelled"] += row.state == State.CANCELLED
            here["held"] += row.state == State.HELD and said.state == State.UNKNOWN
    if (lost := course.deliveries() - spoken_of) > 0:
        report.add("delivery-lost", f"deliveries that entries speak of and that are not in the store: {lost}")
    for code in sorted({*course.announcements, *counted}, key=str):
        _numbers(report, code, course.announcements.get(code, Announced()), counted[code])


def _wrong(row: Any, said: Told, about: Announced) -> str:
    """Say what of a delivery its entries do not say."""
    if not row.fits:
        return "is the one of its member's notice"
    if said is not _NOBODY and (said.announcement, said.member) != (row.announcement, row.member):
        return "is that member's"
    expected = {said.state}
    if said.place < about.rest_cancelled and said.state in WAITING:
        # What was answered while the rest was being cancelled is cancelled a minute later.
        expected.add(State.HELD if said.state == State.UNKNOWN else State.CANCELLED)
    open_now = row.state == State.HANDING_OVER
    if not (row.state in expected or (open_now and said.state in WAITING)):
        return f"is {row.state}"
    if row.attempts != said.attempts + open_now:
        return f"was handed over {row.attempts} times"
    return ""


def _numbers(report: Report, code: str, about: Announced, counted: Counter[str]) -> None:
    """Check an announcement's deliveries as a whole."""
    if counted["deliveries"] != about.planned:
        report.add(
            "delivery-lost" if counted["deliveries"] < about.planned else "delivery-unrecorded",
            f"deliveries of {code} now: {counted['deliveries']}, released: {about.planned}",
        )
    wrong = {
        "hand-overs opened": counted["opened"] != about.opened,
        "deliveries cancelled": counted["cancelled"] != about.cancelled,
        "deliveries held by cancelling": counted["held"] > about.held,
    }
    for name in (name for name, differs in wrong.items() if differs):
        report.add("announcement-differs", f"{code}: not as many {name} as recorded")


async def announcements(tx: Transaction, report: Report, course: Course) -> None:
    """Check that each announcement stands where its entries leave it, and that they can be true."""
    for row in await tx.rows("SELECT code, state, control FROM announcement ORDER BY id"):
        about = course.announcements.get(row.code, Announced())
        fits = row.state == about.phase if about.phase else row.state in _UNRELEASED
        if not fits:
            report.add("announcement-differs", f"the trail does not say that {row.code} is {row.state}")
        elif about.phase != "closed" and row.control != about.control:
            report.add(
                "announcement-differs", f"the trail does not say that {row.code} was told to {row.control}"
            )
    for code, about in course.announcements.items():
        for wrong in about.wrong:
            report.add("announcement-contradicts", f"{code}: {wrong}")


async def holds(tx: Transaction, report: Report, course: Course) -> None:
    """Check that each hold was opened, taken and ended as recorded, and none is lost."""
    known = set()
    for row in await tx.rows(
        "SELECT h.id, h.kind, h.owner, h.taken_by, h.ended_by, h.ended_at, n.code FROM hold h"
        " LEFT JOIN announcement n ON n.id = h.announcement_id ORDER BY h.id"
    ):
        known.add(row.id)
        said = course.holds.get(row.id)
        if (
            said is None
            or (row.code, row.kind, row.owner, row.ended_by)
            != (said.announcement, said.kind, said.owner, said.ended_by)
            or (row.ended_at is None) != (not said.ended_by)
            # It is nobody's again where its reason changed.
            or row.taken_by not in {"", *said.takers}
        ):
            report.add("hold-differs", f"the hold {row.id} is not what the trail says")
    for number in course.holds.keys() - known:
        report.add("hold-lost", f"the hold {number} was recorded and is gone")


async def approvals(tx: Transaction, report: Report, entries: Sequence[Facts]) -> None:
    """Check that every approval is what its entry says: who signed what, for how many; none is lost, and
    just those stand that no entry has voided since.
    """
    recorded, standing = _approved(entries, reasons=tx.has_keys)
    rows = await tx.rows(
        "SELECT n.code, a.operator, a.people, a.audience_digest, a.texts_digest, a.plan_digest, "
        "a.channels_digest, a.expires_at, a.alone, a.reason, a.voided_at, n.author, n.editors "
        "FROM approval a JOIN announcement n ON n.id = a.announcement_id ORDER BY a.id"
    )
    for row in rows:
        reason = tx.commitment("reason", row.reason) if row.alone and tx.has_keys else ""
        signed = (row.code, f"operator:{row.operator}", *row[2:8], int(row.alone), reason)
        if recorded[signed]:
            recorded[signed] -= 1
        else:
            report.add("approval-differs", f"an approval of {row.code} is not what the trail says")
        writers = {row.author, *(row.editors or "").split()}
        if row.operator in writers and not row.alone and row.voided_at is None:
            report.add("approval-by-writer", f"an approval of {row.code} is by somebody who wrote in it")
        if row.voided_at is None:
            standing[signed] -= 1
    for code in sorted({str(signed[0]) for signed, difference in standing.items() if difference}):
        report.add("approval-standing", f"not those approvals of {code} stand that the trail says")
    if lost := recorded.total():
        report.add("approval-lost", f"{lost} recorded approvals are not in the store as they were given")


def _approved(
    entries: Iterable[Facts], *, reasons: bool
) -> tuple[Counter[tuple[Any, ...]], Counter[tuple[Any, ...]]]:
    """Count what entries say was signed, and of that what they leave standing; each voiding is of all."""
    given: Counter[tuple[Any, ...]] = Counter()
    standing: Counter[tuple[Any, ...]] = Counter()
    for entry in entries:
        facts = entry.get("data")
        if not isinstance(facts, dict):
            continue
        if entry["type"] == AuditAction.ANNOUNCEMENT_APPROVED:
            reason = facts.get("reason_digest", "") if reasons else ""
            signed = (*(facts.get(name) for name in _SIGNED), facts.get("alone", 0), reason)
            given[signed] += 1
            standing[signed] += 1
        elif entry["type"] == AuditAction.ANNOUNCEMENT_APPROVAL_VOIDED:
            for signed in [one for one in standing if one[0] == facts.get("announcement")]:
                del standing[signed]
    return given, standing
