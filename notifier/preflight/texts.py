"""Text messages at preflight: made for an invented reference in each language and variant, and checked.

What is found concerns everybody who would get that text. Findings that block are told apart by
``notifier.linting.blocks``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from notifier.announcements import canonical_digest
from notifier.categories import SENSITIVE
from notifier.channels import Finding
from notifier.channels.sms.senders import Senders
from notifier.errors import BadInput
from notifier.linting.india_dlt import check_dlt
from notifier.linting.texts import check_short
from notifier.linting.us_10dlc import check_us
from notifier.preflight.checks import LineChecks
from notifier.rendering import MissingVariables, SmsRenderer
from notifier.rendering.folders import Folders
from notifier.rendering.lines import clean
from notifier.settings import SmsSettings

INVENTED_REFERENCE = "0123456789ABCDEF"
_INDIA, _STATES = "IN", "US"
_INDIAN = frozenset(("as", "bn", "en", "gu", "hi", "kn", "ml", "mr", "or", "pa", "ta", "te", "ur"))
"""Languages in which people in India are written to."""
_MOST_NAMED = 20
_LINES = LineChecks(hosts=(), addresses=())
_OF_A_LINE = frozenset(("leftover-token", "foreign-address", "direction-marks"))
"""What a text is checked for as each line of an e-mail is; of links it has none at all."""


class SmsTexts:
    """Makes the texts of one announcement: at preflight for an invented reference, later for each reader.

    ``facts`` are the announcement's, with ``drill``; ``folders`` the operator's own templates, which go
    before ours. Nothing of a person is ever given to it but the reference.
    """

    def __init__(
        self, settings: SmsSettings, folders: Sequence[Path], facts: Mapping[str, Any], *, notice: str
    ) -> None:
        self.settings = settings
        self.facts = facts
        self.notice = notice
        self._renderer = SmsRenderer(folders)
        self._labels = Folders(folders)

    def locale(self, wanted: str, default: str) -> str:
        """Return the locale for somebody who wants ``wanted``; none at all is ``BadInput``."""
        return self._renderer.choose_locale(self.notice, wanted, self.facts.get("texts", {}), default)

    def make(self, locale: str, variant: str, reference: str) -> bytes:
        """Return one person's text in UTF-8: exactly what is handed over. Same input, same bytes.

        Raises ``MissingVariables`` naming everything that is missing, ``BadInput`` for a template that cannot
        be rendered.
        """
        return self._text(locale, variant, reference, self.facts).encode()

    def findings(self, locale: str, variant: str, countries: Collection[str]) -> Iterator[Finding]:
        """Yield what is wrong with the text of a language and variant, for readers in ``countries``."""
        try:
            text = self._text(locale, variant, INVENTED_REFERENCE, self.facts)
            plain = self._text(locale, variant, INVENTED_REFERENCE, {**self.facts, "drill": False})
        except MissingVariables as missing:
            yield Finding("missing-variables", f"the text needs {', '.join(missing.names)}")
            return
        except BadInput as refused:
            yield Finding("text-template", str(refused))
            return
        if bool(self.facts.get("drill", False)) is (text == plain):
            yield Finding("drill-mark", "a drill without its mark, or the mark on what is no drill")
        yield from check_short(
            plain,
            brand=clean(str(self.facts.get("brand", ""))),
            reference=INVENTED_REFERENCE,
            most=self.settings.segments_most,
            sensitive=self._sensitive(locale),
        )
        yield from (one for one in _LINES.of(plain) if one.code in _OF_A_LINE)
        yield from self._registered(text, locale, countries)

    def _registered(self, text: str, locale: str, countries: Collection[str]) -> Iterator[Finding]:
        """Compare with what is registered for this language. Nothing need be where nobody would read it."""
        language = locale.partition("-")[0]
        registered = [each.text for each in self.settings.dlt if each.locale == locale]
        if registered:
            compared = [check_dlt(text, one) for one in registered]
            yield from min(compared, key=len)
        elif _INDIA in countries and language in _INDIAN:
            yield Finding("dlt-missing", "no text is registered for India in this language (sms.dlt)")
        if language == "en" and (_STATES in countries or self.settings.us_samples):
            yield from check_us(text, self.settings.us_samples)

    def _sensitive(self, locale: str) -> list[str]:
        """Return how the readers' language calls the categories of data that must not lie open. Passwords are
        named in every text: that we never ask for them.
        """
        name = f"_base/labels/{locale}.toml"
        known = self._labels.toml(name) if self._labels.exists(name) else {}
        return [str(known[code]) for code in sorted(SENSITIVE - {"password"}) if code in known]

    def _text(self, locale: str, variant: str, reference: str, facts: Mapping[str, Any]) -> str:
        return self._renderer.render(self.notice, locale, facts=facts, reference=reference, variant=variant)

    def template_digest(self, locale: str) -> str:
        """Return the SHA-256, in hex, over the template files of one language."""
        return self._renderer.digest(self.notice, locale)


def check_texts(
    texts: SmsTexts, cohorts: Collection[tuple[str, str]], countries: Collection[str], *, default_locale: str
) -> list[tuple[str, Finding]]:
    """Check the texts of an audience: ``cohorts`` are its languages, as people want them, with the variants,
    ``countries`` those of its telephone numbers. Returns where each finding is, in a fixed order.
    """
    found: list[tuple[str, Finding]] = []
    chosen: set[tuple[str, str]] = set()
    for wanted, variant in sorted(cohorts):
        try:
            locale = texts.locale(wanted, default_locale)
        except BadInput:
            found.append((wanted, Finding("no-language", "neither this language nor the default has a text")))
            continue
        if wanted and locale.partition("-")[0] != wanted.replace("_", "-").partition("-")[0].lower():
            detail = f"there is no text in this language; its readers get {locale}"
            found.append((wanted, Finding("text-other-language", detail)))
        chosen.add((locale, variant))
    for locale, variant in sorted(chosen):
        where = f"{locale}, {variant}, as a text message"
        found += [(where, one) for one in texts.findings(locale, variant, countries)]
    return list(dict.fromkeys([*found, *_senders(texts.settings, countries)]))


def _senders(settings: SmsSettings, countries: Collection[str]) -> Iterator[tuple[str, Finding]]:
    """Yield the countries whose readers nobody would write to. It concerns people there alone, and stops
    nobody else's text.
    """
    senders = Senders(settings.senders)
    missing = sorted(country for country in set(countries) if not senders.covers(country))
    for country in missing[:_MOST_NAMED]:
        detail = "no sender is set up for this country: its readers get no text message"
        yield country or "numbers of no country", Finding("no-sender", detail)


def sms_texts_digest(texts: SmsTexts, locales: Collection[str]) -> str:
    """Return the digest of the SMS templates in use, for the announcement's digest of its texts: a changed
    file, or one more language, voids an approval.
    """
    return canonical_digest(
        {
            "notice": texts.notice,
            "templates": {locale: texts.template_digest(locale) for locale in sorted(set(locales))},
        }
    )
