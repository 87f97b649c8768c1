"""What a text costs: the alphabet, segment by segment, and the preview that explains it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from notifier.channels.sms import count, explain
from notifier.channels.sms.alphabet import DEFAULT, EXTENSION
from notifier.channels.sms.preview import suggest
from notifier.channels.sms.segments import Encoding


@pytest.mark.parametrize(
    ("text", "units", "segments"),
    [
        ("", 0, 0),
        ("a" * 160, 160, 1),
        ("a" * 161, 161, 2),
        ("a" * 306, 306, 2),
        ("a" * 307, 307, 3),
        ("€" * 80, 160, 1),
        ("a" * 152 + "€" + "a" * 151, 305, 2),
        ("a" * 152 + "€" + "a" * 152, 306, 3),
        ("a" * 161 + "\n", 162, 2),
    ],
)
def test_gsm_segments(text: str, units: int, segments: int) -> None:
    """160 septets fit one segment, 153 each of several; an escape pair moves whole to the next."""
    cost = count(text)
    assert (cost.encoding, cost.units, cost.segments) == (Encoding.GSM_7, units, segments)
    assert cost.without == segments


@pytest.mark.parametrize(
    ("text", "units", "segments"),
    [
        ("é" * 69 + "ş", 70, 1),
        ("ş" * 71, 71, 2),
        ("ş" * 134, 134, 2),
        ("ş" * 135, 135, 3),
        ("ş" * 66 + "😀" + "ş" * 66, 134, 3),
        ("😀" * 35, 70, 1),
        ("😀" * 36, 72, 2),
    ],
)
def test_ucs2_segments(text: str, units: int, segments: int) -> None:
    """70 code units fit one segment, 67 each of several; a surrogate pair moves whole to the next."""
    cost = count(text)
    assert (cost.encoding, cost.units, cost.segments) == (Encoding.UCS_2, units, segments)


def test_half_a_surrogate_pair_costs_nothing_because_it_cannot_be_sent() -> None:
    """It has no encoding at all."""
    with pytest.raises(ValueError, match="surrogate"):
        count("a\ud83d")


def test_the_alphabet_is_that_of_another_implementation() -> None:
    """Perl's Encode, written from the same standard, encodes every character as the tables do."""
    perl = shutil.which("perl")
    if perl is None or subprocess.run([perl, "-MEncode::GSM0338", "-e", "1"], check=False).returncode:
        pytest.skip("Perl's Encode is missing")
    every = [char for char in DEFAULT if char != "\x1b"] + list(EXTENSION)
    script = 'binmode STDIN, ":utf8"; local $/; print unpack("H*", Encode::encode("gsm0338", <STDIN>))'
    made = subprocess.run(
        [perl, "-MEncode", "-e", script], input="".join(every).encode(), stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    ours = bytes(DEFAULT.index(char) for char in DEFAULT if char != "\x1b")
    ours += b"".join(bytes((0x1B, code)) for code in EXTENSION.values())
    assert made == ours.hex()


def test_one_character_is_told_with_what_it_costs() -> None:
    """An apostrophe of the wrong kind turns one segment into three."""
    preview = explain("It\u2019s " + "a" * 140)
    assert (preview.cost.segments, preview.suggested_cost.segments) == (3, 1)
    (odd,) = preview.odd
    assert (odd.char, odd.suggestion, odd.times, odd.segments_without) == ("\u2019", "'", 1, 1)
    assert preview.sentence == (
        "3 segments of UCS-2, 145 units. Without RIGHT SINGLE QUOTATION MARK it would be 1 segment."
    )


def test_of_two_odd_characters_one_alone_saves_nothing() -> None:
    """The preview says so, and what taking both out would save."""
    preview = explain("ş“" + "a" * 100)
    assert [odd.segments_without for odd in preview.odd] == [2, 2]
    assert preview.cost.without == 1
    assert preview.odd[0].suggestion is None
    assert "2 characters outside GSM-7 it would be 1 segment" in preview.sentence


def test_no_letter_is_ever_suggested_away() -> None:
    """Only typographic signs are; and everything suggested is in the alphabet."""
    text = "Çà ç ê ő ß “x” \u2013 … \u00a0 \u200b ™"
    assert suggest(text) == 'Çà ç ê ő ß "x" - ...    (TM)'
    assert explain("“\u2013”…").suggested_cost.encoding is Encoding.GSM_7
