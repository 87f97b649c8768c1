"""Plain language, for English: reading level, length, hedging, advertising, and phrases that mislead."""

from __future__ import annotations

import re
from collections.abc import Iterator

from notifier.channels import Finding

GOOD_GRADE, WORST_GRADE = 8.0, 10.0
_RULE = re.compile(r"^-{3,}$")
_MARK = re.compile(r"^(?:- |[0-9]+\. )")
_SENTENCE = re.compile(r"[^.!?:]+(?:[.!?:]+(?=\s|$)|$)")
_WORD = re.compile(r"[a-zA-Z][a-zA-Z'\u2019-]*")
_VOWELS = re.compile(r"[aeiouy]+")
_HEDGE = re.compile(r"\b(?:may|might|could|potentially|possibly|perhaps)\b", re.IGNORECASE)
_HEDGED_READER = re.compile(
    r"\byour? (?:\w+ ){0,3}(?:may|might|could|potentially|possibly)(?: have)?(?: been)?(?: be)?"
    r" (?:affected|involved|exposed|accessed|seen|stolen|compromised|impacted|included)\b",
    re.IGNORECASE,
)
_PHRASES = (
    (
        "absence-of-evidence",
        r"no (?:evidence|indication|sign)s? (?:of|that)",
        "“no evidence” comforts where nobody looked; say what was looked at and what that does not show",
    ),
    (
        "jargon-comfort",
        r"abundance of caution|takes? .{0,40}\bseriously",
        "a phrase that comforts the sender",
    ),
    (
        "advertising",
        r"\b(?:discount|special offer|coupon|voucher|referral|survey|free trial|follow us"
        r"|upgrade now|limited time|download our app|refer a friend)\b",
        "a legal notice carries no advertising",
    ),
    (
        "waiver",
        r"\b(?:arbitration|waive[rs]?|by continuing|you agree to|class action)\b",
        "a notice asks nobody to give up a right",
    ),
)  # fmt: skip


def check_language(text: str) -> Iterator[Finding]:
    """Yield what an English text part could say better."""
    prose, sentences, words = _measured(text)
    if not words:
        return
    grade = _grade(sentences, words)
    if grade > WORST_GRADE:
        yield Finding(
            "unreadable-level", f"the reading level is grade {grade:.1f}; at most {WORST_GRADE:.0f}"
        )
    elif grade > GOOD_GRADE:
        yield Finding("reading-level", f"the reading level is grade {grade:.1f}; aim at {GOOD_GRADE:.0f}")
    if max(map(len, sentences)) > 30 or len(words) / len(sentences) > 20:
        yield Finding("long-sentence", "a sentence has more than 30 words, or they have 20 on average")
    if len(words) > 500:
        yield Finding("long-body", f"the notice has {len(words)} words; aim at 500")
    yield from _phrasing(prose, len(words))


def _phrasing(prose: str, words: int) -> Iterator[Finding]:
    if _HEDGED_READER.search(prose):
        yield Finding("hedge", "the reader is affected: say so, without may or might")
    elif len(_HEDGE.findall(prose)) > 3 * max(1.0, words / 200):
        yield Finding("many-hedges", "many a may, might and could")
    for code, pattern, detail in _PHRASES:
        if re.search(pattern, prose, re.IGNORECASE):
            yield Finding(code, detail)
    if "!" in prose or re.search(r"\b[A-Z]{5,}\b(?!-\d)", prose):
        yield Finding("shouting", "an exclamation mark or a word in capitals")


def grade_of(text: str) -> float:
    """Return the Flesch-Kincaid grade of an English text part."""
    _, sentences, words = _measured(text)
    return _grade(sentences, words) if words else 0.0


def _measured(text: str) -> tuple[str, list[list[str]], list[str]]:
    prose = " ".join(_prose(text))
    sentences = [found for one in _SENTENCE.findall(prose) if len(found := _WORD.findall(one)) > 1]
    return prose, sentences, [word for sentence in sentences for word in sentence]


def _grade(sentences: list[list[str]], words: list[str]) -> float:
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


def syllables(word: str) -> int:
    """Estimate the syllables of an English word."""
    plain = word.lower().replace("'", "").replace("\u2019", "")
    count = len(_VOWELS.findall(plain))
    if plain.endswith("e") and not plain.endswith(("le", "ee")) and count > 1:
        count -= 1
    if plain.endswith("ed") and not plain.endswith(("ted", "ded")) and count > 1:
        count -= 1
    return max(1, count)


def _prose(text: str) -> Iterator[str]:
    """Yield paragraphs and list items as sentences; headings and lines of contact data are none."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        heading = at + 1 < len(lines) and _RULE.match(lines[at + 1])
        said = _MARK.sub("", line).strip()
        if heading or _RULE.match(line) or len(said.split()) < 4 or re.match(r"\w+: ", said):
            continue
        yield said if said[-1] in ".!?:" else f"{said}."
