"""No bytes make an adapter raise, and none but genuine ones make a receipt."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.channels.email.providers.postmark import Postmark
from notifier.channels.receipts import Receipt, ReceiptKind
from tests.inlets import PATHS
from tests.providers import DATA, Sns, sample

SAMPLES = [(path.parent.name, path.stem) for path in sorted(DATA.rglob("*.json"))]
SECRET = {"x-notifier-secret": "s"}
POSTMARK = Postmark(PATHS, user="", password="s")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    | st.sampled_from(["\0", "2026-03-02T09:00:00Z", "0001-01-01T00:00:00+23:59", "Permanent", "smtp; 550 5.1.1", "5.999.999"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(["Authorization", "x-notifier-secret", "Content-Type"]), st.text(max_size=40)
)


def _sound(receipts: tuple[Receipt, ...]) -> None:
    for one in receipts:
        assert isinstance(one.kind, ReceiptKind)
        assert 0 < len(one.key) <= 64
        assert one.occurred_at is None or one.occurred_at.tzinfo is not None
        assert "\0" not in one.carrier_id + one.reason + one.enhanced + one.reference
        assert len(one.text) <= 2000
        assert 0 <= one.code < 600


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value within a document."""
    found = [path]
    if isinstance(value, dict):
        found += [way for name, inner in value.items() for way in _paths(inner, (*path, name))]
    if isinstance(value, list):
        found += [way for number, inner in enumerate(value) for way in _paths(inner, (*path, number))]
    return found


def _with(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = _with(document[path[0]], path[1:], value)
    return copy


@given(body=st.binary(max_size=300), headers=HEADERS)
def test_no_bytes_make_an_adapter_raise(body: bytes, headers: dict[str, str]) -> None:
    """Without a proof there is never a receipt."""
    for reader in (Sns().ses, Postmark(PATHS, user="u", password="p")):
        assert asyncio.run(reader.read(headers, body)).receipts == ()
    _sound(asyncio.run(POSTMARK.read(SECRET, body)).receipts)


@given(data=st.data())
@settings(max_examples=300)
def test_reports_with_anything_in_any_place(data: st.DataObject) -> None:
    """Genuine reports whose parts are of the wrong kind, missing or odd give sound receipts or none."""
    provider, name = data.draw(st.sampled_from(SAMPLES))
    document = sample(provider, name)
    for _ in range(data.draw(st.integers(1, 3))):
        document = _with(document, data.draw(st.sampled_from(_paths(document))), data.draw(JSON))
    text = json.dumps(document)
    if provider == "ses":
        sns = Sns()
        body = json.dumps(sns.message(text)).encode()
        _sound(asyncio.run(sns.ses.read({}, body)).receipts)
    else:
        _sound(asyncio.run(POSTMARK.read(SECRET, text.encode())).receipts)


@given(data=st.data())
@settings(max_examples=150)
def test_sns_messages_with_anything_in_any_place(data: st.DataObject) -> None:
    """A message changed after it was signed brings nothing, unless what is changed is not signed."""
    sns = Sns()
    message = data.draw(st.sampled_from([sns.message(sample("ses", "delivery")), sns.subscription()]))
    changed = _with(message, data.draw(st.sampled_from(_paths(message))), data.draw(JSON))
    delivered = asyncio.run(sns.ses.read({}, json.dumps(changed).encode()))
    unsigned = (
        {**message, "UnsubscribeURL": 0} == {**changed, "UnsubscribeURL": 0}
        if isinstance(changed, dict)
        else False
    )
    if not unsigned and delivered.refusal is None:
        assert changed.get("SignatureVersion") == 2 or delivered.receipts == ()
    _sound(delivered.receipts)


@given(cut=st.integers(0, 2000), at=st.sampled_from(SAMPLES))
def test_truncated_reports_are_refused(cut: int, at: tuple[str, str]) -> None:
    """A body that was cut off is no JSON, and brings nothing."""
    text = json.dumps(sample(*at))
    body = text[: min(cut, len(text) - 1)].encode()
    assert asyncio.run(POSTMARK.read(SECRET, body)).receipts == ()
