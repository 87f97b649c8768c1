"""Previews: what a real customer would read, and what the hardest people of an audience would.

Names and details are opened with the person's key for the operator who asks; each preview of a person is
on record. Nothing is stored, and the reference is an invented one that no page knows.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Row

from notifier.announcements import Announcement, announcement
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.errors import BadInput, NotFound
from notifier.keys import Keys
from notifier.links import notice_link
from notifier.notices import Person, Rendered
from notifier.rendering import Renderer, is_rtl
from notifier.settings import Settings
from notifier.store import Store, Transaction

REFERENCE = "0123456789ABCDEF"
_CHUNK = 1000
_SELECT = (
    "SELECT m.id, m.uid AS member, m.variant, m.locale, m.categories, m.new_categories, m.sealed AS details,"
    " c.uid, c.number, c.sealed, k.wrapped"
    " FROM audience_member m JOIN customer c ON c.id = m.customer_id"
    " JOIN subject_key k ON k.customer_id = c.id WHERE m.audience_id = :audience"
)


@dataclass(frozen=True, slots=True)
class Preview:
    """One notice as it would be; ``case`` says why this person, ``status`` is the translation's."""

    case: str
    locale: str
    status: str
    rendered: Rendered

    def write(self, folder: Path) -> list[Path]:
        """Write the parts into ``folder``, readable by the owner alone; returns the files.

        ``BadInput`` where they cannot be written there.
        """
        make_folder(folder)
        made = []
        parts = (
            ("html", self.rendered.html),
            ("txt", f"Subject: {self.rendered.subject}\n\n{self.rendered.text}"),
        )
        for suffix, content in parts:
            path = folder / f"{self.case}.{self.locale}.{suffix}"
            try:
                path.write_text(content, encoding="utf-8", newline="\n")
                path.chmod(0o600)
            except OSError as error:
                raise _unwritable(path, error) from None
            made.append(path)
        return made


def make_folder(folder: Path) -> None:
    """Make the folder for previews, the owner's alone; ``BadInput`` where there can be none."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(path: Path, error: OSError) -> BadInput:
    return BadInput(
        f"{path.name} cannot be written: {error.strerror}",
        advice="Name a folder where you may write, or one that can be made.",
    )


@dataclass(frozen=True, slots=True)
class _Candidate:
    row: Row[Any]
    name: str


class Previews:
    """Makes previews of announcements in one store."""

    def __init__(self, store: Store, keys: Keys, settings: Settings) -> None:
        self._store = store
        self._keys = keys
        self._notices_url = settings.organisation.notices_url
        self._default = settings.organisation.default_locale
        self._renderer = Renderer([settings.home / "templates"])

    async def customer(self, code: str, number: str, *, locale: str = "", actor: str) -> Preview:
        """Render the notice of the customer ``number`` and put on record that ``actor`` saw it."""
        async with self._store.begin() as tx:
            about = await announcement(tx, code)
            row = await tx.row(f"{_SELECT} AND c.number = :number", audience=about.audience_id, number=number)
            if row is None:
                raise NotFound(
                    f"the audience of {code} has nobody with that customer number, or their data was erased",
                    advice="Take a number from the audience, or preview the hardest rows with --worst.",
                )
            made = self._made(about, row, self._name(row), "customer", locale)
            _on_record(tx, about, row, made.locale, actor)
        return made

    async def worst(self, code: str, *, locale: str = "", actor: str) -> list[Preview]:
        """Render for the hardest people: longest name, no name, right to left, emoji, combining marks, each
        variant. Reads the whole audience in flat memory; a case that nobody is gets no preview.
        """
        async with self._store.read() as tx:
            about = await announcement(tx, code)
            found: dict[str, _Candidate] = {}
            after = 0
            while rows := await tx.rows(
                f"{_SELECT} AND m.id > :after AND m.state <> 'excluded' ORDER BY m.id LIMIT :most",
                audience=about.audience_id,
                after=after,
                most=_CHUNK,
            ):
                after = rows[-1].id
                for row in rows:
                    _judge(found, _Candidate(row, self._name(row)))
        if not found:
            raise NotFound(f"the audience of {code} is empty")
        made = []
        async with self._store.begin() as tx:
            for case, chosen in found.items():
                preview = self._made(about, chosen.row, chosen.name, case, locale)
                _on_record(tx, about, chosen.row, preview.locale, actor)
                made.append(preview)
        return made

    def _name(self, row: Row[Any]) -> str:
        subject = self._keys.subject(row.uid, bytes(row.wrapped))
        return str(orjson.loads(subject.open(bytes(row.sealed), b"customer")).get("name", ""))

    def _made(self, about: Announcement, row: Row[Any], name: str, case: str, wanted: str) -> Preview:
        facts = {**about.facts, "drill": about.drill}
        locale = self._renderer.choose_locale(
            about.notice, wanted or row.locale, facts.get("texts", {}), self._default
        )
        if wanted and _language(wanted) != _language(locale):
            raise BadInput(
                f"the announcement is not written in {wanted!r}",
                advice=f"Its languages: {', '.join(sorted(facts.get('texts', {})))}.",
            )
        details: Mapping[str, Any] = {}
        if row.details is not None:
            subject = self._keys.subject(row.uid, bytes(row.wrapped))
            details = orjson.loads(subject.open(bytes(row.details), b"member"))
        person = Person(
            name, row.variant, tuple(row.categories.split()), tuple(row.new_categories.split()), details
        )
        rendered = self._renderer.render(
            about.notice,
            locale,
            facts=facts,
            person=person,
            reference=REFERENCE,
            link=notice_link(self._keys, self._notices_url, REFERENCE),
        )
        return Preview(case, locale, self._renderer.status(about.notice, locale), rendered)


def _language(locale: str) -> str:
    return locale.replace("_", "-").partition("-")[0].lower()


def _on_record(tx: Transaction, about: Announcement, row: Row[Any], locale: str, actor: str) -> None:
    facts = {"announcement": about.code, "member": row.member, "locale": locale, "actor": actor}
    tx.record(Event(AuditAction.PREVIEWED, facts))


def _judge(found: dict[str, _Candidate], one: _Candidate) -> None:
    """Keep ``one`` for the cases it is the first of, or worse than the one kept."""
    longest = found.get("longest-name")
    if longest is None or len(one.name) > len(longest.name):
        found["longest-name"] = one
    found.setdefault(f"variant-{one.row.variant}", one)
    for case, fits in _CASES.items():
        if case not in found and fits(one):
            found[case] = one


def _has(test: Callable[[str], bool]) -> Callable[[_Candidate], bool]:
    return lambda one: not one.name.isascii() and any(map(test, one.name))


_CASES: dict[str, Callable[[_Candidate], bool]] = {
    "no-name": lambda one: not one.name.strip(),
    "right-to-left-name": _has(lambda char: unicodedata.bidirectional(char) in ("R", "AL")),
    "right-to-left-text": lambda one: is_rtl(one.row.locale),
    "emoji": _has(lambda char: unicodedata.category(char) == "So" or char == "\u200d"),
    "combining": _has(lambda char: bool(unicodedata.combining(char))),
    "markup": lambda one: any(char in one.name for char in "<>&{}\"'"),
}
