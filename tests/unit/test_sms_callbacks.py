"""Twilio's reports: who may send them, what they say, and what hostile ones come to."""

from __future__ import annotations

import pytest

from notifier.channels.receipts import ReceiptKind
from notifier.channels.sms import Callbacks, CallbackUrls, parse_form
from notifier.channels.sms.signature import sign
from notifier.errors import BadSettings
from notifier.keys import Keys

BASE = "https://notify.example.com"
TOKEN = "first-token"
REFERENCE = "3F9A02BC77D1E04B"
SID = "SM" + "1" * 32
INBOUND = "/sms/inbound"


@pytest.fixture
def urls(keys: Keys) -> CallbackUrls:
    return CallbackUrls(keys, BASE)


@pytest.fixture
def callbacks(urls: CallbackUrls) -> Callbacks:
    return Callbacks(urls, [TOKEN, "second-token"])


def form(name: str, **fields: str) -> list[tuple[str, str]]:
    """Return a status report as Twilio sends it."""
    every = {"SmsSid": SID, "SmsStatus": name, "MessageStatus": name, "To": "+14155550100", "MessageSid": SID}
    return list((every | {"From": "+14155550199", "ApiVersion": "2010-04-01"} | fields).items())


def read(callbacks: Callbacks, target: str, fields, token: str = TOKEN):
    """Return what a report says that was signed with ``token``."""
    return callbacks.read(target, fields, sign(token, BASE + target, fields))


def target(urls: CallbackUrls, attempt: int = 3) -> str:
    """Return the path that a report on one attempt comes to."""
    return urls.make(REFERENCE, attempt).removeprefix(BASE)


def test_a_report_names_its_delivery_and_attempt(urls: CallbackUrls, callbacks: Callbacks) -> None:
    """So it is matched even where the answer to the hand-over was lost."""
    receipt = read(callbacks, target(urls), form("delivered"))
    assert (receipt.kind, receipt.reference, receipt.attempt) == (ReceiptKind.DELIVERED, REFERENCE, 3)
    assert (receipt.carrier_id, receipt.key) == (SID, f"{SID}:delivered:0")
    assert receipt.address == "+14155550100"


@pytest.mark.parametrize(
    ("name", "code", "kind", "reason"),
    [
        ("sent", "", ReceiptKind.ACCEPTED, ""),
        ("read", "", ReceiptKind.DISPLAYED, ""),
        ("undelivered", "30005", ReceiptKind.BOUNCED, "address-dead"),
        ("undelivered", "30003", ReceiptKind.BOUNCED, "unreachable-now"),
        ("failed", "30034", ReceiptKind.BOUNCED, "about-us"),
        ("failed", "21610", ReceiptKind.BOUNCED, "stopped"),
        ("failed", "", ReceiptKind.BOUNCED, "unexplained"),
        ("failed", "99999", ReceiptKind.BOUNCED, "refused"),
        ("failed", "-1", ReceiptKind.BOUNCED, "unexplained"),
        ("canceled", "", ReceiptKind.BOUNCED, "cancelled"),
        ("Delivered", "", ReceiptKind.DELIVERED, ""),
    ],
)
def test_a_status_and_its_code_say_what_happened(urls, callbacks, name, code, kind, reason) -> None:
    """The table decides; what has no code, or one that nobody knows, is not made up."""
    receipt = read(callbacks, target(urls), form(name, **({"ErrorCode": code} if code else {})))
    assert (receipt.kind, receipt.reason) == (kind, reason)


def test_a_repeat_has_the_same_key_and_another_status_another(urls, callbacks) -> None:
    """Receipts that come twice, or replayed, are one; those of different states are not."""
    keys = [read(callbacks, target(urls), form(name)).key for name in ("delivered", "delivered", "failed")]
    assert keys[0] == keys[1] != keys[2]


def test_that_it_was_taken_is_one_piece_of_news(urls, callbacks) -> None:
    """However many stages of its way are reported; it is an echo of the answer, and nothing else is."""
    stages = ("accepted", "scheduled", "queued", "sending", "sent", "partially_delivered")
    said = [read(callbacks, target(urls), form(name)) for name in stages]
    assert {(one.kind, one.key, one.echo) for one in said} == {(ReceiptKind.ACCEPTED, f"{SID}:taken", True)}
    assert not read(callbacks, target(urls), form("delivered")).echo


def test_either_token_is_good_while_one_replaces_the_other(urls, callbacks) -> None:
    """And no other, the empty one least of all."""
    path = target(urls)
    assert read(callbacks, path, form("sent"), "second-token") is not None
    assert read(callbacks, path, form("sent"), "third-token") is None
    assert read(Callbacks(urls, ["", TOKEN]), path, form("sent"), "") is None


@pytest.mark.parametrize("url", [f"{BASE}:443", BASE])
def test_the_port_may_stand_in_what_was_signed(urls, callbacks, url: str) -> None:
    """Twilio signs with it or without."""
    path, fields = target(urls), form("sent")
    assert callbacks.genuine(path, fields, sign(TOKEN, url + path, fields))


