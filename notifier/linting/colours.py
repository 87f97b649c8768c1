"""Colours of a notice: what inline styles and the dark scheme make of them, and their contrast (WCAG 2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ENOUGH = 4.5
"""Contrast ratio that text needs (WCAG 2.2, criterion 1.4.3)."""
_HEX = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})", re.IGNORECASE)
_DARK = re.compile(r"@media\s*\(prefers-color-scheme:\s*dark\)\s*\{((?:[^{}]*\{[^{}]*\})*)\s*\}")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_NAMED = {"white": "#ffffff", "black": "#000000"}


def declarations(style: str) -> dict[str, str]:
    """Return the properties of an inline style, without ``!important``."""
    made = {}
    for one in style.split(";"):
        name, colon, value = one.partition(":")
        if colon:
            made[name.strip().lower()] = value.replace("!important", "").strip().lower()
    return made


def luminance(colour: str) -> float | None:
    """Return the relative luminance of a hex colour, None where it is none."""
    match = _HEX.fullmatch(_NAMED.get(colour, colour))
    if not match:
        return None
    digits = match.group(1)
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    red, green, blue = (_linear(int(digits[at : at + 2], 16) / 255) for at in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float | None:
    """Return the contrast ratio of two colours, None where one is not a hex colour."""
    one, other = luminance(first), luminance(second)
    if one is None or other is None:
        return None
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


@dataclass(frozen=True)
class Scheme:
    """How one element looks: the colours it passes on and its font size in pixels."""

    colour: str = "#000000"
    background: str = "#ffffff"
    size: float = 16.0

    def inside(self, styles: Iterable[Mapping[str, str]]) -> Scheme:
        """Return how an element inside looks, the later styles going before."""
        colour, background, size = self.colour, self.background, self.size
        for style in styles:
            colour = style.get("color", colour)
            background = style.get("background-color", style.get("background", background))
            size = _pixels(style.get("font-size", ""), size)
        return Scheme(colour, background, size)

    def readable(self) -> bool:
        """Say whether text in these colours has contrast enough; unknown colours have not."""
        ratio = contrast(self.colour, self.background)
        return ratio is not None and ratio >= ENOUGH


def _pixels(size: str, inherited: float) -> float:
    match = re.fullmatch(r"([0-9.]+)(px|pt|em|rem|%)", size)
    if not match:
        return inherited
    number = float(match.group(1))
    return {"px": number, "pt": number * 4 / 3, "em": number * inherited, "rem": number * 16}.get(
        match.group(2), number * inherited / 100
    )


class DarkRules:
    """What a style sheet changes in the dark colour scheme, by tag and by class."""

    def __init__(self, sheet: str) -> None:
        self._rules = [
            (selector.strip(), declarations(body))
            for block in _DARK.findall(sheet)
            for selectors, body in _RULE.findall(block)
            for selector in selectors.split(",")
        ]

    def of(self, tag: str, classes: Iterable[str]) -> list[dict[str, str]]:
        """Return the styles that apply to an element, classes after tags."""
        names = {f".{one}" for one in classes}
        by_tag = [style for selector, style in self._rules if selector == tag]
        return by_tag + [style for selector, style in self._rules if selector in names]
