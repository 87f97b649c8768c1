"""Entries are canonical whatever they hold, and their disclosures can be made again while the key lives."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import orjson
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.audit.entry import (
    MAX_ENTRY_BYTES,
    Disclosure,
    Event,
    digest,
    disclose,
    encode,
    new_event_id,
)
from notifier.keys import SubjectKey

AT = datetime(2026, 3, 2, 9, 0, 0, 1, tzinfo=UTC)
KEY = SubjectKey(bytes(range(32)))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
names = st.text(st.characters(max_codepoint=127), max_size=12)
numbers = st.integers(-(2**53) + 1, 2**53 - 1)
values = st.recursive(
    texts | numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)
facts = st.dictionaries(names, values, max_size=8)


def entry(event: Event, event_id: str = "0" * 32) -> bytes:
    return encode(event, event_id=event_id, origin="notify.example.com/audit", at=AT)


@settings(max_examples=150, deadline=None)
@given(facts)
def test_entry_bytes_are_those_of_rfc_8785(given_facts: dict) -> None:
    """Another library's canonical form of the same document is byte for byte ours."""
    made = entry(Event("test:done", given_facts))
    assert made == rfc8785.dumps(json.loads(made))
    assert json.loads(made)["data"] == given_facts


@settings(max_examples=60, deadline=None)
@given(facts, st.dictionaries(names, texts, max_size=4), st.dictionaries(names, texts, max_size=4))
def test_disclosures_stand_in_the_entry_by_their_digests_alone(
    given_facts: dict, recipient: dict, response: dict
) -> None:
    """What is disclosed is found in the entry by its RFC 9901 digest, sorted, and is made again the same."""
    event = Event(
        "test:done", given_facts, (Disclosure("recipient", recipient), Disclosure("response", response)), KEY
    )
    made = disclose(event, "a" * 32)
    data = json.loads(entry(event, "a" * 32))["data"]
    assert data["_sd"] == sorted(digest(one) for one in made)
    assert data["_sd_alg"] == "sha-256"
    assert made == disclose(event, "a" * 32) != disclose(event, "b" * 32)
    salt, name, value = orjson.loads(base64.urlsafe_b64decode(made[0] + b"=="))
    assert (len(salt), name, value) == (22, "recipient", recipient)


def test_equal_values_are_not_linked_across_people_or_entries() -> None:
    """One address has another digest in every entry and under every key."""
    shown = (Disclosure("recipient", {"address": "a@example.com"}),)
    digests = {
        json.loads(entry(Event("test:done", {}, shown, SubjectKey(bytes([number]) * 32)), event_id))["data"][
            "_sd"
        ][0]
        for number in range(3)
        for event_id in ("a" * 32, "b" * 32)
    }
    assert len(digests) == 6


@pytest.mark.parametrize("wrong", [1.0, True, None, b"x", {"a": [1.5]}, {"ä": "x"}, 2**53, {1: "x"}])
def test_values_without_one_canonical_form_are_refused(wrong: object) -> None:
    """Floats, booleans, nulls, bytes, keys outside ASCII and integers beyond 53 bits do not go on record."""
    with pytest.raises(TypeError):
        entry(Event("test:done", {"value": wrong}))


def test_keys_outside_ascii_and_entries_too_long_are_refused() -> None:
    """A key is ASCII at the top level too; an entry fits a bundle's 16-bit length."""
    with pytest.raises(TypeError):
        entry(Event("test:done", {"ä": 1}))
    with pytest.raises(ValueError, match=str(MAX_ENTRY_BYTES)):
        entry(Event("test:done", {"text": "x" * MAX_ENTRY_BYTES}))
    with pytest.raises(ValueError, match="subject"):
        entry(Event("test:done", {}, (Disclosure("recipient", {}),)))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**48 * 1000 - 1))
def test_event_ids_are_version_7_and_sort_by_time(now: int) -> None:
    """An id has the layout of RFC 9562, section 5.7, and begins with its millisecond."""
    made = new_event_id(now)
    assert len(made) == 32
    assert int(made[:12], 16) == now // 1000
    assert made[12] == "7"
    assert made[16] in "89ab"
    assert made != new_event_id(now)
