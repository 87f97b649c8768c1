"""Amazon SNS: whether a message is genuine, of one of our topics, and of today.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html and, for the fields,
https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html.

Anybody can have SNS sign a message: that of a topic of their own. So the topic must be one of ours, and what
we fetch comes from the SNS host of that topic's region alone, whatever address the message names.
"""

from __future__ import annotations

import asyncio
import binascii
import re
from base64 import b64decode
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

from notifier.channels.email.providers import Refusal
from notifier.channels.email.providers.fetching import Fetch, FetchFailed
from notifier.channels.email.providers.fields import Json, moment
from notifier.clock import Clock
from notifier.errors import BadSettings

NOTIFICATION = "Notification"
SUBSCRIPTION = "SubscriptionConfirmation"
UNSUBSCRIPTION = "UnsubscribeConfirmation"
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_SIGNED[UNSUBSCRIPTION] = _SIGNED[SUBSCRIPTION]
_TOPIC = re.compile(
    r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]{3,30}):\d{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?"
)
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-fA-F]{8,64}\.pem")
_SHORTEST_RSA = 2048
_MOST_CERTIFICATES = 16
_FETCHES, _IN = 10, timedelta(minutes=1)
_OLDEST = timedelta(
    days=1
)  # SNS tries for an hour by default; what our own outage held up should still count.
_AHEAD = timedelta(minutes=15)


class _Certificate(NamedTuple):
    key: RSAPublicKey
    begins: datetime
    ends: datetime


class _Claim(NamedTuple):
    """What a message says of itself."""

    url: str
    signed: bytes
    signature: bytes
    algorithm: HashAlgorithm


class _Refused(Exception):
    def __init__(self, why: Refusal) -> None:
        super().__init__(why)
        self.why = why


class SnsMessages:
    """Checks messages of ``topics`` (ARNs); ``fetch`` gets certificates and confirms subscriptions."""

    def __init__(
        self, topics: Iterable[str], fetch: Fetch, clock: Clock, *, oldest: timedelta = _OLDEST
    ) -> None:
        self._hosts: dict[str, str] = {}
        for topic in topics:
            found = _TOPIC.fullmatch(topic)
            if found is None:
                raise BadSettings(
                    "inbound.ses_topics holds something that is no ARN of an SNS topic",
                    advice="It looks like arn:aws:sns:eu-west-1:123456789012:bounces.",
                )
            ending = ".cn" if found[1] == "aws-cn" else ""
            self._hosts[topic] = f"sns.{found[2]}.amazonaws.com{ending}"
        self._fetch, self._clock, self._oldest = fetch, clock, oldest
        self._known: dict[str, _Certificate] = {}
        self._fetched: deque[datetime] = deque(maxlen=_FETCHES)
        self._one_fetch = asyncio.Lock()

    async def check(self, message: Json) -> Refusal | None:
        """Return why a message is not to be believed; None if it is genuine."""
        now = self._clock.now()
        try:
            claim = self._claim(message, now)
            certificate = await self._certificate(claim.url, now)
        except _Refused as refused:
            return refused.why
        except FetchFailed:
            return Refusal.NOT_NOW
        if certificate is None or not certificate.begins <= now <= certificate.ends:
            return Refusal.NOT_AUTHENTIC
        try:
            certificate.key.verify(claim.signature, claim.signed, PKCS1v15(), claim.algorithm)
        except InvalidSignature:
            return Refusal.NOT_AUTHENTIC
        return None

    def _claim(self, message: Json, now: datetime) -> _Claim:
        """Return what a message says of itself; ``_Refused`` where that alone is enough to refuse it."""
        kind, topic, url = (message.get(name) for name in ("Type", "TopicArn", "SigningCertURL"))
        algorithm = {"1": SHA1, "2": SHA256}.get(str(message.get("SignatureVersion")))
        signature, sent = _signature(message), moment(message, "Timestamp")
        signed = _signed(message, kind) if isinstance(kind, str) and kind in _SIGNED else None
        if signed is None or algorithm is None or signature is None or sent is None:
            raise _Refused(Refusal.MALFORMED)
        host = self._hosts.get(topic) if isinstance(topic, str) else None
        if host is None or not isinstance(url, str) or not _at(url, host):
            raise _Refused(Refusal.NOT_AUTHENTIC)
        if not _CERTIFICATE.fullmatch(url.removeprefix(f"https://{host}")):
            raise _Refused(Refusal.NOT_AUTHENTIC)
        if not now - self._oldest <= sent <= now + _AHEAD:
            raise _Refused(Refusal.STALE)
        return _Claim(url, signed, signature, algorithm())

    async def confirm(self, message: Json) -> Refusal | None:
        """Confirm a subscription that a checked message asks about; only at SNS itself, for its own topic."""
        topic, url = str(message.get("TopicArn")), message.get("SubscribeURL")
        if not isinstance(url, str) or not _at(url, self._hosts.get(topic, "")):
            return Refusal.NOT_AUTHENTIC
        try:
            asked = parse_qs(urlsplit(url).query, max_num_fields=10)
        except ValueError:
            return Refusal.MALFORMED
        if asked.get("Action") != ["ConfirmSubscription"] or asked.get("TopicArn") != [topic]:
            return Refusal.NOT_AUTHENTIC
        try:
            await self._fetch(url)
        except FetchFailed:
            return Refusal.NOT_NOW
        return None

    async def _certificate(self, url: str, now: datetime) -> _Certificate | None:
        """Return the certificate at ``url``, fetched once; None if what is there is none we can use."""
        if url in self._known:
            return self._known[url]
        async with self._one_fetch:
            if url in self._known:
                return self._known[url]
            # Whoever knows a topic could have us fetch one address after the other.
            if len(self._fetched) == _FETCHES and now - self._fetched[0] < _IN:
                raise FetchFailed
            self._fetched.append(now)
            certificate = _load(await self._fetch(url))
            if certificate is not None:
                while len(self._known) >= _MOST_CERTIFICATES:
                    del self._known[next(iter(self._known))]
                self._known[url] = certificate
            return certificate


def _at(url: str, host: str) -> bool:
    """Say whether an address is at ``host``, over HTTPS, with nothing else in it that could mislead."""
    try:
        found = urlsplit(url)
        return bool(host) and found.scheme == "https" and found.netloc == host and url.isascii()
    except ValueError:
        return False


def _signed(message: Json, kind: str) -> bytes | None:
    """Return what the signature is over: names and values, each on a line, in the order of their bytes."""
    lines = []
    for name in _SIGNED[kind]:
        value = message.get(name)
        if value is None and name == "Subject":
            continue
        if not isinstance(value, str):
            return None
        lines.append(f"{name}\n{value}\n")
    return "".join(lines).encode()


def _signature(message: Json) -> bytes | None:
    try:
        return b64decode(str(message.get("Signature", "")), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _load(pem: bytes) -> _Certificate | None:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, RSAPublicKey) or key.key_size < _SHORTEST_RSA:
        return None
    return _Certificate(key, certificate.not_valid_before_utc, certificate.not_valid_after_utc)
