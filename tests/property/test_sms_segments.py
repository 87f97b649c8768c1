"""Segments against an independent calculation: encode, then cut from the front."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from notifier.channels.sms import count, explain
from notifier.channels.sms.alphabet import DEFAULT, EXTENSION
from notifier.channels.sms.preview import suggest
from notifier.channels.sms.segments import Encoding

GSM = st.text(st.sampled_from([char for char in DEFAULT if char != "\x1b"] + list(EXTENSION)), max_size=500)
ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=300) | st.text("aé€ş😀", max_size=400)


def cut(data: list[bytes], single: int, joined: int) -> int:
    """Return the segments of characters already encoded, filled one after the other."""
    if sum(map(len, data)) <= single:
        return 1 if data else 0
    segments: list[bytes] = [b""]
    for char in data:
        if len(segments[-1] + char) > joined:
            segments.append(b"")
        segments[-1] += char
    return len(segments)


def expected(text: str) -> tuple[str, int, int]:
    """Return encoding, units and segments, by encoding the text for real."""
    codes = {char: bytes([code]) for code, char in enumerate(DEFAULT) if char != "\x1b"}
    codes |= {char: bytes([0x1B, code]) for char, code in EXTENSION.items()}
    if all(char in codes for char in text):
        data = [codes[char] for char in text]
        return Encoding.GSM_7, sum(map(len, data)), cut(data, 160, 153)
    wide = [char.encode("utf-16-be") for char in text]
    return Encoding.UCS_2, sum(map(len, wide)) // 2, cut(wide, 140, 134)


@given(GSM | ANY)
@example("a" * 152 + "€" * 80)
@example("ş" * 66 + "😀" * 40)
def test_a_text_costs_what_its_encoding_fills(text: str) -> None:
    """Encoding, units and segments are those of the text really encoded and cut."""
    cost = count(text)
    assert (cost.encoding, cost.units, cost.segments) == expected(text)


@given(ANY)
def test_without_its_odd_characters_a_text_is_gsm(text: str) -> None:
    """What forces the dearer encoding is named completely, and ``without`` is the cost of the rest."""
    cost = count(text)
    rest = "".join(char for char in text if char not in cost.forcing)
    assert count(rest).encoding is Encoding.GSM_7
    assert count(rest).segments == cost.without


@given(ANY)
def test_a_preview_never_changes_what_it_explains(text: str) -> None:
    """Suggestions are idempotent, and what one character costs is what replacing it saves."""
    preview = explain(text)
    assert preview.cost == count(text)
    assert suggest(preview.suggested) == preview.suggested
    for odd in preview.odd:
        assert odd.segments_without == count(text.replace(odd.char, odd.suggestion or "")).segments
