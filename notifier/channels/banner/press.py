"""The banner's press: the e-mail's facts and sentences as the plain parts of one notice.

Title and summary are in sight of whoever looks over the reader's shoulder. A summary that names data which
nobody else should hear of moves into the text, and the summary then says only when it happened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Any

from notifier.channels.banner.content import Content
from notifier.channels.banner.notices import SEVERITIES, CallToAction, Section, Severity
from notifier.errors import BadInput
from notifier.notices import Person, grouped
from notifier.rendering.cohorts import isolated
from notifier.rendering.edition import Edition, Reader
from notifier.rendering.folders import Folders
from notifier.rendering.lines import Isolated, Link, Unbroken, clean, greeting_name
from notifier.rendering.moments import read_moment, read_zone
from notifier.rendering.press import Order, Press
from notifier.rendering.readers import as_read
from notifier.rendering.sandbox import Sandbox, all_named
from notifier.rendering.wording import Speaker, Words

UNSPOKEN = frozenset({"health", "location", "photos"})
"""Kinds of data that neither title nor summary names, since naming them is what harms. Of a password or card
the summary may speak: to change or block it is what the reader does first.
"""
_SHORT = 4
"""Words of a label that are no longer say nothing by themselves."""
_EDGES = ".,;:!?()[]\"'-\u00ab\u00bb\u2013\u2018\u2019\u201c\u201d\u201e\u060c\u061b\u061f\u0964"
_CONTACT = ("phone", "hours", "email", "address")
_ITEM = "• "


class BannerPress(Press):
    """Words and editions of banners. One may serve several threads."""

    def __init__(self, folders: Iterable[Path]) -> None:
        super().__init__(Folders(list(folders)))

    def locales(self, notice: str) -> list[str]:
        """Return the languages this notice is written in, sorted."""
        return self.folders.locales(notice)

    def content(self, order: Order, person: Person, reference: str, link: str = "") -> Content:
        """Return one reader's notice; raises ``MissingVariables`` naming everything that is missing.

        ``link`` is the address of the notice's own page; without one it leads nowhere.
        """
        person = as_read(person)
        reader = Reader(
            person.variant,
            person.categories,
            person.new_categories,
            Isolated(greeting_name(person.name)),
            Unbroken(grouped(clean(reference))),
            isolated(person.details),
            Link(link),
        )
        with all_named():
            edition = self._edition(order)
            return self._made(order, edition, _Parts(edition, reader, self._sandboxes[False, edition.rtl]))

    def _made(self, order: Order, edition: Edition, parts: _Parts) -> Content:
        summary, hidden = parts.summary(unspoken(edition.words))
        return Content(
            locale=order.locale,
            severity=_severity(order.facts),
            drill=bool(order.facts.get("drill", False)),
            title=parts.title(),
            summary=summary,
            sections=tuple(parts.sections(hidden)),
            action=parts.action(),
            effective_at=_effective_at(order.facts),
        )


def unspoken(words: Words) -> frozenset[str]:
    """Return the words that must stand in no title or summary, in one language, folded: those that only the
    labels of such data have.
    """
    hushed: set[str] = set()
    others: set[str] = set()
    for code, label in words.labels.items():
        (hushed if code in UNSPOKEN else others).update(_folded(label))
    return frozenset(word for word in hushed - others if len(word) > _SHORT)


def names_one(text: str, hushed: Collection[str]) -> bool:
    """Say whether a text has one of these words, or one that begins with it."""
    return any(said.startswith(word) for said in _folded(text) for word in hushed)


def _folded(text: str) -> list[str]:
    return [word.strip(_EDGES) for word in text.casefold().replace("\u2019", " ").split()]


def _severity(facts: Mapping[str, Any]) -> Severity:
    """Return how grave it is: what the facts say, else a change with its day is news, all else critical."""
    said = facts.get("severity") or ("info" if facts.get("effective_at") else "critical")
    for one in SEVERITIES:
        if said == one:
            return one
    raise BadInput("the facts' severity is none there is", advice=f"One of: {', '.join(SEVERITIES)}.")


def _effective_at(facts: Mapping[str, Any]) -> datetime | None:
    """Return the moment from which a change holds; a day without a time begins at midnight there."""
    moment = read_moment(str(facts.get("effective_at", "")), "effective_at")
    if moment is None:
        return None
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time(), read_zone(str(facts.get("time_zone", ""))))


@dataclass(frozen=True)
class _Lines:
    """What a section says before its steps, line by line."""

    sandbox: Sandbox

    def of(self, *texts: Any) -> Iterator[str]:
        """Yield what there is of texts."""
        for text in texts:
            if line := str(self.sandbox.printed(text)).strip():
                yield line

    def items(self, texts: Iterable[Any]) -> Iterator[str]:
        """Yield the items of a list."""
        for line in self.of(*texts):
            yield f"{_ITEM}{line}"


class _Parts:
    """The parts of one reader's notice: the e-mail's, in its order."""

    def __init__(self, edition: Edition, reader: Reader, sandbox: Sandbox) -> None:
        self._seen = edition.context(reader, sandbox)
        self._lines = _Lines(sandbox)
        self._say: Speaker = self._seen["say"]
        self._say_account: Speaker = self._seen["say_account"]

    def title(self) -> str:
        """Return the title; in a drill it begins with its mark."""
        title = self._say(self._title())
        return f"({self._say('drill_mark')}) {title}" if self._seen["drill"] else title

    def _title(self) -> str:
        for kind in ("unaffected", "corrected", "update"):
            if self._seen[kind]:
                return {"corrected": "title_correction"}.get(kind, f"title_{kind}")
        return "title"

    def action(self) -> CallToAction | None:
        """Return what leads to the notice's own page, where it has one."""
        link = str(self._seen["link"])
        return CallToAction(self._say("title"), link) if link else None

    def summary(self, hushed: Collection[str]) -> tuple[str, str]:
        """Return the summary, and what was kept out of it."""
        if self._seen["unaffected"]:
            return self._say("lead_unaffected"), ""
        said = str(self._seen.get("summary", ""))
        if names_one(said, hushed):
            return " ".join(self._lines.of(self._occurred(), self._discovered())), said
        return said, ""

    def sections(self, hidden: str) -> Iterator[Section]:
        """Yield the sections, in order; `hidden` is what the summary must not say."""
        yield from self._unaffected() if self._seen["unaffected"] else self._facts(hidden)
        yield from self._ending()

    def _told(self) -> str:
        told = self._seen["told"]
        return self._say(told["case"], start=told["start"], end=told["end"])

    def _unaffected(self) -> Iterator[Section]:
        """Yield what somebody reads who was told before, and is not affected after all."""
        say, of = self._say, self._lines.of
        note = say("drill_note") if self._seen["drill"] else ""
        yield Section(say("title_unaffected"), tuple(of(note, self._told(), *self._seen["correction"])))
        yield Section(say("advice"), tuple(of(say("unaffected_advice"), say("sorry"))))

    def _correction(self) -> Iterator[Section]:
        seen, say = self._seen, self._say
        if not seen["correction"]:
            return
        before = (self._told(), say("lead_correction")) if seen["corrected"] else ()
        after = (say("correction_follows"),) if seen["corrected"] else ()
        heading = say("corrected" if seen["corrected"] else "news")
        yield Section(heading, tuple(self._lines.of(*before, *seen["correction"], *after)))

    def _facts(self, hidden: str) -> Iterator[Section]:
        seen, say, items = self._seen, self._say, self._lines.items
        yield from self._correction()
        yield Section(say("happened"), tuple(self._happened(hidden)))
        yield Section(say("information"), tuple(self._information()))
        yield from self._accounts()
        yield Section(say("consequences"), tuple(items(seen["consequences"])))
        yield Section(say("measures"), tuple(items(seen.get("measures", ()))) or (say("measures_none"),))
        yield Section(say("advice"), steps=tuple(self._advice()))
        day = seen["next_update"]
        yield Section(
            say("unknowns"),
            (
                *(tuple(items(seen.get("unknowns", ()))) or (say("unknowns_none"),)),
                say("next_update", day=day) if day else say("next_update_open"),
            ),
        )

    def _ending(self) -> Iterator[Section]:
        seen, say, of = self._seen, self._say, self._lines.of
        yield Section(
            say("check"),
            tuple(of(say("check_intro"), say("check_never"))),
            (
                say("check_address", address=seen["check"].get("address", "")),
                say("check_reference", reference=seen["reference"]),
            ),
        )
        yield Section(say("questions"), tuple(self._questions()))
        ending = say("reference_line", reference=seen["reference"], code=seen["code"])
        yield Section(say("reference"), tuple(of(ending, say("why", brand=seen["brand"]))))

    def _occurred(self) -> str:
        when = self._seen["occurred"]
        return self._say(when["case"], start=when["start"], end=when["end"], day=when["day"])

    def _discovered(self) -> str:
        found = self._seen["discovered"]
        return self._say("discovered", moment=found) if found else self._say("discovered_unknown")

    def _happened(self, hidden: str) -> Iterator[str]:
        seen, say = self._seen, self._say
        subject = seen["details"].get("subject", "")
        lead = say("lead_subject", subject=subject) if subject and say.has("lead_subject") else say("lead")
        yield from self._lines.of(
            say("drill_note") if seen["drill"] else "",
            say("lead_update") if seen["update"] else "",
            lead,
            hidden,
            self._occurred(),
            *seen.get("what_happened", ()),
            self._discovered(),
        )

    def _information(self) -> Iterator[str]:
        seen, say = self._seen, self._say
        yield from self._involved(say, seen["categories"], seen["new_categories"], told=seen["topped_up"])
        yield from self._listed(seen["details"])
        yield say("information_own")

    def _accounts(self) -> Iterator[Section]:
        say = self._say_account
        for one in self._seen["accounts"]:
            yield Section(
                self._say("account_too", subject=one["subject"]),
                (
                    self._say("account_too_lead", subject=one["subject"]),
                    *self._involved(
                        say, one["categories"], one["new_categories"], told=self._seen["topped_up"]
                    ),
                    *self._listed(one),
                    say("consequences"),
                    *self._lines.items(one["consequences"]),
                    say("advice"),
                    *self._lines.items(one["advice"]),
                ),
            )

    def _involved(
        self, say: Speaker, known: Iterable[Any], new: Iterable[Any], *, told: bool
    ) -> Iterator[str]:
        if new:
            yield say("information_new")
            yield from self._lines.items(self._datum(one) for one in new)
        if known:
            yield say("information_before" if told else "information_intro")
            yield from self._lines.items(self._datum(one) for one in known)

    def _datum(self, one: Mapping[str, Any]) -> str:
        hint = f" ({' '.join(self._lines.of(one['hint']))})" if one["hint"] else ""
        return f"{one['label']}{hint}"

    def _listed(self, details: Mapping[str, Any]) -> Iterator[str]:
        if new := details.get("records_new", ()):
            yield self._say("records_new")
            yield from self._lines.items(new)
        if known := details.get("records", ()):
            told = self._seen["topped_up"] or "records_new" in details
            yield self._say("records_before" if told else "records_intro")
            yield from self._lines.items(known)
        if count := details.get("count", 0):
            yield self._say("records_count", count=self._seen["number"](count))

    def _advice(self) -> Iterator[str]:
        made = list(self._lines.of(*self._seen["advice"]))
        if len(made) > 1:
            made[0] = f"{self._say('advice_first')} {made[0]}"
        yield from made

    def _questions(self) -> Iterator[str]:
        contact = self._seen["contact"]
        ask = self._say_account if self._seen["accounts"] else self._say
        yield ask("questions_intro")
        yield from self._lines.of(contact["name"], contact["role"])
        for part in _CONTACT:
            if contact[part]:
                yield f"{self._say(part)}: {' '.join(self._lines.of(contact[part]))}"
