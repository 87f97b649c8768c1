"""The words of a notice's three parts: whether they are the same, and what a subject may say."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from notifier.channels import Finding
from notifier.linting.markup import visible_text

LONGEST_SUBJECT = 60
_DECORATION = re.compile(r"^(?:-{3,}|[-*] |[0-9]+\. )|\*{3}", re.MULTILINE)
_DIRECTION = re.compile("[\u2066-\u2069]")
_HEADING = re.compile(r"<h[12][^>]*>(.*?)</h[12]>", re.DOTALL)
_ALARM = re.compile(
    r"!|\b(?:urgent|immediately|act now|alert|warning|emergency|hacked|dringend|sofort|achtung"
    r"|urgente?|alerte|immédiat\w*|inmediat\w*)\b|तुरंत|عاجل",
    re.IGNORECASE,
)


def words_of_text(text: str) -> list[str]:
    """Return the words of the text part, without rules and list marks."""
    return _DIRECTION.sub("", _DECORATION.sub("", text)).split()


def words_of_html(html: str) -> list[str]:
    """Return the words a reader of the HTML part sees."""
    return _DIRECTION.sub("", visible_text(html)).split()


def headings_of(html: str) -> list[str]:
    """Return the headings, in order."""
    return [visible_text(found).strip() for found in _HEADING.findall(html)]


def check_subject(subject: str, sensitive: Collection[str], drill_mark: str) -> Iterator[Finding]:
    """Yield what is wrong with a subject; ``drill_mark`` is what begins it in a drill."""
    said = subject.removeprefix(f"({drill_mark}) ") if drill_mark else subject
    if len(said) > LONGEST_SUBJECT:
        yield Finding("subject-long", f"the subject has more than {LONGEST_SUBJECT} characters")
    if not said:
        yield Finding("subject-empty", "the notice has no subject")
    if alarms(said):
        yield Finding("subject-alarm", "the subject shouts or alarms")
    if any(label.casefold() in said.casefold() for label in sensitive):
        yield Finding("subject-sensitive", "the subject names what kind of data was involved")
    if drill_mark and said == subject:
        yield Finding("drill-mark", "a drill without its mark")


def alarms(said: str) -> bool:
    """Say whether words shout or alarm."""
    return bool(_ALARM.search(said)) or any(word.isupper() and len(word) > 4 for word in said.split())
