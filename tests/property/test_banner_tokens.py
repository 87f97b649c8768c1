"""Tokens of the host: what it vouches for comes out, and nothing else ever does."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels.banner.keys import TokenKey
from notifier.channels.banner.token import LONGEST, Claims, Tokens
from notifier.errors import BadSettings
from notifier.settings import BannerKeySettings, BannerSettings
from notifier.testing import FakeClock
from tests.banner import AUDIENCE, ISSUER, SECRET, Host, encoded

CLOCK = FakeClock()
NOW = CLOCK.now().timestamp()
HOST = Host()
TOKENS = HOST.tokens(CLOCK)
SUBJECTS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=40)


def _claims(**more: Any) -> dict[str, Any]:
    base = {"iss": ISSUER, "aud": AUDIENCE, "sub": "A-1", "iat": int(NOW), "exp": int(NOW) + 600}
    return base | more


@given(SUBJECTS, st.sampled_from(["ed-1", "hs-1"]))
def test_a_token_names_its_account_and_no_other(sub: str, kid: str) -> None:
    """Whatever the number looks like, exactly it comes out, under either kind of key."""
    found = TOKENS.verify(HOST.mint(sub, NOW, kid))
    assert found is not None
    assert (found.sub, found.key_id) == (sub, kid)


@given(SUBJECTS, SUBJECTS, st.data())
def test_no_change_turns_the_token_of_one_into_that_of_another(one: str, other: str, data: Any) -> None:
    """Parts of two tokens put together in any way vouch for whoever signed the payload, or for nobody."""
    parts = [HOST.mint(sub, NOW, kid).split(".") for sub in (one, other) for kid in ("ed-1", "hs-1")]
    mixed = [data.draw(st.sampled_from(parts))[place] for place in range(3)]
    found = TOKENS.verify(".".join(mixed))
    if found is not None:
        assert mixed in [HOST.mint(found.sub, NOW, kid).split(".") for kid in ("ed-1", "hs-1")]


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_changed_byte_never_gives_another_account(place: int, change: int) -> None:
    """It gives nothing, or, where only unused bits of the last character changed, the same account."""
    token = bytearray(HOST.mint("A-1", NOW).encode())
    token[place % len(token)] ^= change
    assert (found := TOKENS.verify(bytes(token))) is None or found.sub == "A-1"


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_anything_else_is_nothing(token: Any) -> None:
    """Verification is total: no text and no bytes raise."""
    assert TOKENS.verify(token) is None


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "jku", "b64"]), JUNK), JUNK)
def test_no_header_and_no_payload_raise(header: dict[str, Any], payload: Any) -> None:
    """Parts that are JSON, but make no sense, give nothing."""
    assert TOKENS.verify(f"{encoded(header)}.{encoded(payload)}.AAAA") is None


@given(
    st.sampled_from(["iss", "aud", "sub", "iat", "exp", "nbf", "jti", "customary_place", "auth_time"]), JUNK
)
def test_a_signed_claim_of_the_wrong_kind_is_refused_without_error(name: str, value: Any) -> None:
    """Even the host itself cannot make the verification fail with an error."""
    try:
        token = HOST.mint("A-1", NOW, **{name: value})
    except ValueError:
        return  # No JSON.
    found = TOKENS.verify(token)
    assert found is None or isinstance(found, Claims)


@pytest.mark.parametrize(
    "more",
    [
        {"iss": "https://other.example.com"},
        {"aud": "https://other.example.com"},
        {"aud": [AUDIENCE]},
        {"sub": ""},
        {"sub": "x" * 129},
        {"sub": 7},
        {"sub": "a\nb"},
        {"sub": None},
        {"iat": None},
        {"exp": None},
        {"exp": int(NOW) + 901},
        {"iat": int(NOW) - 700, "exp": int(NOW)},
        {"iat": int(NOW) + 61, "exp": int(NOW) + 600},
        {"nbf": int(NOW) + 61},
        {"exp": str(int(NOW) + 600)},
        {"exp": NOW + 600.5},
        {"exp": int(NOW), "iat": int(NOW)},
        {"iat": True, "exp": 10**30},
        {"customary_place": "true"},
        {"customary_place": 1},
    ],
)
def test_claims_that_do_not_hold_give_nothing(more: dict[str, Any]) -> None:
    """Wrong issuer, audience or account, no time limit or too long a one, not yet or no longer valid."""
    assert TOKENS.verify(HOST.mint("A-1", NOW, **more)) is None


def test_the_algorithm_belongs_to_the_key() -> None:
    """No algorithm, another than the key's, and a public key taken for a secret are all refused."""
    payload = encoded(_claims())
    none = f"{encoded({'alg': 'none', 'kid': 'ed-1'})}.{payload}."
    swapped = jwt.encode(_claims(), SECRET, "HS256", headers={"kid": "ed-1"})
    longer = jwt.encode(_claims(), SECRET * 2, "HS512", headers={"kid": "hs-1"})
    unnamed = jwt.encode(_claims(), SECRET, "HS256")
    for token in (none, f"{none}AAAA", swapped, longer, unnamed):
        assert TOKENS.verify(token) is None
    with pytest.raises(BadSettings):
        TokenKey("hs-2", "HS256", HOST.pem)


