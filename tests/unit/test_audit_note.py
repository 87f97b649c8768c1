"""Signed notes, checkpoints and keys, against published examples."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from notifier.audit import note
from notifier.audit.log_key import LogKey
from notifier.audit.note import Checkpoint, Verifier
from notifier.errors import AuditError, BadSettings, Conflict

# The example of Go's golang.org/x/mod/sumdb/note, the reference implementation of the format.
SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
NOTE = f"{TEXT}\n{LINE}".encode()
KNOWN = [Verifier.parse(VKEY)]
OTHER = LogKey("other.example.com/audit", b"\x07" * 32)


@pytest.fixture
def key(tmp_path: Path) -> LogKey:
    (tmp_path / "log.key").write_text(SKEY + "\n")
    return LogKey.load(tmp_path, "PeterNeumann")


def test_signing_gives_the_published_note(key: LogKey) -> None:
    """Key, text and signature line are byte for byte the published ones."""
    assert key.vkey == VKEY
    assert note.sign(TEXT, [key]) == NOTE
    assert note.open_note(NOTE, KNOWN) == TEXT


def test_signatures_of_unknown_keys_and_kinds_are_ignored(key: LogKey) -> None:
    """A note with further lines, even long ones of a kind to come, still opens."""
    later = f"— PeterNeumann {note.base64.b64encode(bytes(4 + 2420)).decode()}\n".encode()
    assert note.open_note(note.sign(TEXT, [OTHER, key]) + later, KNOWN) == TEXT
    with pytest.raises(AuditError):
        note.open_note(note.sign(TEXT, [OTHER]), KNOWN)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        TEXT.encode(),
        TEXT.encode() + b"\n",
        NOTE[:-1],
        NOTE.replace(b"\n\n", b"\n"),
        NOTE.replace("—".encode(), b"-"),
        NOTE.replace(b"x08go", b"x0!8go"),
        NOTE.replace(b"nAM=", b"nAN="),
        NOTE.replace(b"nAM=", b"nAM"),
        NOTE.replace(b" x08go", b"  x08go"),
        NOTE.replace(b"think", b"th\x01nk"),
        NOTE.replace(b"think", b"th\xffnk"),
        NOTE.replace(b"PeterNeumann x", b"Peter+Neumann x"),
        NOTE.replace(b"think", b"thunk"),
        NOTE + LINE.encode() * 100,
        NOTE + "\u2028".encode(),
    ],
)
def test_damaged_notes_are_refused(damaged: bytes) -> None:
    """Any departure from the format, base64's second spellings included, is refused."""
    with pytest.raises(AuditError):
        note.open_note(damaged, KNOWN)


def test_every_flipped_bit_of_a_checkpoint_is_noticed(key: LogKey) -> None:
    """No bit of a signed checkpoint can be changed."""
    signed = Checkpoint("PeterNeumann", 70_000, bytes(range(32))).signed([key])
    assert Checkpoint.open(signed, key.verifier).size == 70_000
    for bit in range(len(signed) * 8):
        damaged = bytearray(signed)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AuditError):
            Checkpoint.open(bytes(damaged), key.verifier)


def test_the_published_checkpoint_text_is_read() -> None:
    """The example of tlog-checkpoint has its three lines and is written back the same."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.parse(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == text


@pytest.mark.parametrize("size", ["", "-1", "+1", "007", "1.0", "1e3", "٣", "x"])
def test_malformed_sizes_are_refused(size: str) -> None:
    """A size is written in one way only."""
    with pytest.raises(AuditError):
        Checkpoint.parse(f"example.com/log\n{size}\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n")


def test_a_checkpoint_of_another_log_is_refused(key: LogKey) -> None:
    """A rightly signed checkpoint under another origin is not ours, nor is one with further lines."""
    with pytest.raises(AuditError):
        Checkpoint.open(Checkpoint("example.com/x", 1, bytes(32)).signed([key]), key.verifier)
    with pytest.raises(AuditError):
        Checkpoint.parse(f"{Checkpoint('example.com/x', 1, bytes(32)).text()}more\n")


def test_the_key_file_is_private_bound_and_never_replaced(tmp_path: Path) -> None:
    """The key is readable by its owner alone, belongs to one origin and is not overwritten."""
    made = LogKey.generate("notify.example.com/audit")
    made.save(tmp_path)
    assert stat.S_IMODE((tmp_path / "log.key").stat().st_mode) == 0o600
    assert LogKey.load(tmp_path, made.name).vkey == made.vkey
    with pytest.raises(Conflict):
        made.save(tmp_path)
    with pytest.raises(BadSettings, match="belongs to the log"):
        LogKey.load(tmp_path, "other.example.com/audit")


@pytest.mark.parametrize("text", ["", "x", SKEY.replace("c74f20a3", "c74f20a4"), SKEY[:-4]])
def test_a_damaged_key_file_is_refused(text: str, tmp_path: Path) -> None:
    """A key that does not match its own id is not used."""
    (tmp_path / "log.key").write_text(text)
    with pytest.raises(BadSettings):
        LogKey.load(tmp_path, "PeterNeumann")
    with pytest.raises(AuditError):
        Verifier.parse(text)


def test_origins_that_cannot_be_key_names_are_refused() -> None:
    """An origin with a space or a plus would break every line it stands in."""
    for origin in ("", "a b", "a+b", "a\u00a0b", "a\nb"):
        with pytest.raises(BadSettings):
            LogKey.generate(origin)
