"""What a notice on the banner does and allows, severity by severity."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from notifier.channels.banner.notices import BannerEvent, BannerNotice, CallToAction, Reading
from notifier.channels.banner.rules import Form, record, shown, standing, vouched
from notifier.testing.clock import START
from tests.banner import notice

OPENED, ACKNOWLEDGED = BannerEvent.OPENED, BannerEvent.ACKNOWLEDGED
SNOOZED, DISMISSED = BannerEvent.SNOOZED, BannerEvent.DISMISSED


def after(given: BannerNotice, *events: BannerEvent, at: datetime = START) -> BannerNotice:
    """Return the notice after events that must all be allowed."""
    for event in events:
        reading = record(given, event, at)
        assert reading is not None
        given = replace(given, reading=reading)
    return given


def form(given: BannerNotice, **later: float) -> Form:
    """Return how it is shown so much later."""
    return standing(given, START + timedelta(**later)).form


def test_a_critical_notice_is_acknowledged_only_after_opening_and_never_dismissed() -> None:
    """Then it is gone."""
    given = notice()
    assert standing(given, START).may == {OPENED, SNOOZED}
    assert record(given, ACKNOWLEDGED, START) is None
    given = after(given, OPENED)
    assert standing(given, START).may == {OPENED, SNOOZED, ACKNOWLEDGED}
    assert record(given, DISMISSED, START) is None
    assert form(after(given, ACKNOWLEDGED), days=900) is Form.HIDDEN


def test_a_critical_notice_is_put_off_once() -> None:
    """For 24 hours it is a slim bar; then it stands in full and cannot be put off again."""
    given = after(notice(), SNOOZED)
    assert form(given, hours=23.99) is Form.SLIM
    assert form(given, hours=24) is Form.FULL
    assert SNOOZED not in standing(given, START + timedelta(hours=24)).may
    assert record(given, SNOOZED, START + timedelta(hours=24)) is None
    assert form(after(given, OPENED, ACKNOWLEDGED), hours=1) is Form.HIDDEN


def test_an_important_notice_is_dismissed_after_opening() -> None:
    """Not before; and it cannot be put off."""
    given = notice(severity="important")
    assert record(given, DISMISSED, START) is None
    assert record(given, SNOOZED, START) is None
    assert form(after(given, OPENED, DISMISSED), days=900) is Form.HIDDEN


def test_information_is_dismissed_at_once() -> None:
    """And does not come back."""
    assert form(after(notice(severity="info"), DISMISSED), days=900) is Form.HIDDEN


@pytest.mark.parametrize("severity", ["important", "info"])
def test_a_policy_notice_comes_back_once_before_its_date(severity: str) -> None:
    """In the last week; dismissed again, and from its date on, it is gone."""
    given = notice(severity=severity, effective_at=START + timedelta(days=30))
    given = after(given, OPENED, DISMISSED)
    seen = [form(given, days=days) for days in (0, 22.9, 23, 29.9, 30)]
    assert seen == [Form.HIDDEN, Form.HIDDEN, Form.FULL, Form.FULL, Form.HIDDEN]
    again = after(given, DISMISSED, at=START + timedelta(days=25))
    assert form(again, days=29) is Form.HIDDEN
    assert form(after(given, ACKNOWLEDGED), days=25) is Form.HIDDEN


def test_a_policy_notice_leaves_the_reader_alone_for_a_day() -> None:
    """One dismissed within the last week comes back a day later, still once."""
    given = after(notice(severity="info", effective_at=START + timedelta(days=3)), DISMISSED)
    assert [form(given, hours=hours) for hours in (23.9, 24, 72)] == [Form.HIDDEN, Form.FULL, Form.HIDDEN]


@pytest.mark.parametrize("severity", ["critical", "important", "info"])
def test_a_corrected_revision_begins_anew(severity: str) -> None:
    """Whatever became of the one before it."""
    done = after(notice(severity=severity), OPENED, ACKNOWLEDGED)
    corrected = replace(done, revision=2)
    assert form(corrected) is Form.FULL
    assert corrected.current == Reading(2)


def test_a_repeated_report_changes_nothing() -> None:
    """It is no error either: reports are repeated until they are answered."""
    given = after(notice(severity="important"), OPENED, DISMISSED)
    for event in (OPENED, DISMISSED):
        assert record(given, event, START + timedelta(hours=1)) == given.reading
    snoozed = after(notice(), SNOOZED)
    assert record(snoozed, SNOOZED, START + timedelta(hours=1)) == snoozed.reading


def test_what_is_opened_was_served() -> None:
    """Though that report may have been lost."""
    assert after(notice(), OPENED).current.served_at == START


def test_the_gravest_stands_first_and_a_slim_bar_last() -> None:
    """Else their order is kept."""
    given = [
        notice("1", severity="info"),
        after(notice("2"), SNOOZED),
        notice("3", severity="important"),
        notice("4"),
        after(notice("5"), OPENED, ACKNOWLEDGED),
    ]
    assert [one.reference for one, _ in shown(given, START)] == ["4", "3", "1", "2"]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "//evil.test/",
        "/\\evil.test",
        "http://example.com/",
        "https://u@example.com/",
        "java\tscript:x",
        "",
        "account",
        "https://",
        "https://[x",
    ],
)
def test_a_link_that_leads_astray_cannot_be_made(url: str) -> None:
    """Only https, or a path of the host's own site."""
    with pytest.raises(ValueError):
        CallToAction("Go", url)
    assert CallToAction("Go", "/account/notices?of=me").url


def test_a_confirmation_that_does_not_count_hides_nothing() -> None:
    """Whoever took the account over cannot take the notice out of its owner's sight."""
    given = replace(after(notice(), OPENED, ACKNOWLEDGED), doubtful=True)
    assert form(given, days=30) is Form.FULL
    assert ACKNOWLEDGED in standing(given, START).may
    assert form(replace(given, doubtful=False)) is Form.HIDDEN


@pytest.mark.parametrize("severity", ["important", "info"])
def test_where_others_may_sign_in_nobody_dismisses(severity: str) -> None:
    """A dismissal proves nothing, so it could take the notice out of its owner's sight as well."""
    opened = replace(after(notice(severity=severity), OPENED), doubtful=True)
    assert DISMISSED not in standing(opened, START).may
    assert ACKNOWLEDGED in standing(opened, START).may
    dismissed = replace(after(replace(opened, doubtful=False), DISMISSED), doubtful=True)
    assert form(dismissed, days=1) is Form.FULL


@pytest.mark.parametrize(
    ("minutes", "customary", "vouches"),
    [(5, None, True), (5, True, True), (61, True, False), (5, False, False)],
)
def test_who_signed_in_lately_from_no_strange_place_is_vouched_for(
    minutes: int, customary: bool | None, vouches: bool
) -> None:
    """An hour at most; and a host that asserts nothing vouches for nobody."""
    assert vouched(START - timedelta(minutes=minutes), customary, START) is vouches
    assert not vouched(None, customary, START)


@pytest.mark.parametrize("severity", ["critical", "important", "info"])
@pytest.mark.parametrize("doubtful", [False, True])
def test_what_may_be_done_after_opening_is_known_before_it(severity: str, doubtful: bool) -> None:
    """So that nobody is offered what is refused then."""
    given = notice(severity=severity, doubtful=doubtful)
    assert standing(given, START).may_opened == standing(after(given, OPENED), START).may
