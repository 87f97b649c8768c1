"""What Postmark reports, told in our words, and who is believed to be Postmark."""

from __future__ import annotations

import json
import tomllib
from base64 import b64encode
from email import message_from_bytes
from importlib.resources import files

import pytest

from notifier.channels.email.message import Composer
from notifier.channels.email.providers import Refusal
from notifier.channels.email.providers.postmark import _METADATA, Postmark
from notifier.channels.receipts import Receipt, ReceiptKind
from notifier.notices import Rendered
from notifier.settings import EmailSettings
from tests.inlets import PATHS, REFERENCE
from tests.providers import sample

USER, PASSWORD = "postmark", "correct horse ü"
BASIC = {"Authorization": "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()}


def _postmark(user: str = USER, password: str = PASSWORD) -> Postmark:
    return Postmark(PATHS, user=user, password=password)


async def _receipts(event: dict) -> tuple[Receipt, ...]:
    delivered = await _postmark().read(BASIC, json.dumps(event).encode())
    assert delivered.refusal is None
    return delivered.receipts


@pytest.mark.parametrize(
    ("name", "kind", "code", "enhanced", "reason"),
    [
        ("bounce-hard", "bounced", 550, "5.1.1", "address-dead"),
        ("bounce-soft", "bounced", 452, "4.2.2", "mailbox-full"),
        ("bounce-policy", "bounced", 550, "5.7.1", "about-us"),
        ("spam-complaint", "complained", 0, "", ""),
        ("delivery", "delivered", 250, "2.0.0", ""),
        ("subscription-change", "stopped", 0, "", ""),
    ],
)
async def test_each_event_becomes_one_receipt(
    name: str, kind: str, code: int, enhanced: str, reason: str
) -> None:
    """About the attempt that its metadata proves, with Postmark's own id beside it."""
    [one] = await _receipts(sample("postmark", name))
    assert (one.kind, one.code, one.enhanced, one.reason) == (kind, code, enhanced, reason)
    assert (one.reference, one.attempt, one.address) == (REFERENCE, 1, "reader@example.org")
    assert one.carrier_id == "883953f4-6105-42a2-a16a-000000000001"
    assert one.occurred_at is not None
    assert len(one.key) <= 64


@pytest.mark.parametrize("name", ["auto-responder", "open", "reactivation"])
async def test_what_says_nothing_about_arrival_is_nothing(name: str) -> None:
    """Automatic answers, openings and lifted suppressions are no receipts."""
    assert await _receipts(sample("postmark", name)) == ()


@pytest.mark.parametrize("value", ["b+3f9a02bc77d1e04b-1-aaaaaaaaaaaaaaaa", "", None, 7, "x" * 200])
async def test_without_our_token_its_id_remains(value: object) -> None:
    """Metadata that does not prove itself names no attempt of ours."""
    event = sample("postmark", "delivery")
    event["Metadata"] = {"notifier-attempt": value}
    [one] = await _receipts(event)
    assert (one.reference, one.attempt) == ("", 0)
    assert one.carrier_id


async def test_the_same_report_has_the_same_key_however_it_comes() -> None:
    """Sent again, in another order of fields; other reports have other keys."""
    event = sample("postmark", "bounce-hard")
    [first], [again] = await _receipts(event), await _receipts(dict(reversed(event.items())))
    names = ["bounce-hard", "bounce-soft", "spam-complaint", "delivery", "subscription-change"]
    keys = [(await _receipts(sample("postmark", name)))[0].key for name in names]
    assert first == again
    assert len(set(keys)) == len(names)


async def test_every_row_of_the_table_is_used() -> None:
    """Each type of bounce and each reason of a suppression has its meaning."""
    table = tomllib.loads((files("notifier.channels.email.providers") / "postmark.toml").read_text())
    for row in table["bounce"]:
        found = await _receipts({**sample("postmark", "bounce-hard"), "Type": row["type"], "Details": ""})
        assert [(one.kind, one.reason) for one in found] == (
            [] if row["kind"] == "ignored" else [(row["kind"], row["reason"])]
        )
    for row in table["suppression"]:
        found = await _receipts(
            {**sample("postmark", "subscription-change"), "SuppressionReason": row["type"]}
        )
        assert [one.kind for one in found] == ([] if row["kind"] == "ignored" else [row["kind"]])


async def test_a_bounce_of_a_kind_nobody_knows_harms_no_address() -> None:
    """It will not arrive, and that is all."""
    [one] = await _receipts({**sample("postmark", "bounce-hard"), "Type": "Brand New", "Details": ""})
    assert (one.kind, one.reason) == (ReceiptKind.BOUNCED, "refused")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Bearer " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()},
        {"Authorization": "Basic " + b64encode(f"{USER}:wrong".encode()).decode()},
        {"Authorization": "Basic " + b64encode(f"other:{PASSWORD}".encode()).decode()},
        {"X-Notifier-Secret": PASSWORD},
    ],
)
async def test_whoever_does_not_sign_in_is_refused(headers: dict[str, str]) -> None:
    """Also with the right password in the wrong place."""
    delivered = await _postmark().read(headers, json.dumps(sample("postmark", "delivery")).encode())
    assert (delivered.refusal, delivered.status, delivered.receipts) == (Refusal.NOT_AUTHENTIC, 403, ())


async def test_a_secret_in_a_header_of_ours() -> None:
    """Where no user is set; and where no password is set either, nobody gets in."""
    body = json.dumps(sample("postmark", "delivery")).encode()
    assert (await _postmark(user="").read({"x-notifier-secret": PASSWORD}, body)).receipts
    assert (await _postmark(user="").read({"x-notifier-secret": "wrong"}, body)).refusal
    for nothing in ({}, {"x-notifier-secret": ""}, {"authorization": "Basic Og=="}):
        assert (await _postmark(user="", password="").read(nothing, body)).refusal
        assert (await _postmark(password="").read(nothing, body)).refusal


def test_the_metadata_fits_postmarks_limits() -> None:
    """Twenty characters of name and eighty of value, in the field that a message has where it is set."""
    settings = EmailSettings(report_field=f"X-PM-Metadata-{_METADATA}")
    token = PATHS.make_token(REFERENCE, 1)
    given = {
        "recipient": "a@example.org",
        "name": "",
        "reference": REFERENCE,
        "locale": "en",
        "code": "X",
        "drill": False,
    }
    rendered = Rendered("Subject", "Text\n", "<p>Text</p>\n")
    message = message_from_bytes(Composer(settings).compose(rendered, **given, token=token))
    assert len(_METADATA) <= 20
    assert len(token) <= 80
    assert PATHS.read_token(message["X-PM-Metadata-notifier-attempt"]) == (REFERENCE, 1)
    plain = message_from_bytes(Composer(EmailSettings()).compose(rendered, **given, token=token))
    assert "X-PM-Metadata-notifier-attempt" not in plain
