"""Making notices: from a person's row to sealed bytes, or to the finding that sets them aside.

No database here, so that chunks can be made in other processes. A chunk is made as a whole: its people
are each other's neighbours, and a name that gets from one notice into another's sets the reader aside.
"""

from __future__ import annotations

import secrets
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from notifier import notices
from notifier.categories import SENSITIVE
from notifier.channels import Envelope, Finding
from notifier.channels.email import EmailChannel
from notifier.channels.email.address import wire_address
from notifier.channels.email.message import Composer
from notifier.channels.email.return_path import ReturnPaths
from notifier.channels.email.text import UnsafeText
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.links import notice_link
from notifier.linting import check_variant
from notifier.notices import Person, Rendered
from notifier.preflight.checks import (
    LineChecks,
    Neighbours,
    check_message,
    field_names,
    parts,
    words_of,
)
from notifier.preflight.naming import SharedNames
from notifier.preflight.readers import Member, Reader, SetAsideError, open_reader
from notifier.preflight.templates import digests
from notifier.processes import end_with_parent
from notifier.rendering import MissingVariables, Renderer
from notifier.settings import EmailSettings, LetterSettings

INVENTED = "Robin Sample"
INVENTED_ADDRESS = "robin.sample@example.com"
INVENTED_REFERENCE = "0123456789ABCDEF"
_REMEMBERED = 20
"""People of earlier chunks, at their beginning and end, whose names are looked for in the next one."""


class Made(NamedTuple):
    """A notice as it is stored, apart from its announcement."""

    member: int
    reference: str
    locale: str
    dictionary: int
    digest: bytes
    size: int
    sealed: bytes


class Aside(NamedTuple):
    """A person without a notice, and why."""

    member: int
    finding: str
    detail: str


@dataclass(frozen=True, slots=True)
class Dictionary:
    """What notices of one locale and variant are compressed against, and the header fields they have."""

    id: int
    content: bytes
    fields: tuple[bytes, ...]


def new_dictionary(message: bytes) -> bytes:
    """Return the dictionary that an invented reader's message makes: an envelope like those it serves."""
    return notices.addressed(INVENTED_ADDRESS, message)


def known_dictionary(number: int, content: bytes) -> Dictionary:
    """Return a stored dictionary with what can be read off it."""
    return Dictionary(number, content, field_names(notices.sample(content)))


@dataclass(frozen=True)
class Recipe:
    """Everything notices of one announcement are made from; travels to other processes."""

    code: str
    notice: str
    drill: bool
    facts: Mapping[str, Any]
    default_locale: str
    hosts: frozenset[str]
    addresses: frozenset[str]
    keys: Keys
    email: EmailSettings
    folders: tuple[Path, ...]
    dictionaries: Mapping[tuple[str, str], Dictionary] = field(default_factory=dict)
    letter: LetterSettings = field(default_factory=LetterSettings)
    notices_url: str = ""
    """Where readers find their notices as pages; empty: the notices speak of none."""

    def reminding(self) -> Recipe:
        """Return what reminders are made from: the same, said to be a reminder."""
        return replace(self, facts={**self.facts, "reminder": True})

    @property
    def texts(self) -> frozenset[str]:
        """The locales the facts have texts in."""
        return frozenset(self.facts.get("texts", {}))


