"""The notice page as HTML. Same notice, same bytes; no script, nothing loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Template

from notifier.notices import grouped
from notifier.rendering.edition import is_rtl
from notifier.rendering.moments import Calendar, read_zone
from notifier.settings import Organisation
from notifier.web.notices.told import Told
from notifier.web.pages import Pages

_CONTACT = ("phone", "hours", "email", "address")
_BLOCK = 4096


class NoticePages:
    """Renders notices, and the one answer to whatever is no link of ours."""

    def __init__(self, pages: Pages, organisation: Organisation) -> None:
        self._pages = pages
        self._zone = read_zone(organisation.time_zone)
        self._template: Template = pages.template("notice.html")

    def locale(self, told: Told | None, wanted: str, accept_language: str) -> str:
        """Return the page's language: as asked for, else the notice's own, else as the browser prefers."""
        return self._pages.choose_locale(wanted or (told.locale if told else ""), accept_language)

    def notice(self, locale: str, told: Told, *, pressed: bool = False) -> bytes:
        """Return the page of a notice; ``pressed``: its reader has just said that they have read it."""
        calendar = Calendar(locale, self._zone)
        state = "read" if told.counts else "pending" if told.acknowledged_at else "open"
        return self._render(
            locale,
            state="erased" if told.erased else "damaged" if told.damaged else state,
            told=told,
            reference=grouped(told.reference),
            content_dir="rtl" if is_rtl(told.locale) else "ltr",
            sent=calendar.day(told.sent_at) if told.sent_at else "",
            corrected=calendar.day(told.corrected_at) if told.corrected_at else "",
            moment=calendar.moment(told.acknowledged_at) if told.acknowledged_at else "",
            contact=[(name, told.contact[name]) for name in _CONTACT if told.contact.get(name)],
            pressed=pressed,
        )

    def nothing(self, locale: str, *, state: str = "none", wait: int = 0) -> bytes:
        """Return the page for ``none`` (no link of ours), ``slow-down``, ``unread`` (the notice cannot be
        fetched just now) or ``trouble`` (nor that it was read be put on record).
        """
        return self._render(locale, state=state, wait=wait, told=None, contact=[])

    def _render(self, locale: str, **shown: Any) -> bytes:
        common: Mapping[str, Any] = self._pages.common(locale)
        told: Told | None = shown["told"]
        drill = common["drill"] or (told is not None and told.drill)
        html = self._template.render({**common, **shown, "drill": drill}).encode()
        return html + b" " * (-len(html) % _BLOCK)