@pytest.mark.parametrize(
    "extra", [{"crit": ["exp"]}, {"jwk": {}}, {"jku": "https://x.test"}, {"typ": "at+jwt"}]
)
def test_a_header_says_algorithm_and_key_and_no_more(extra: dict[str, Any]) -> None:
    """A key that is brought along, and extensions, are refused even under a good signature."""
    token = jwt.encode(_claims(), SECRET, "HS256", headers={"kid": "hs-1"} | extra)
    assert TOKENS.verify(token) is None


def test_a_token_that_is_too_long_is_not_looked_at() -> None:
    """A good signature does not help it."""
    assert TOKENS.verify(HOST.mint("A-1", NOW, pad="x" * 1000)) is not None
    assert TOKENS.verify(HOST.mint("A-1", NOW, pad="x" * LONGEST)) is None


def test_a_token_ends_at_its_second() -> None:
    """One second before it is good, at ``exp`` it is not."""
    clock = FakeClock()
    tokens, token = HOST.tokens(clock), HOST.mint("A-1", NOW)
    clock.advance(seconds=599)
    assert tokens.verify(token) is not None
    clock.advance(seconds=1)
    assert tokens.verify(token) is None


def test_what_the_host_asserts_comes_out() -> None:
    """The customary place and the last authentication; an authentication in the future is none."""
    found = TOKENS.verify(HOST.mint("A-1", NOW, customary_place=True, auth_time=int(NOW) - 60, jti="s-9"))
    assert found is not None
    assert (found.customary_place, found.token_id) == (True, "s-9")
    assert found.authenticated_at is not None
    assert (CLOCK.now() - found.authenticated_at).total_seconds() == 60
    silent = TOKENS.verify(HOST.mint("A-1", NOW, auth_time=int(NOW) + 1))
    assert silent == replace(found, token_id="", customary_place=None, authenticated_at=None)


def test_keys_are_rotated_by_adding_one_and_taking_one_away() -> None:
    """Both are good together; a removed one is good no more, and two never share an id."""
    token = HOST.mint("A-1", NOW, "hs-1")
    rotated = Host()
    rotated.keys.append(TokenKey("hs-2", "HS256", SECRET[::-1]))
    assert rotated.tokens(CLOCK).verify(token) is not None
    del rotated.keys[1]
    assert rotated.tokens(CLOCK).verify(token) is None
    rotated.keys.append(rotated.keys[0])
    with pytest.raises(BadSettings):
        rotated.tokens(CLOCK)


def test_keys_come_from_the_settings(tmp_path: Path) -> None:
    """PEM for a public key, base64 for a secret; what cannot be used stops the start."""
    (tmp_path / "a.pem").write_bytes(HOST.pem)
    (tmp_path / "b").write_bytes(b64encode(SECRET) + b"\n")
    keys = (
        BannerKeySettings(id="ed-1", key_file=str(tmp_path / "a.pem")),
        BannerKeySettings(id="hs-1", algorithm="HS256", key_file=str(tmp_path / "b")),
    )
    tokens = Tokens.load(BannerSettings(issuer=ISSUER, audience=AUDIENCE, keys=keys), CLOCK)
    assert all(tokens.verify(HOST.mint("A-1", NOW, kid)) for kid in ("ed-1", "hs-1"))
    wrong = [
        BannerKeySettings(id="hs-1", algorithm="HS256", key_file=str(tmp_path / "a.pem")),
        BannerKeySettings(id="ed-1", key_file=str(tmp_path / "b")),
        BannerKeySettings(id="ed-1", key_file=str(tmp_path / "missing")),
        BannerKeySettings(id="ed 1", key_file=str(tmp_path / "a.pem")),
    ]
    for key in wrong:
        with pytest.raises(BadSettings):
            Tokens.load(BannerSettings(issuer=ISSUER, audience=AUDIENCE, keys=(key,)), CLOCK)
    with pytest.raises(BadSettings):
        Tokens.load(BannerSettings(keys=keys), CLOCK)
