"""A short cut through national numbering plans for telephone numbers written in the usual way.

The phonenumbers library takes some 60 µs to read a number, most of it to find out in which of many ways
it is written. Here only plainly written numbers are read, with that library's own metadata, and only where
its answer is certain; everything else goes to the library. A property test compares the two.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

_PLAIN = re.compile(r"\+?[0-9](?:[ ().-]*[0-9]){5,16}")
_NOT_DIGITS = re.compile(r"\D")
_NEVER = re.compile(r"(?!)")


class _Plan(NamedTuple):
    """How the numbers of a region are told apart; the patterns are for the number without prefixes."""

    code: str
    prefix: str
    """What is dialled before a number within the country, where that is plain digits."""
    strips: re.Pattern[str]
    """What the library might strip from the front."""
    abroad: re.Pattern[str]
    """What is dialled before a number in another country."""
    texts: re.Pattern[str]
    voice: re.Pattern[str]


def plain_number(text: str, country: str) -> tuple[bool, str] | None:
    """Return whether a number takes texts, and its E.164 form; ``None`` where the library must decide."""
    if not _PLAIN.fullmatch(text) or not text.isascii():
        return None
    digits = _NOT_DIGITS.sub("", text)
    if text[0] == "+":
        plan = _by_code(digits[:3])
        national = digits[len(plan.code) :] if plan else ""
    else:
        plan = _by_region(country) if country else None
        if plan is None or digits.startswith(plan.code) or plan.abroad.match(digits):
            return None
        national = digits.removeprefix(plan.prefix) if plan.prefix else digits
    if plan is None or national[:1] == "0" or plan.strips.match(national):
        return None
    if plan.texts.fullmatch(national):
        return True, f"+{plan.code}{national}"
    if plan.voice.fullmatch(national):
        return False, f"+{plan.code}{national}"
    return None


@cache
def _by_code(start: str) -> _Plan | None:
    for length in (1, 2, 3):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(start[:length] or 0))
        if regions:
            plan = _by_region(regions[0])
            return plan if plan and plan.code == start[:length] else None
    return None


@cache
def _by_region(region: str) -> _Plan | None:
    """Return the plan of a region; ``None`` where other regions must be asked first."""
    data = PhoneMetadata.metadata_for_region(region, None)
    if data is None or data.leading_digits or data.country_code is None:
        return None
    if COUNTRY_CODE_TO_REGION_CODE[data.country_code][0] != region:
        return None
    general = _alternatives(data.general_desc)
    other = _alternatives(data.premium_rate, data.toll_free, data.shared_cost, data.uan, data.voicemail)
    mobile, fixed = _alternatives(data.mobile), _alternatives(data.fixed_line)
    rare = _alternatives(data.voip, data.personal_number, data.pager)
    prefix = data.national_prefix_for_parsing or ""
    if prefix and not prefix.isdecimal():
        prefix = ""
    same = mobile == fixed
    return _Plan(
        code=str(data.country_code),
        prefix="" if data.national_prefix_transform_rule else prefix,
        strips=re.compile(data.national_prefix_for_parsing) if data.national_prefix_for_parsing else _NEVER,
        abroad=re.compile(data.international_prefix) if data.international_prefix else _NEVER,
        texts=re.compile(f"(?={general}$)(?!{other}$)(?:{mobile})", re.ASCII),
        voice=_NEVER
        if same
        else re.compile(f"(?={general}$)(?!{other}$)(?!{rare}$)(?!{mobile}$)(?:{fixed})", re.ASCII),
    )


def _alternatives(*kinds: object) -> str:
    """Return a pattern for numbers of any of these kinds, each with its possible lengths."""
    made = []
    for kind in kinds:
        pattern = getattr(kind, "national_number_pattern", None)
        lengths = [length for length in getattr(kind, "possible_length", ()) if length > 0]
        if pattern and getattr(kind, "possible_length", ()) != (-1,):
            size = f"(?={'|'.join(f'[0-9]{{{length}}}$' for length in lengths)})" if lengths else ""
            made.append(f"(?:{size}(?:{pattern}))")
    return f"(?:{'|'.join(made)})" if made else "(?!)"
