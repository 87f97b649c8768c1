"""What tests of providers share: sample reports, and an SNS of our own with a certificate and a signature."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from notifier.channels.email.providers.fetching import FetchFailed
from notifier.channels.email.providers.ses import AmazonSes
from notifier.channels.email.providers.sns import SnsMessages
from notifier.testing import FakeClock
from notifier.testing.clock import START
from tests.inlets import PATH, PATHS, REFERENCE

DATA = Path(__file__).parent / "data" / "providers"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
HOST = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE = f"{HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
CONFIRM = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"


def sample(provider: str, name: str) -> dict[str, Any]:
    """Return a sample report about our own attempt."""
    text = (DATA / provider / f"{name}.json").read_text()
    token = PATHS.make_token(REFERENCE, 1)
    return json.loads(text.replace("RETURN_PATH", PATH).replace("TOKEN", token))


@cache
def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return one of several keys, made once."""
    return rsa.generate_private_key(65537, bits)


def certificate(key: Any, *, days: int = 30, begun: int = 1) -> bytes:
    """Return a certificate for ``key`` from an authority of the moment, in PEM."""
    authority = ec.generate_private_key(ec.SECP256R1())
    begins = START - timedelta(days=begun)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.example.test")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .sign(authority, SHA256())
    )
    return made.public_bytes(Encoding.PEM)


class Sns:
    """Signs messages as SNS does, and answers at its addresses."""

    def __init__(self) -> None:
        self.key = rsa_key()
        self.documents: dict[str, bytes] = {
            CERTIFICATE: certificate(self.key),
            CONFIRM: b"<ConfirmSubscriptionResponse/>",
        }
        self.fetched: list[str] = []
        self.clock = FakeClock()
        self.ses = AmazonSes(SnsMessages([TOPIC], self.fetch, self.clock), PATHS)

    async def fetch(self, url: str) -> bytes:
        """Answer as the real host would."""
        self.fetched.append(url)
        if url not in self.documents:
            raise FetchFailed
        return self.documents[url]

    def message(self, event: dict[str, Any] | str, *, version: str = "2", **fields: Any) -> dict[str, Any]:
        """Return a signed message; ``fields`` stand in it when it is signed."""
        message: dict[str, Any] = {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Subject": "Amazon SES Email Event Notification",
            "Message": event if isinstance(event, str) else json.dumps(event),
            "Timestamp": "2026-03-02T08:59:59.123Z",
            "SignatureVersion": version,
            "SigningCertURL": CERTIFICATE,
            "UnsubscribeURL": f"{HOST}/?Action=Unsubscribe",
            **fields,
        }
        message = {name: value for name, value in message.items() if value is not None}
        names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
        if message["Type"] != "Notification":
            names = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
        signed = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
        algorithm = SHA1() if version == "1" else SHA256()
        message.setdefault(
            "Signature", b64encode(self.key.sign(signed.encode(), PKCS1v15(), algorithm)).decode()
        )
        return message

    def subscription(self, **fields: Any) -> dict[str, Any]:
        """Return a signed request to confirm a subscription."""
        asked = {
            "Type": "SubscriptionConfirmation",
            "SubscribeURL": CONFIRM,
            "Token": "2336412f37",
            "Subject": None,
        }
        return self.message("You have chosen to subscribe.", **{**asked, **fields})