def test_behind_a_proxy_the_public_address_counts(keys: Keys) -> None:
    """The path before our own, and a port of the proxy's, come from the settings, never from the request."""
    urls = CallbackUrls(keys, "https://example.com:8443/notices/")
    url = urls.make(REFERENCE, 1)
    path = url.removeprefix("https://example.com:8443/notices")
    reader = Callbacks(urls, [TOKEN])
    assert reader.read(path, form("sent"), sign(TOKEN, url, form("sent"))).reference == REFERENCE
    assert reader.read(path, form("sent"), sign(TOKEN, f"http://10.0.0.1{path}", form("sent"))) is None


def test_a_report_to_an_address_that_we_did_not_make_names_no_delivery(urls, callbacks) -> None:
    """It is genuine, and found by the carrier's id alone."""
    path = target(urls)
    for changed in (path[:-1] + ("a" if path[-1] != "a" else "b"), "/sms/status/", "/other"):
        receipt = read(callbacks, changed, form("delivered"))
        assert (receipt.reference, receipt.attempt, receipt.carrier_id) == ("", 0, SID)


def test_a_token_of_another_purpose_or_installation_is_not_ours(keys: Keys, urls: CallbackUrls) -> None:
    """Return paths are signed with the same key, and do not pass here."""
    from notifier.channels.email.return_path import ReturnPaths

    local = ReturnPaths(keys, "b.example.com").make(REFERENCE, 3).partition("@")[0]
    assert urls.read(f"/sms/status/{local.removeprefix('b+')}") is None
    assert urls.read(CallbackUrls(Keys.generate(), BASE).make(REFERENCE, 3)) is None
    assert urls.read(urls.make(REFERENCE, 999_999)) == (REFERENCE, 999_999)


@pytest.mark.parametrize(
    ("said", "classified", "kind"),
    [
        ("STOP", "", "stopped"),
        (" stop. ", "", "stopped"),
        ("Unsubscribe", "", "stopped"),
        ("STOPALL", "", "stopped"),
        ("please stop writing", "", ""),
        ("ARRET", "STOP", "stopped"),
        ("HELP", "HELP", ""),
        ("START", "START", "started"),
        ("Unstop", "", "started"),
        ("YES", "", ""),
        ("STOP", "HELP", ""),
        ("STOP", "START", "started"),
        ("", "", ""),
    ],
)
def test_a_reader_says_stop_or_start(callbacks: Callbacks, said: str, classified: str, kind: str) -> None:
    """Twilio's own classification counts where there is one, else the standard words alone."""
    fields = [("SmsStatus", "received"), ("MessageSid", SID), ("From", "+14155550100"), ("Body", said)]
    fields += [("OptOutType", classified)] if classified else []
    receipt = read(callbacks, INBOUND, fields)
    assert (receipt.kind if receipt else "") == kind
    if receipt:
        assert (receipt.channel, receipt.address, receipt.reference) == ("sms", "+14155550100", "")
        assert receipt.key == f"{SID}:said"


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("MessageSid", SID)],
        [("MessageSid", "x"), ("MessageStatus", "delivered")],
        [("MessageSid", SID), ("MessageStatus", "no-such")],
        [("MessageSid", SID), ("MessageStatus", "received"), ("From", "12"), ("Body", "STOP")],
        [("MessageSid", SID), ("MessageStatus", "received"), ("Body", "STOP")],
        [("MessageSid", SID), ("MessageStatus", "\ud800")],
    ],
)
def test_what_says_nothing_is_nothing(callbacks: Callbacks, fields) -> None:
    """Genuine or not, it raises nothing and records nothing."""
    assert read(callbacks, INBOUND, fields) is None


@pytest.mark.parametrize(
    "address", ["", "x", "/é", "/a b", "/" + "a" * 3000, "https://evil.example/", "//\n"]
)
def test_an_odd_target_is_not_genuine(callbacks: Callbacks, address: str) -> None:
    """Only a path that can stand in a request line is looked at."""
    assert callbacks.read(address, form("sent"), sign(TOKEN, BASE + address, form("sent"))) is None


def test_a_form_is_read_within_bounds() -> None:
    """Too many fields, too many bytes, or bytes that are no text are refused."""
    assert parse_form(b"To=%2B14155550100&Body=") == [("To", "+14155550100"), ("Body", "")]
    assert parse_form(b"Body=%E2%9C%93") == [("Body", "✓")]
    for body in (b"a=1&" * 300, b"a=" + b"1" * 70_000, b"a=%ff", b"a=\xff"):
        assert parse_form(body) is None


@pytest.mark.parametrize(
    "base",
    ["", "notify.example.com", "http://notify.example.com", "https://", "https://a_b.example.com",
     "https://u:p@example.com", "https://example.com/?a=1", "https://example.com:x", "https://exämple.com"],
)  # fmt: skip
def test_a_base_that_twilio_would_not_take_is_refused(keys: Keys, base: str) -> None:
    """At the start, not when reports fail to come."""
    with pytest.raises(BadSettings):
        CallbackUrls(keys, base)
