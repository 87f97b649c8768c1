"""The press: turns facts and one reader into the three parts of a notice, from the templates, each time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError

from notifier.errors import BadInput
from notifier.notices import Rendered
from notifier.rendering.edition import Edition, Reader
from notifier.rendering.folders import Folders
from notifier.rendering.moments import NBSP
from notifier.rendering.sandbox import Sandbox, all_named, anything_missing
from notifier.rendering.wording import Words

_EDITIONS = 64


@dataclass(frozen=True, slots=True)
class Order:
    """Which notice in which language about what."""

    notice: str
    locale: str
    facts: Mapping[str, Any]
    facts_digest: bytes


class Press:
    """Templates compiled, words and editions kept; what depends on the reader is rendered anew."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self._sandboxes = {
            (html, rtl): Sandbox(folders, html=html, rtl=rtl)
            for html in (False, True)
            for rtl in (False, True)
        }
        self._words: dict[tuple[str, str], Words] = {}
        self._digests: dict[int, tuple[Mapping[str, Any], bytes]] = {}
        self._editions: dict[tuple[bytes, str, str], Edition] = {}

    def order(self, notice: str, locale: str, facts: Mapping[str, Any]) -> Order:
        """Return what is to be rendered. ``facts`` are digested once per object."""
        known = self._digests.get(id(facts))
        if known is None or known[0] is not facts:
            if len(self._digests) >= _EDITIONS:
                self._digests.clear()
            content = orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)
            known = self._digests[id(facts)] = (facts, hashlib.blake2b(content, digest_size=16).digest())
        return Order(notice, locale, facts, known[1])

    def words(self, notice: str, locale: str) -> Words:
        """Return the sentences of a notice in one language; a language it lacks is ``BadInput``."""
        if (notice, locale) not in self._words:
            self.require(notice, locale)
            self._words[notice, locale] = Words(self.folders, notice, locale)
        return self._words[notice, locale]

    def require(self, notice: str, locale: str) -> None:
        """Raise ``BadInput`` where the notice is not written in that language."""
        if locale not in (locales := self.folders.locales(notice)):
            raise BadInput(
                f"the notice {notice} is not written in {locale!r}", advice=f"It is in: {', '.join(locales)}."
            )

    def print(self, order: Order, reader: Reader) -> Rendered:
        """Render all three parts; raises ``MissingVariables`` naming everything that is missing in any."""
        with all_named():
            edition = self._edition(order)
            subject, text, html = (
                self._part(f"{order.notice}/{order.locale}/{part}", edition, reader)
                for part in ("subject.txt", "body.txt", "body.html")
            )
        return Rendered(tidy_subject(subject), tidy_text(text), tidy_html(html))

    def _part(self, name: str, edition: Edition, reader: Reader) -> str:
        sandbox = self._sandboxes[name.endswith(".html"), edition.rtl]
        try:
            return sandbox.get_template(name).render(edition.context(reader, sandbox))
        except TemplateSyntaxError as error:
            raise BadInput(
                f"the template {error.name or name}, line {error.lineno}: {error.message}"
            ) from None
        except TemplateNotFound as error:
            raise BadInput(f"the template {name} needs {error.name}, which is not there") from None
        except TemplateError as error:
            raise BadInput(f"the template {name} was refused: {error.message}") from None

    def _edition(self, order: Order) -> Edition:
        key = (order.facts_digest, order.notice, order.locale)
        if (found := self._editions.get(key)) is not None:
            return found
        edition = Edition(order.facts, order.locale, self.words(order.notice, order.locale))
        if not anything_missing():
            if len(self._editions) >= _EDITIONS:
                self._editions.clear()
            self._editions[key] = edition
        return edition


def tidy_subject(subject: str) -> str:
    """Return the subject as one line."""
    return " ".join(subject.split())


def tidy_text(text: str) -> str:
    """Trim every line and leave at most one empty line between others.

    Spaces that hold together become ordinary ones: a text in ASCII then needs no encoding.
    """
    kept: list[str] = []
    for raw in text.replace(NBSP, " ").split("\n"):
        line = raw.rstrip(" ")
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).rstrip("\n") + "\n"


def tidy_html(html: str) -> str:
    """Take out indentation and empty lines: they cost bytes and show nothing. Spaces that hold together are
    written in ASCII.
    """
    lines = html.replace(NBSP, "&nbsp;").split("\n")
    return "\n".join(line for raw in lines if (line := raw.strip(" "))) + "\n"
