"""Public notices: the facts of an announcement as a page for everybody, and as a text for the press.

Nothing about a person reaches these templates. The same input gives the same bytes: what was approved can be
compared with what is served, byte by byte.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from babel import Locale
from jinja2 import TemplateError
from markupsafe import Markup

from notifier.errors import BadInput
from notifier.rendering.edition import Edition, Reader
from notifier.rendering.folders import WEB, Folders
from notifier.rendering.lines import Isolated, LeftToRight, Unbroken
from notifier.rendering.moments import Calendar, read_zone
from notifier.rendering.press import tidy_html, tidy_text
from notifier.rendering.sandbox import Named, Sandbox, all_named
from notifier.rendering.wording import Words

_FOLDER = "substitute"
_UNBROKEN = ' dir="ltr" class="unbroken"'
"""Instead of a style of its own: the policy admits one style sheet and no attribute."""
_STYLE = re.compile(rb"<style>(.*?)</style>", re.DOTALL)


class PublicRenderer:
    """Renders from ``templates/web/substitute``; ``folders`` are the operator's own and go first. The words
    are the e-mail's of the same ``notice``, and those of the page before them. Templates are read once.

    Of the facts, beside what notices take, it uses ``public``: ``from`` and ``last`` (ISO days),
    ``categories``, ``people`` (0: not said), ``address`` and ``paths``, the page's path by locale.
    """

    def __init__(self, folders: Sequence[Path] = (), *, notice: str = "breach-notice") -> None:
        self._notice = notice
        self._email = Folders(folders)
        self._web = Folders(folders, channel=WEB)

    def locales(self) -> list[str]:
        """Return the locales a public notice can be written in, sorted."""
        return sorted(set(self._email.locales(self._notice)) & set(self._web.locales(_FOLDER)))

    def page(self, locale: str, facts: Mapping[str, Any]) -> bytes:
        """Return the page in one language; raise ``MissingVariables`` naming everything that is missing."""
        return self._html("page.html", locale, facts, {})

    def press(self, locale: str, facts: Mapping[str, Any]) -> bytes:
        """Return the text for the press: plain, UTF-8."""
        return tidy_text(self._print("press.txt", locale, facts, {}, html=False)).encode()

    def ended(self, locale: str, facts: Mapping[str, Any], day: date) -> bytes:
        """Return the short page that stands in its place after ``day``, the last it was public on."""
        return self._html("ended.html", locale, facts, {"ended": _calendar(locale, facts).day(day)})

    def title(self, locale: str) -> str:
        """Return the page's title."""
        return self._words(locale).plain["title"]

    def _html(self, name: str, locale: str, facts: Mapping[str, Any], more: Mapping[str, Any]) -> bytes:
        style = f"{self._web.text('style.css').strip()}\n{self._web.text(f'{_FOLDER}/style.css').strip()}"
        # The style sheet is ours; escaping it would break it.
        given = {**more, "style": Markup(style)}  # noqa: S704
        html = tidy_html(self._print(name, locale, facts, given, html=True))
        return html.replace(Unbroken.attribute, _UNBROKEN).encode()

    def _print(
        self, name: str, locale: str, facts: Mapping[str, Any], more: Mapping[str, Any], *, html: bool
    ) -> str:
        public, calendar = facts["public"], _calendar(locale, facts)
        nobody = Reader("person", tuple(public["categories"]), (), "", "", Named("details"))
        with all_named():
            edition = Edition(facts, locale, self._words(locale))
            sandbox = Sandbox(self._web, html=html, rtl=edition.rtl)
            seen = {
                **edition.context(nobody, sandbox),
                "starts": calendar.day(date.fromisoformat(public["from"])),
                "ends": calendar.day(date.fromisoformat(public["last"])),
                "people": public["people"],
                "address": LeftToRight(public["address"]),
                "plain_brand": str(facts["brand"]),
                "languages": _languages(public["paths"]),
                **more,
            }
            try:
                return sandbox.get_template(f"{_FOLDER}/{name}").render(seen)
            except TemplateError as error:
                raise BadInput(f"the template {_FOLDER}/{name} was refused: {error.message}") from None

    def _words(self, locale: str) -> Words:
        if locale not in (known := self.locales()):
            raise BadInput(
                f"public notices are not written in {locale!r}", advice=f"They are in: {', '.join(known)}."
            )
        words = Words(self._email, self._notice, locale)
        words.read(self._web, _FOLDER, locale)
        return words


def style_hash(page: bytes) -> str:
    """Return the digest under which a Content-Security-Policy admits the style sheet inside ``page``."""
    found = _STYLE.search(page)
    return "sha256-" + b64encode(sha256(found[1] if found else b"").digest()).decode()


def _calendar(locale: str, facts: Mapping[str, Any]) -> Calendar:
    return Calendar(locale, read_zone(str(facts.get("time_zone", ""))))


def _languages(paths: Mapping[str, str]) -> list[Named]:
    """Return each language with its own name, for links; nothing where there is one alone."""
    if len(paths) < 2:
        return []
    return [
        Named(
            "language",
            code=code,
            path=path,
            name=Isolated(str(Locale.parse(code, sep="-").get_display_name(code)).capitalize()),
        )
        for code, path in sorted(paths.items())
    ]
