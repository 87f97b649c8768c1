"""References as people type them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifier.notices import grouped
from notifier.references import read_reference

REFERENCES = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016X}")
DRESSING = st.text(st.sampled_from(" -\u2010\u2013\u2014\u00a0\u200e\u200f\u202a\u2212\t"), max_size=3)


@given(REFERENCES, st.lists(DRESSING, min_size=17, max_size=17), st.booleans())
def test_dressing_and_case_do_not_matter(reference: str, dressing: list[str], small: bool) -> None:
    """Spaces, dashes and invisible marks of any kind may stand anywhere."""
    typed = "".join(mark + one for mark, one in zip(dressing, [*reference, ""], strict=True))
    assert read_reference(typed.lower() if small else typed) == reference
    assert read_reference(grouped(reference)) == reference


@given(REFERENCES, st.sampled_from("०٠۰𝟬"))  # noqa: RUF001 - zeros of other scripts
def test_digits_of_any_script_are_digits(reference: str, zero: str) -> None:
    """A keyboard set to another script types the same reference."""
    typed = "".join(chr(ord(zero) + int(one)) if one.isdecimal() else one for one in reference)
    assert read_reference(typed) == reference


@given(st.text(max_size=300))
def test_anything_else_is_no_reference(typed: str) -> None:
    """What comes out is sixteen digits of hexadecimal or nothing, whatever goes in."""
    found = read_reference(typed)
    assert found is None or (len(found) == 16 and set(found) <= set("0123456789ABCDEF"))
