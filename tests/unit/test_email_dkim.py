"""DKIM: another implementation accepts our signatures, and nothing signed can be changed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels.email.dkim import DkimSigner, relaxed_body
from notifier.channels.email.message import Composer, with_date
from notifier.errors import BadSettings
from notifier.notices import Rendered
from notifier.settings import DkimSettings, EmailSettings

MESSAGE = with_date(
    Composer(EmailSettings(reply_to="help@example.com")).compose(
        Rendered("Grüße", "Hello  there \n\n.\n", "<p>Hello</p>\n\n"),
        recipient="reader@example.com",
        name="Robin Reader",
        reference="3F9A02BC77D1E04B",
        locale="en",
        code="INC-1",
        drill=False,
    ),
    datetime(2026, 3, 2, tzinfo=UTC),
)


def settings(folder: Path, selector: str, key) -> DkimSettings:
    path = folder / f"{selector}.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return DkimSettings(domain="Example.com", selector=selector, key_file=str(path))


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> DkimSigner:
    """Signs with an Ed25519 and an RSA key."""
    folder = tmp_path_factory.mktemp("keys")
    keys = {"ed": ed25519.Ed25519PrivateKey.generate(), "rsa": rsa.generate_private_key(65537, 2048)}
    return DkimSigner([settings(folder, selector, key) for selector, key in keys.items()])


def verifies(signer: DkimSigner, message: bytes) -> list[bool]:
    """Ask dkimpy about each signature, with the records we would publish."""

    def record(name: bytes, timeout: int = 5) -> bytes:
        return signer.records()[name.decode().rstrip(".")].encode()

    def verify(index: int) -> bool:
        try:
            return bool(dkim.DKIM(message, minkey=2048).verify(index, dnsfunc=record))
        except dkim.ValidationError:
            return False

    return [verify(index) for index in range(2)]


def test_both_signatures_verify(signer: DkimSigner) -> None:
    """Ed25519 and RSA stand side by side."""
    assert verifies(signer, signer.sign(MESSAGE) + MESSAGE) == [True, True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Robin", b"Rabin"),
        (b"INC-1", b"INC-2"),
        (b"<p>Hello", b"<p>Hallo"),
        (b"List-Id:", b"List-Unsubscribe: <https://example.net>\r\nList-Id:"),
        (b"To:", b"To: other@example.com\r\nTo:"),
        (b"To:", b"Cc: other@example.com\r\nTo:"),
        (b"auto-generated", b"no"),
    ],
)
def test_a_changed_message_does_not_verify(signer: DkimSigner, old: bytes, new: bytes) -> None:
    """Neither fields nor body may change, and no signed field may be added."""
    changed = MESSAGE.replace(old, new, 1)
    assert changed != MESSAGE
    assert verifies(signer, signer.sign(MESSAGE) + changed) == [False, False]


def test_a_relay_may_change_white_space(signer: DkimSigner) -> None:
    """Relaxed form: another folding or a blank line at the end does no harm."""
    signed = signer.sign(MESSAGE) + MESSAGE.replace(b"To: Robin", b"To:  Robin") + b"\r\n"
    assert verifies(signer, signed) == [True, True]


def test_signing_again_gives_the_same_fields(signer: DkimSigner) -> None:
    """A retry carries the same bytes."""
    assert signer.sign(MESSAGE) == signer.sign(MESSAGE)


def test_signature_lines_are_short(signer: DkimSigner) -> None:
    """The fields are folded."""
    assert max(map(len, signer.sign(MESSAGE).split(b"\r\n"))) <= 78


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"  ", b" \r\n", b"\r\n\r\n"]), max_size=12))
def test_bodies_are_relaxed_as_others_relax_them(parts: list[bytes]) -> None:
    """The canonical body is dkimpy's, whatever the white space."""
    body = b"".join(parts)
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    assert relaxed_body(body) == dkim.canonicalization.Relaxed.canonicalize_body(body)


@pytest.mark.parametrize(
    ("key", "what"),
    [
        (rsa.generate_private_key(65537, 1024), "1024 bits"),
        (ec.generate_private_key(ec.SECP256R1()), "neither"),
    ],
)
def test_a_weak_or_strange_key_stops_the_start(tmp_path: Path, key, what: str) -> None:
    """Short RSA keys and other kinds are refused with advice."""
    with pytest.raises(BadSettings, match=what) as refused:
        DkimSigner([settings(tmp_path, "s", key)])
    assert "2048" in refused.value.advice()


@pytest.mark.parametrize("content", [None, b"no key"])
def test_a_key_that_cannot_be_read_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    """A missing file and one without a key are told apart from each other, never shown."""
    path = tmp_path / "s.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadSettings, match=r"s\.pem"):
        DkimSigner([DkimSettings(domain="example.com", selector="s", key_file=str(path))])