class Maker:
    """Makes the notices of one announcement."""

    def __init__(self, recipe: Recipe, *, look_for_names: bool = True) -> None:
        self._recipe = recipe
        self._facts = {**recipe.facts, "drill": recipe.drill}
        self._renderer = Renderer(recipe.folders)
        self._composer = Composer(recipe.email)
        self._lines = LineChecks(recipe.hosts, recipe.addresses)
        self._shared = SharedNames(recipe.facts) if look_for_names else None
        self._return_path = f"preflight@{recipe.email.bounce_domain}"
        self._return_paths = ReturnPaths(recipe.keys, recipe.email.bounce_domain)
        # Asked what it can carry, never opened: it is given no relay.
        self._channel = EmailChannel(recipe.email, relays=())
        self._locales: dict[str, str] = {}
        self._common: dict[str, tuple[set[str], set[str]]] = {}
        self._cohorts: set[tuple[str, str, str, str]] = set()
        self._earlier: tuple[str, ...] = ()

    def digests(self) -> dict[str, str]:
        """Return the digests of the templates, by language; from then on they stay as they were."""
        return digests(self._renderer, self._recipe.notice)

    def locale(self, wanted: str) -> str:
        """Return the locale for somebody who wants ``wanted``; none at all is ``BadInput``."""
        if wanted not in self._locales:
            recipe = self._recipe
            self._locales[wanted] = self._renderer.choose_locale(
                recipe.notice, wanted, recipe.texts, recipe.default_locale
            )
        return self._locales[wanted]

    def invented(
        self, locale: str, variant: str, categories: str, new_categories: str
    ) -> tuple[Rendered, bytes]:
        """Return the notice of an invented reader, as text and as a message."""
        person = Person(INVENTED, variant, tuple(categories.split()), tuple(new_categories.split()))
        rendered = self._render(locale, person, INVENTED_REFERENCE)
        return rendered, self._compose(rendered, INVENTED_ADDRESS, INVENTED, INVENTED_REFERENCE, locale)

    def objections(self, rendered: Rendered, locale: str) -> list[Finding]:
        """List what is wrong with an invented reader's notice: it concerns everybody's."""
        recipe = self._recipe
        found = [
            one
            for part in parts(rendered)
            for line in part.split("\n")
            for one in self._lines.of(line, name=INVENTED, own=(INVENTED_ADDRESS,))
        ]
        words = self._renderer.words(recipe.notice, locale)
        found += check_variant(
            rendered,
            locale=locale,
            hosts=recipe.hosts,
            sensitive=[words.labels[code] for code in sorted(SENSITIVE) if code in words.labels],
            drill_mark=words.plain.get("drill_mark", "") if recipe.drill else "",
        )
        return list(dict.fromkeys(found))

    def chunk(self, members: Sequence[Member]) -> tuple[list[Made], list[Aside]]:
        """Make the notices of people who are each other's neighbours.

        Raises ``SomebodyNamed`` where what everybody reads names one of them.
        """
        made: list[Made] = []
        aside: list[Aside] = []
        readers: list[Reader] = []
        for member in members:
            try:
                readers.append(self._open(member))
            except SetAsideError as no:
                aside.append(Aside(member.id, no.finding.code, no.finding.detail))
        names = [reader.name for reader in readers]
        neighbours = Neighbours([*self._earlier, *names])
        # What sticks is mostly the first reader's, or the last one's: they stay neighbours of who comes next.
        self._earlier = (*(self._earlier or names)[:_REMEMBERED], *names[-_REMEMBERED:])
        for reader in readers:
            try:
                made.append(self._make(reader, neighbours))
            except SetAsideError as no:
                aside.append(Aside(reader.member.id, no.finding.code, no.finding.detail))
        return made, aside

    def _open(self, member: Member) -> Reader:
        return open_reader(self._recipe.keys, member, self.locale, shared=self._shared)

    def _make(self, reader: Reader, neighbours: Neighbours) -> Made:
        member, recipient = reader.member, reader.recipient
        reference = secrets.token_hex(8).upper()
        try:
            rendered = self._render(reader.locale, reader.person, reference)
            message = self._compose(rendered, recipient, reader.addressee, reference, reader.locale)
            wire = wire_address(recipient)
        except MissingVariables as missing:
            raise SetAsideError("missing-variables", f"the notice needs {', '.join(missing.names)}") from None
        except UnsafeText as unsafe:
            raise SetAsideError("unsafe-text", str(unsafe)) from None
        dictionary = self._recipe.dictionaries.get((reader.locale, member.variant))
        if dictionary is None:
            raise SetAsideError("missing-variables")
        self._check_lines(rendered, reader, neighbours)
        for found in check_message(
            message, recipient=wire, fields=dictionary.fields, drill=self._recipe.drill
        ):
            raise SetAsideError(found.code, found.detail)
        for found in self._channel.check(Envelope(wire, self._return_path, message)):
            raise SetAsideError(found.code, found.detail)
        packed = notices.pack(recipient, message, dictionary.content)
        return Made(
            member.id,
            reference,
            reader.locale,
            dictionary.id,
            notices.keyed_digest(message, self._recipe.keys.index),
            len(message),
            reader.subject.seal(packed, notices.SEAL_CONTEXT),
        )

    def _check_lines(self, rendered: Rendered, reader: Reader, neighbours: Neighbours) -> None:
        common, words = self._same_for_all(reader.locale, reader.member)
        personal = [line for part in parts(rendered) for line in part.split("\n") if line not in common]
        own = _Own(reader.recipient, reader.member.own, self._recipe.keys)
        for line in personal:
            for found in self._lines.of(line, name=reader.name, own=own):
                raise SetAsideError(found.code, found.detail)
        if neighbours.in_lines(personal, own=(reader.name, reader.addressee), common=words):
            raise SetAsideError("foreign-name")

    def _same_for_all(self, locale: str, member: Member) -> tuple[set[str], set[str]]:
        """Return the lines, found good, and the words that do not depend on who reads."""
        common = self._common.setdefault(locale, (set(), set()))
        cohort = (locale, member.variant, member.categories, member.new_categories)
        if cohort not in self._cohorts:
            self._cohorts.add(cohort)
            try:
                rendered, _ = self.invented(*cohort)
            except BadInput:
                return common
            for part in parts(rendered):
                for line in part.split("\n"):
                    if not any(self._lines.of(line, name=INVENTED, own=(INVENTED_ADDRESS,))):
                        common[0].add(line)
                        common[1].update(words_of(line))
        return common

    def _render(self, locale: str, person: Person, reference: str) -> Rendered:
        return self._renderer.render(
            self._recipe.notice,
            locale,
            facts=self._facts,
            person=person,
            reference=reference,
            link=notice_link(self._recipe.keys, self._recipe.notices_url, reference),
        )

    def _compose(self, rendered: Rendered, recipient: str, name: str, reference: str, locale: str) -> bytes:
        return self._composer.compose(
            rendered,
            recipient=recipient,
            name=name,
            reference=reference,
            locale=locale,
            code=self._recipe.code.replace("/", "-"),
            drill=self._recipe.drill,
            kind=self._recipe.notice,
            # The message is the same at every attempt, and so is what it says of itself.
            token=self._return_paths.make_token(reference, 1),
        )


class _Own(Container[str]):
    """The addresses that are the reader's: the one written to, and those known by blind index."""

    def __init__(self, recipient: str, indexes: Sequence[bytes], keys: Keys) -> None:
        self._recipient = recipient.lower()
        self._indexes = indexes
        self._keys = keys

    def __contains__(self, address: object) -> bool:
        return address == self._recipient or self._keys.blind_index("email", str(address)) in self._indexes


_maker: Maker | None = None


def start_worker(recipe: Recipe) -> None:
    """Prepare a process of its own for ``work``; it ends with the one that started it."""
    global _maker  # noqa: PLW0603 - one maker per process, set by the pool's initializer
    end_with_parent()
    _maker = Maker(recipe)


def work(members: Sequence[Member]) -> tuple[list[Made], list[Aside]]:
    """Make a chunk in the process that ``start_worker`` prepared."""
    if _maker is None:
        raise RuntimeError("the worker was not started")
    return _maker.chunk(members)
