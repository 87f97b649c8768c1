"""The notices of one account as HTML for a page of the host: no script, forms for what the reader may do.

The token is a hidden field of each form, never part of an address. Nothing but it gives a form its power, no
cookie does, so another site cannot make the reader's browser send one (no CSRF).
"""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from notifier.channels.banner.notices import BannerNotice
from notifier.rendering.folders import shipped
from notifier.web.banner.answers import Shown
from notifier.web.banner.assets import style
from notifier.web.banner.words import Words, direction


@dataclass(frozen=True, slots=True)
class Card:
    """One notice as the template sees it."""

    notice: BannerNotice
    form: str
    may: frozenset[str]
    may_opened: frozenset[str]
    direction: str
    effective: str
    sign_in_first: bool


class Fragments:
    """Renders fragments whose forms and style sheet are below ``prefix``."""

    def __init__(self, prefix: str) -> None:
        environment = Environment(
            loader=FileSystemLoader([folder / "banner" for folder in shipped()]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
        )
        self._template = environment.get_template("fragment.html")
        self._prefix = prefix

    def render(self, shown: Shown, words: Words, token: str, back: str) -> bytes:
        """Return the fragment; nothing at all where there is no notice."""
        if not shown:
            return b""
        cards = [
            Card(
                one.notice,
                one.standing.form,
                frozenset(one.standing.may),
                frozenset(one.standing.may_opened),
                direction(one.notice.locale),
                words.effective(one.notice.effective_at),
                one.sign_in_first,
            )
            for one in shown
        ]
        return self._template.render(
            cards=cards,
            words={"drill": "", **words.said},
            locale=words.locale,
            direction=direction(words.locale),
            token=token,
            back=back,
            action=f"{self._prefix}/events",
            style=f"{self._prefix}/{style().hashed_name}",
        ).encode()
