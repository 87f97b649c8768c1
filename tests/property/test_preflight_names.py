"""Whatever a customer is called, their notice is safe or they are set aside."""

from __future__ import annotations

import email
import email.policy
import os
import unicodedata
from functools import cache
from typing import Literal

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier import notices
from notifier.keys import Keys
from notifier.preflight.making import Maker, Recipe, known_dictionary, new_dictionary
from notifier.preflight.naming import SharedNames
from notifier.preflight.readers import Member
from notifier.settings import EmailSettings
from tests.audiences import FACTS

KEYS = Keys.generate()
PIECES = st.sampled_from(["\r\n", "Bcc: ", "{{", "}}", "%", "<", ">", '"', "'", "&", "@", "://", "\u202e", "\u2066",
                          "=?utf-8?q?", "?=", "\0", "\ud800", ",", ";", "None"])  # fmt: skip
WORDS = st.text(st.characters(categories=("Lu", "Lo"), exclude_characters="ªº"), min_size=2, max_size=6)
NAMES = st.lists(st.one_of(st.text(max_size=12), PIECES), max_size=8).map("".join)


@cache
def _maker() -> Maker:
    recipe = Recipe("INC-1/1/A1", "breach-notice", False, FACTS, "en", frozenset({"example.com"}),
                    frozenset({"privacy@example.com", "security@example.com"}), KEYS, EmailSettings(), ())  # fmt: skip
    _, message = Maker(recipe).invented("en", "person", "name email", "")
    made = {("en", "person"): known_dictionary(1, new_dictionary(message))}
    return Maker(Recipe(**{**vars(recipe), "dictionaries": made}))


def _member(name: str) -> Member:
    uid = os.urandom(16).hex()
    subject, wrapped = KEYS.new_subject(uid)
    sealed = subject.seal(orjson.dumps({"name": name.encode("utf-8", "replace").decode()}), b"customer")
    point = subject.seal(b"eva@mail.test", b"contact_point")
    return Member(1, "person", "en", " name ", "", None, uid, sealed, wrapped, point, True, uid, wrapped, ())


@given(NAMES)
@settings(max_examples=150, deadline=None)
def test_any_name_is_safe_or_set_aside(name: str) -> None:
    """What is made has one reader, only our header fields and no markup of the name's."""
    member = _member(name)
    made, aside = _maker().chunk([member])
    assert len(made) + len(aside) == 1
    if made:
        subject = KEYS.subject(member.person, member.wrapped or b"")
        packed = subject.open(made[0].sealed, notices.SEAL_CONTEXT)
        dictionary = _maker()._recipe.dictionaries["en", "person"]
        recipient, message = notices.unpack(packed, dictionary.content)
        parsed = email.message_from_bytes(message, policy=email.policy.default)
        assert recipient == "eva@mail.test"
        assert [one.addr_spec for one in parsed["to"].addresses] == ["eva@mail.test"]
        assert tuple(key.lower().encode() for key in parsed) == dictionary.fields
        assert not parsed.defects


@given(st.lists(NAMES, min_size=2, max_size=6))
@settings(max_examples=40, deadline=None)
def test_everybody_of_a_chunk_comes_out_once(names: list[str]) -> None:
    """Nobody is lost and nobody is made twice, whatever the neighbours are called."""
    members = [_member(name)._replace(id=number) for number, name in enumerate(names)]
    made, aside = _maker().chunk(members)
    assert sorted([one.member for one in made] + [one.member for one in aside]) == list(range(len(names)))


@given(st.lists(WORDS, min_size=2, max_size=4).map(" ".join), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
@settings(max_examples=200, deadline=None)
def test_any_name_of_words_is_found_in_a_text(name: str, form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> None:
    """In every script, however it is composed, between whatever punctuation stands around it."""
    said = unicodedata.normalize(form, name)
    shared = SharedNames({"texts": {"en": {"summary": f"the account “{said}” was used"}}})
    assert shared.places(name) == {"en summary"}
    assert shared.places(name.casefold()) == {"en summary"}


@given(NAMES, NAMES)
@settings(max_examples=150, deadline=None)
def test_looking_for_a_name_never_fails(name: str, text: str) -> None:
    """Whatever stands in name and text; and a text without words names nobody."""
    assert SharedNames({"texts": {"en": {"summary": text}}}).places(name) <= {"en summary"}
    assert SharedNames({"texts": {"en": {"summary": "... 12"}}}).places(name) == set()
