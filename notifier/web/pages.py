"""The public pages as HTML, in the reader's language. Same facts, same bytes; no script, nothing loaded."""

from __future__ import annotations

import base64
import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from babel import Locale, negotiate_locale
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from notifier.rendering.edition import is_rtl
from notifier.rendering.folders import shipped
from notifier.rendering.moments import Calendar, read_zone
from notifier.settings import Organisation
from notifier.web.current import Current
from notifier.web.references import Genuine

LOCALES = ("en", "de", "fr", "es", "hi", "ar")
_BLOCK = 4096


class Pages:
    """Renders the check page for one organisation, and what it has in common with others."""

    def __init__(self, organisation: Organisation, *, drill: bool) -> None:
        self._organisation = organisation
        self._drill = drill
        roots = [folder / "web" for folder in shipped()]
        self._jinja = Environment(
            loader=FileSystemLoader(roots), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        source = self._jinja.loader
        if source is None:
            raise LookupError
        self._texts = {
            locale: tomllib.loads(source.get_source(self._jinja, f"texts/{locale}.toml")[0])
            for locale in LOCALES
        }
        self._style = source.get_source(self._jinja, "style.css")[0].strip()
        self._page = self._jinja.get_template("check.html")

    @property
    def style_hash(self) -> str:
        """The digest under which the Content-Security-Policy admits the one style sheet."""
        return "sha256-" + base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()

    def choose_locale(self, wanted: str, accept_language: str) -> str:
        """Return the page's language: as asked for, else as the browser prefers, else the default."""
        preferred = [wanted, *by_preference(accept_language), self._organisation.default_locale]
        chosen = negotiate_locale([tag.replace("-", "_") for tag in preferred if tag], LOCALES)
        return chosen if chosen in LOCALES else LOCALES[0]

    def render(
        self,
        locale: str,
        current: Sequence[Current] | None,
        *,
        verdict: str = "",
        genuine: Genuine | None = None,
        wait: int = 0,
    ) -> bytes:
        """Return the page. ``verdict`` is "", ``yes``, ``no``, ``malformed``, ``slow-down`` or ``later`` (it
        cannot be looked up just now). ``current`` is ``None`` where that cannot be said.

        Its length is rounded up, so that an answer cannot be told from its size on the way.
        """
        calendar = Calendar(locale, read_zone(self._organisation.time_zone))
        html = self._page.render(
            self.common(locale),
            current=None
            if current is None
            else [(one.subject, calendar.day(one.since), one.channel, one.path) for one in current],
            verdict=verdict,
            genuine=genuine,
            day=calendar.day(genuine.day) if genuine else "",
            wait=wait,
        ).encode()
        return html + b" " * (-len(html) % _BLOCK)

    def template(self, name: str) -> Template:
        """Return another page's template; it sees what ``common`` returns and what it is given."""
        return self._jinja.get_template(name)

    def common(self, locale: str) -> Mapping[str, Any]:
        """Return what every page shows."""
        return {
            "locale": locale,
            "direction": "rtl" if is_rtl(locale) else "ltr",
            "locales": [(one, str(Locale.parse(one).get_language_name(one)).capitalize()) for one in LOCALES],
            "say": self._texts[locale],
            # The style sheet is ours; escaping it would change its digest.
            "style": Markup(self._style),  # noqa: S704
            "brand": self._organisation.brand,
            "typed_address": self._organisation.verify_address,
            "drill": self._drill,
        }


def by_preference(accept_language: str) -> list[str]:
    """Return the languages of an Accept-Language header (RFC 9110, section 12.5.4), the best first."""
    weighed = []
    for place, part in enumerate(accept_language[:500].split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            weight = 0.0
        if tag and tag != "*" and weight > 0 and tag.replace("-", "").isalnum():
            weighed.append((-weight, place, tag))
    return [tag for _, _, tag in sorted(weighed)]
