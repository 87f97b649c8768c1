"""From a customer's record to what the store keeps: sealed values, blind indexes, the fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from notifier.audit.entry import new_event_id
from notifier.customers.normalise import places
from notifier.customers.normalise.cells import folded
from notifier.customers.values import ChannelName, ContactPoint, CustomerRecord, PostalAddress, word_set
from notifier.keys import Keys, SubjectKey

CUSTOMER = b"customer"
CONTACT_POINT = b"contact_point"
# The form of what goes into a fingerprint. Raise it when normalisation changes what is kept.
_FORM = 1
_KINDS = {ChannelName.EMAIL: "email", ChannelName.SMS: "phone", ChannelName.VOICE: "phone",
          ChannelName.LETTER: "place"}  # fmt: skip


class SealedPoint(NamedTuple):
    """A contact point as its row keeps it."""

    channel: str
    rank: int
    sealed: bytes
    value_index: bytes
    folded_index: bytes
    site: str


class SealedCustomer(NamedTuple):
    """The columns of a customer that come from a record; ``wrapped`` is empty for one already known."""

    uid: str
    number: str
    locale: str
    time_zone: str
    country: str
    region: str
    data_held: str
    marks: str
    attributes: str
    sealed: bytes
    place_index: bytes | None
    fingerprint: bytes


class Sealer:
    """Seals records under their people's keys."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._site = lru_cache(maxsize=50_000)(lambda domain: keys.blind_index("site", domain).hex()[:12])

    def fingerprint(self, record: CustomerRecord) -> bytes:
        """Return a keyed digest of all that a record states: equal digests, nothing to do."""
        account = record.account
        content = (
            _FORM, record.name, record.address.as_json() if record.address else None,
            [(point.channel, point.value) for point in record.points],
            record.locale, record.time_zone, record.country, record.region, record.data_held, record.marks,
            record.attributes, record.other,
            (account.number, account.name, account.roles) if account else None,
            record.guardian, _stated(record.stated),
        )  # fmt: skip
        plain = orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()
        return self._keys.blind_index("customer-row", plain)

    def new(
        self, record: CustomerRecord, fingerprint: bytes, now_us: int
    ) -> tuple[SealedCustomer, bytes, list[SealedPoint]]:
        """Make a person's key and seal their record under it; also returns the wrapped key."""
        uid = new_event_id(now_us)
        subject, wrapped = self._keys.new_subject(uid)
        points = [self.point(subject, point, rank) for rank, point in ranked(record.points)]
        return self.customer(subject, uid, record, fingerprint), wrapped, points

    def customer(
        self, subject: SubjectKey, uid: str, record: CustomerRecord, fingerprint: bytes
    ) -> SealedCustomer:
        """Seal a record under a person's key."""
        sealed: dict[str, Any] = {"name": record.name, "other": record.other}
        if record.address:
            sealed["address"] = record.address.as_json()
        return SealedCustomer(
            uid,
            record.number,
            record.locale,
            record.time_zone,
            record.country,
            record.region,
            word_set(record.data_held),
            word_set(record.marks),
            orjson.dumps(record.attributes).decode() if record.attributes else "{}",
            subject.seal(orjson.dumps(sealed), CUSTOMER),
            self._place(record),
            fingerprint,
        )

    def point(self, subject: SubjectKey, point: ContactPoint, rank: int) -> SealedPoint:
        """Seal one contact point."""
        value_index, folded_index = self.indexes(point)
        site = self._site(point.site) if point.site else ""
        return SealedPoint(
            point.channel,
            rank,
            subject.seal(point.value.encode(), CONTACT_POINT),
            value_index,
            folded_index,
            site,
        )

    def indexes(self, point: ContactPoint) -> tuple[bytes, bytes]:
        """Return the blind indexes of a contact point: of its value, and of its value folded."""
        kind = _KINDS[ChannelName(point.channel)]
        if kind == "email":
            return (
                self._keys.blind_index("email", point.value.lower()),
                self._keys.blind_index("email-folded", point.folded),
            )
        index = self._keys.blind_index(kind, point.folded)
        return index, index

    def _place(self, record: CustomerRecord) -> bytes | None:
        """Return the blind index of who lives where; none where either is too little known to tell."""
        letter = next((point for point in record.points if point.channel == ChannelName.LETTER), None)
        if letter is None and record.address:
            letter = places.letter(record.address)
        who = folded(record.name)
        return self._keys.blind_index("place", f"{who}\n{letter.folded}") if letter and who else None


def ranked(points: tuple[ContactPoint, ...]) -> list[tuple[int, ContactPoint]]:
    """Return contact points with their ranks: in each channel, the first named is preferred."""
    counts: dict[str, int] = {}
    made = []
    for point in points:
        rank = counts.get(point.channel, 0)
        counts[point.channel] = rank + 1
        made.append((rank, point))
    return made


def opened(subject: SubjectKey, sealed: bytes) -> tuple[str, PostalAddress | None, Mapping[str, str]]:
    """Return name, address and free attributes out of a customer's sealed column."""
    if not sealed:
        return "", None, {}
    content = orjson.loads(subject.open(sealed, CUSTOMER))
    address = PostalAddress(**content["address"]) if content.get("address") else None
    return content.get("name", ""), address, content.get("other", {})


@lru_cache(maxsize=1024)
def _stated(fields: frozenset[str]) -> list[str]:
    return sorted(fields)
