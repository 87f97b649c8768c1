"""The renderer of letters: the same facts and sentences as the e-mail, on sheets for a window envelope.

No clock, no network, no database; the same input gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import TemplateNotFound

from notifier.channels import Finding
from notifier.channels.letter.address import Label, label
from notifier.channels.letter.content import Content
from notifier.channels.letter.forms import FORMS, Geometry, form_for
from notifier.channels.letter.press import PAGE, LetterPress
from notifier.channels.letter.qr import square
from notifier.channels.letter.typesetting import Set, Typesetter
from notifier.channels.letter.values import ADVICE, EnvelopeForm, Letter, Made, Sender, Unprintable
from notifier.customers.values import PostalAddress
from notifier.errors import BadInput
from notifier.notices import Person, grouped
from notifier.rendering.lines import clean
from notifier.rendering.sandbox import all_named

REFERENCE = re.compile(r"[0-9A-F]{16}")
_SURELY = re.compile("[ -~\u00a0-\u017f]{0,22}")
"""A line that fits any window, in characters that are in the fonts."""
_ORGANISATION = "account"
"""The variant whose reader is written to as a contact of an organisation."""


class LetterRenderer:
    """Makes letters from template folders; those in ``folders`` are the operator's own and go before ours.

    ``fonts`` are folders with more fonts, for scripts that ours do not have. Templates and fonts are read
    once. May be used by several threads at once, and be pickled.
    """

    def __init__(self, sender: Sender, folders: Sequence[Path] = (), fonts: Sequence[Path] = ()) -> None:
        self._folders = tuple(folders)
        self._sender = sender
        self._home = sender.address.country.strip().upper()
        if not re.fullmatch("[A-Z]{2}", self._home):
            raise BadInput(
                "the sender's address names no country", advice="Give its two letters, such as DE."
            )
        self._press = LetterPress(self._folders)
        self._fonts = tuple(fonts)

    def __reduce__(self) -> tuple[type[LetterRenderer], tuple[Any, ...]]:
        """Travel to another process as what it was made from."""
        return type(self), (self._sender, self._folders, self._fonts)

    @cached_property
    def _typesetter(self) -> Typesetter:
        try:
            return Typesetter(self._press.own.path(PAGE), self._press.own.text(PAGE), self._fonts)
        except TemplateNotFound:
            raise BadInput("the template letter.typ of the letters is not there") from None

    def locales(self, notice: str) -> list[str]:
        """Return the locales in which ``notice`` can be printed, sorted."""
        return self._press.locales(notice)

    def digest(self, notice: str, locale: str) -> str:
        """Return the SHA-256, in hex, over all templates and words of the letter in this language."""
        return self._press.digest(notice, locale)

    def status(self, notice: str, locale: str) -> str:
        """Return ``original``, ``unreviewed`` (a draft translation) or ``reviewed``."""
        return self._press.status(notice, locale)

    def render(
        self,
        notice: str,
        locale: str,
        *,
        facts: Mapping[str, Any],
        person: Person,
        reference: str,
        address: PostalAddress,
        large_print: bool = False,
        dated: date | None = None,
    ) -> bytes:
        """Return one letter as PDF. What cannot be printed is ``Unprintable`` and says why; what the facts
        lack, ``MissingVariables`` with all names. Nothing is ever cut to fit.
        """
        return self.make(Letter(notice, locale, facts, person, reference, address, large_print, dated)).pdf

    def make(self, letter: Letter) -> Made:
        """Return one letter with what a mail house must know of it; raises as ``render`` does."""
        content, where, form = self._laid_out(letter)
        if wrong := [finding for finding in where.findings if finding.code not in ADVICE]:
            raise Unprintable(wrong)
        made = self._set(letter, content, where, form)
        return Made(made.pdf, made.pages, form, where.country, where.findings)

    def objections(self, letter: Letter) -> list[Finding]:
        """List what keeps a letter from being printed, as far as its address tells: cheap enough for all.
        A page is set only where a line of the address is long, or of unusual characters; what is wrong with
        the text of one reader, ``make`` finds.
        """
        content, where, form = self._laid_out(letter)
        found = [finding for finding in where.findings if finding.code not in ADVICE]
        if not found and not all(_SURELY.fullmatch(line) for line in where.lines):
            try:
                self._set(letter, content, where, form)
            except Unprintable as refused:
                found += refused.findings
        return found

    def check(self, letter: Letter) -> list[Finding]:
        """Return what stands against printing this letter, and what deserves a look (``ADVICE``)."""
        content, where, form = self._laid_out(letter)
        findings = list(where.findings)
        try:
            self._set(letter, content, where, form)
        except Unprintable as refused:
            known = {finding.code for finding in findings}
            findings += (finding for finding in refused.findings if finding.code not in known)
        return findings

    def _laid_out(self, letter: Letter) -> tuple[Content, Label, EnvelopeForm]:
        if not REFERENCE.fullmatch(letter.reference):
            raise BadInput("the reference of a letter is not sixteen hexadecimal digits")
        self._press.words(letter.notice, letter.locale)
        with all_named():
            order = self._press.order(letter.notice, letter.locale, letter.facts)
            content = self._press.content(order, letter.person, letter.reference)
            names = content.addressee()
        if letter.person.variant == _ORGANISATION:
            names.append(str(letter.person.details.get("subject", "")))
        where, form = self._fitted(letter.address, names)
        return content, where, form

    def _fitted(self, address: PostalAddress, names: Sequence[str]) -> tuple[Label, EnvelopeForm]:
        """Return the label, its street in one line where the window has not enough of them."""
        where = label(address, names, self._home)
        form = form_for(where.country)
        most = FORMS[form].most_lines
        if len(where.lines) > most and address.city:
            where = label(replace(address, street=", ".join(address.street.split("\n"))), names, self._home)
        if (count := len(where.lines)) > most:
            said = f"the address has {count} lines, and the window of {form} takes {most}"
            where = replace(where, findings=(*where.findings, Finding("address-long", said)))
        return where, form

    def _set(self, letter: Letter, content: Content, where: Label, form: EnvelopeForm) -> Set:
        geometry = FORMS[form]
        language, _, rest = letter.locale.partition("-")
        region = rest.rpartition("-")[2]
        reference = grouped(letter.reference)
        writes = label(self._sender.address, [self._sender.name], where.country)
        with all_named():
            order = self._press.order(letter.notice, letter.locale, letter.facts)
            data = {
                "lang": language,
                "region": region if re.fullmatch("[A-Z]{2}", region) else None,
                "fonts": self._typesetter.families,
                "large_print": letter.large_print,
                "form": _measures(geometry),
                "title": content.subject(),
                "brand": clean(str(letter.facts.get("brand", ""))),
                "sender": {
                    "lines": [] if geometry.return_line else writes.lines[1:],
                    "in_a_line": " · ".join(writes.lines),
                    "rtl": writes.rtl,
                },
                "address": {"lines": where.lines, "rtl": where.rtl},
                "dated": self._press.day(order, letter.dated) if letter.dated else "",
                "reference": reference,
                "blocks": content.blocks(large_print=letter.large_print),
                "code": self._code(content, reference),
            }
        return self._typesetter.set(data)

    def _code(self, content: Content, reference: str) -> dict[str, str]:
        address = content.check_address()
        return {
            "svg": square(address, reference),
            "words": content.code_words({"address": address, "reference": reference}),
        }


def _measures(geometry: Geometry) -> dict[str, Any]:
    """Return the measures as the template reads them."""
    return {
        "paper": geometry.paper,
        "address": geometry.address,
        "settings": geometry.settings,
        "return_line": geometry.return_line,
        "letterhead": geometry.letterhead,
        "body": geometry.body,
        "margins": geometry.margins,
        "marks": geometry.marks,
    }
