"""Checks of a notice's form and language, run once per language and variant before anybody approves.

What is checked of every single notice (left-over tokens, links, addresses, names) is in
``notifier.preflight.checks``; nothing here is repeated there. A finding blocks unless its code is one of
``WARNINGS``. Findings never quote a person's values.
"""

from __future__ import annotations

from collections.abc import Collection

from notifier.channels import Finding
from notifier.linting.language import check_language
from notifier.linting.markup import check_html, visible_text
from notifier.linting.words import check_subject, headings_of, words_of_html, words_of_text
from notifier.notices import Rendered
from notifier.words import amount

__all__ = ["WARNINGS", "blocks", "check_html", "check_text", "check_variant", "visible_text"]

WARNINGS = frozenset(
    (
        "actions-many",
        "jargon-comfort",
        "long-body",
        "long-sentence",
        "many-hedges",
        "many-links",
        "no-sender",
        "reading-level",
        "shouting",
        "text-alphabet",
        "text-other-language",
        "text-segments",
    )
)
"""Codes of findings that advise; all others block."""


def blocks(finding: Finding) -> bool:
    """Say whether a notice with this finding must not go out."""
    return finding.code not in WARNINGS


def check_text(
    rendered: Rendered, *, locale: str, sensitive: Collection[str] = (), drill_mark: str = ""
) -> list[Finding]:
    """Check subject and words: the same in text and HTML, plain, without alarm, advertising or hedging.

    ``sensitive`` are labels that must not stand in the subject. What can be told for one language only is
    told for English.
    """
    found = list(check_subject(rendered.subject, sensitive, drill_mark))
    if words_of_text(rendered.text) != words_of_html(rendered.html):
        found.append(Finding("parts-differ", "the text part and the HTML part do not say the same"))
    missing = [one for one in headings_of(rendered.html) if f"\n{one}\n" not in f"\n{rendered.text}\n"]
    if missing:
        found.append(
            Finding("sections-differ", f"not in the text: {amount(len(missing), 'heading')} of the HTML")
        )
    if locale.split("-", maxsplit=1)[0] == "en":
        found += check_language(rendered.text)
    return found


def check_variant(
    rendered: Rendered,
    *,
    locale: str,
    hosts: Collection[str],
    sensitive: Collection[str] = (),
    drill_mark: str = "",
) -> list[Finding]:
    """Check the form and language of one rendering for an invented reader; each finding once.

    ``hosts`` may be linked to. ``sensitive`` and ``drill_mark`` are as for ``check_text``.
    """
    found = check_html(rendered.html, hosts)
    found += check_text(rendered, locale=locale, sensitive=sensitive, drill_mark=drill_mark)
    return list(dict.fromkeys(found))
