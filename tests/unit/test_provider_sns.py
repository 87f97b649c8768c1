"""Messages of Amazon SNS: which are believed, and which are not, however well they are signed."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from notifier.channels.email.providers import Refusal
from notifier.channels.email.providers.sns import SnsMessages
from notifier.errors import BadSettings
from notifier.testing import FakeClock
from tests.providers import CERTIFICATE, CONFIRM, HOST, TOPIC, Sns, certificate, rsa_key, sample


async def _read(sns: Sns, message: dict[str, Any]):
    return await sns.ses.read({}, json.dumps(message).encode())


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", ["Amazon SES Email Event Notification", None, "line\nbreak"])
async def test_a_signed_message_is_believed(version: str, subject: str | None) -> None:
    """Both versions of the signature, with a subject and without."""
    sns = Sns()
    message = sns.message(sample("ses", "delivery"), version=version, Subject=subject)
    delivered = await _read(sns, message)
    assert (delivered.refusal, delivered.status, len(delivered.receipts)) == (None, 200, 1)


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "TopicArn", "Subject", "Type"])
async def test_a_changed_message_is_not_believed(name: str) -> None:
    """Whatever of the signed fields is changed, or left out, the signature does not fit."""
    sns = Sns()
    message = sns.message(sample("ses", "delivery"))
    changed = {**message, name: message[name].replace("2", "3").replace("Notification", "notification") + " "}
    for forged in (changed, {key: value for key, value in message.items() if key != name}):
        assert (await _read(sns, forged)).refusal in {Refusal.NOT_AUTHENTIC, Refusal.MALFORMED}


async def test_a_signature_of_somebody_else_is_not_believed() -> None:
    """Another key, a signature of the other version, nonsense: none passes."""
    sns, other = Sns(), Sns()
    other.key = rsa_key(1)
    message = sns.message(sample("ses", "delivery"))
    for forged in (
        other.message(sample("ses", "delivery")),
        {**message, "SignatureVersion": "1"},
        {**message, "Signature": b64encode(b"x" * 256).decode()},
        {**message, "Signature": "no base64!"},
        {**message, "Signature": ""},
        {**message, "SignatureVersion": "3"},
    ):
        assert (await _read(sns, forged)).refusal in {Refusal.NOT_AUTHENTIC, Refusal.MALFORMED}


async def test_a_topic_that_is_not_ours_is_refused_before_anything_is_fetched() -> None:
    """Anybody can have SNS sign a message for a topic of their own."""
    sns = Sns()
    message = sns.message(sample("ses", "delivery"), TopicArn=TOPIC.replace("123456789012", "210987654321"))
    assert (await _read(sns, message)).status == 403
    assert sns.fetched == []


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE.replace("https", "http"),
        CERTIFICATE.replace("eu-west-1", "us-east-1"),
        CERTIFICATE.replace("amazonaws.com", "amazonaws.com.example.net"),
        CERTIFICATE.replace("https://", "https://user@"),
        CERTIFICATE.replace("https://", "https://example.net/"),
        CERTIFICATE.replace(".com/", ".com:8443/"),
        CERTIFICATE.replace(".com/", ".com@example.net/"),
        CERTIFICATE.replace(".com/", ".com\\@example.net/"),
        CERTIFICATE.replace(".com/", ".com/bucket/../"),
        f"{CERTIFICATE}?x=1",
        f"{CERTIFICATE}#x",
        f"{HOST}/attacker.pem",
        "https://[",
        "",
        7,
    ],
)
async def test_a_certificate_from_elsewhere_is_never_fetched(url: Any) -> None:
    """Only the SNS host of the topic's own region has certificates."""
    sns = Sns()
    assert (await _read(sns, sns.message(sample("ses", "delivery"), SigningCertURL=url))).status in {400, 403}
    assert sns.fetched == []


async def test_certificates_that_cannot_be_used() -> None:
    """No certificate, a key of another kind, a short key, one that is over or not yet valid."""
    for document in (
        b"<html>",
        certificate(ec.generate_private_key(ec.SECP256R1())),
        certificate(rsa_key(2, 1024)),
        certificate(rsa_key(), days=0, begun=-1),
        certificate(rsa_key(), begun=40),
    ):
        sns = Sns()
        sns.documents[CERTIFICATE] = document
        message = sns.message(sample("ses", "delivery"))
        assert (await _read(sns, message)).refusal is Refusal.NOT_AUTHENTIC


async def test_a_certificate_is_fetched_once() -> None:
    """A burst of reports asks SNS for it one time."""
    sns = Sns()
    for _ in range(5):
        assert (await _read(sns, sns.message(sample("ses", "delivery")))).receipts
    assert sns.fetched == [CERTIFICATE]


async def test_a_certificate_that_cannot_be_had_now_means_try_again() -> None:
    """503 has SNS send the message again; nothing is lost."""
    sns = Sns()
    document = sns.documents.pop(CERTIFICATE)
    message = sns.message(sample("ses", "delivery"))
    assert (await _read(sns, message)).status == 503
    sns.documents[CERTIFICATE] = document
    assert (await _read(sns, message)).receipts


async def test_nobody_can_have_us_fetch_without_end() -> None:
    """Ten new addresses a minute are tried; a certificate that is known goes on working."""
    sns = Sns()
    message = sns.message(sample("ses", "delivery"))
    assert (await _read(sns, message)).receipts
    for number in range(50):
        other = f"{HOST}/SimpleNotificationService-{number:032x}.pem"
        assert (await _read(sns, {**message, "SigningCertURL": other})).status == 503
    assert len(sns.fetched) == 10
    assert (await _read(sns, message)).receipts
    sns.clock.advance(minutes=2)
    await _read(sns, {**message, "SigningCertURL": other})
    assert len(sns.fetched) == 11


@pytest.mark.parametrize("moved", [{"hours": 23}, {"minutes": -10}])
async def test_a_message_of_today_is_taken(moved: dict[str, float]) -> None:
    """Also after an outage of ours, and with clocks that differ."""
    sns = Sns()
    sns.clock.advance(**moved)
    assert (await _read(sns, sns.message(sample("ses", "delivery")))).receipts


@pytest.mark.parametrize("moved", [{"hours": 25}, {"minutes": -20}])
async def test_an_old_message_and_one_of_the_future_are_not(moved: dict[str, float]) -> None:
    """A recorded message is not good for ever."""
    sns = Sns()
    sns.clock.advance(**moved)
    assert (await _read(sns, sns.message(sample("ses", "delivery")))).refusal is Refusal.STALE


async def test_a_subscription_to_our_topic_is_confirmed() -> None:
    """By visiting its address once the message is known to be genuine."""
    sns = Sns()
    delivered = await _read(sns, sns.subscription())
    assert (delivered.status, delivered.note) == (200, "subscription confirmed")
    assert sns.fetched == [CERTIFICATE, CONFIRM]


@pytest.mark.parametrize(
    "fields",
    [
        {"SubscribeURL": CONFIRM.replace("sns.eu-west-1.amazonaws.com", "example.net")},
        {"SubscribeURL": CONFIRM.replace("https", "http")},
        {"SubscribeURL": CONFIRM.replace("ConfirmSubscription", "Unsubscribe")},
        {"SubscribeURL": CONFIRM.replace(":bounces&", ":other&")},
        {"SubscribeURL": CONFIRM + "&a=1" * 20},
        {"TopicArn": TOPIC + "2"},
        {"Signature": b64encode(b"x" * 256).decode()},
    ],
)
async def test_any_other_subscription_is_not_confirmed(fields: dict[str, str]) -> None:
    """No address but that of SNS itself is visited, for no topic but ours."""
    sns = Sns()
    delivered = await _read(sns, sns.subscription(**fields))
    assert delivered.refusal is not None
    assert all(url == CERTIFICATE for url in sns.fetched)


async def test_the_end_of_a_subscription_is_told_and_not_undone() -> None:
    """The address in it would subscribe again: nobody asked for that."""
    sns = Sns()
    delivered = await _read(sns, sns.subscription(Type="UnsubscribeConfirmation"))
    assert (delivered.status, delivered.note) == (200, "subscription ended")
    assert CONFIRM not in sns.fetched


@pytest.mark.parametrize(
    "topic", ["bounces", "arn:aws:sns:eu-west-1:1:x", "arn:aws:sqs:eu-west-1:123456789012:x", TOPIC + "/.."]
)
def test_a_topic_that_is_none_stops_the_start(topic: str) -> None:
    """A misspelt topic would refuse every report."""
    with pytest.raises(BadSettings):
        SnsMessages([topic], Sns().fetch, FakeClock())
