"""An edition: one announcement's facts in one language, made ready for templates once.

What templates see is listed in docs/reference/notice-facts.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from notifier.categories import ordered
from notifier.errors import BadInput
from notifier.rendering.lines import Isolated, LeftToRight, Unbroken, clean, clean_text
from notifier.rendering.moments import Calendar, read_moment, read_zone
from notifier.rendering.sandbox import Named, Sandbox, note_missing
from notifier.rendering.wording import Speaker, Words

PLAIN_VARIANTS = frozenset(("person", "update"))
_RTL_LANGUAGES = frozenset(("ar", "arc", "ckb", "dv", "fa", "he", "nqo", "ps", "sd", "ug", "ur", "yi"))
CORRECTION, NOT_AFFECTED = "correction", "not-affected"
"""Kinds of announcements with words of their own, beside ``first`` and ``update``."""
_TEXTS = ("summary", "what_happened", "measures", "unknowns", "consequences", "advice")
_CONTACT = ("name", "role", "email", "phone", "hours", "address")


def is_rtl(locale: str) -> bool:
    """Say whether the language of ``locale`` is written from right to left."""
    return locale.split("-", maxsplit=1)[0] in _RTL_LANGUAGES


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader as templates see them; values are slots or isolated strings."""

    variant: str
    categories: tuple[str, ...]
    new_categories: tuple[str, ...]
    name: Any
    reference: Any
    details: Any
    link: Any = ""


class Edition:
    """Facts in one language. Missing facts are noted for ``all_named``; malformed ones are ``BadInput``."""

    def __init__(self, facts: Mapping[str, Any], locale: str, words: Words) -> None:
        self.words = words
        self.locale = locale
        self.rtl = is_rtl(locale)
        self._facts = Named("", facts)
        self._calendar = Calendar(locale, read_zone(str(facts.get("time_zone", ""))))
        self._texts = self._read_texts(facts)
        self._base = self._read_base(facts)

    def context(self, reader: Reader, sandbox: Sandbox) -> dict[str, Any]:
        """Return what the templates see for ``reader`` in one form (HTML or text)."""
        if reader.variant not in PLAIN_VARIANTS | self.words.variants():
            note_missing(f"words.{reader.variant}")
        texts = self._texts_for(reader.variant)
        known, new, lists = self._exposed(reader)
        return {
            **self._base,
            **{
                key: texts[key]
                for key in ("summary", "what_happened", "measures", "unknowns")
                if key in texts
            },
            **lists,
            "correction": texts.get("correction", []),
            "update": self._base["kind"] == "update"
            or reader.variant == "update"
            or bool(reader.new_categories),
            "topped_up": bool(reader.new_categories),
            "accounts": self._accounts(reader.details.get("accounts", ())),
            "say_account": Speaker(self.words, "account", sandbox),
            "variant": reader.variant,
            "categories": self._labelled(known, reader.details),
            "new_categories": self._labelled(new, reader.details),
            "name": reader.name,
            "reference": reader.reference,
            "link": reader.link,
            "details": reader.details,
            "number": self._calendar.number,
            "say": Speaker(self.words, reader.variant, sandbox),
        }

    def _exposed(self, reader: Reader) -> tuple[tuple[str, ...], tuple[str, ...], Mapping[str, list[str]]]:
        """Return the data categories told before and the new ones, and what they mean; for those who are not
        affected after all there are none.
        """
        if self._base["unaffected"]:
            return (), (), {"consequences": [], "advice": []}
        if not reader.categories:
            note_missing("person.categories")
        known, new = _apart(reader.details.get("categories") or _in_one_list(reader))
        return known, new, self._lists(reader.variant, (*known, *new))

    def _lists(self, variant: str, codes: Iterable[str]) -> dict[str, list[str]]:
        texts, every = self._texts_for(variant), ordered(codes)
        lists = {key: _merged(texts.get(key, {}), every) for key in ("consequences", "advice")}
        for key, items in lists.items():
            if not items:
                note_missing(f"texts.{self.locale}.{key}")
        return lists

    def _accounts(self, accounts: Iterable[Mapping[str, Any]]) -> list[Named]:
        """Return each account that a contact is told about, beside their own data, with its own lists."""
        made = []
        for one in accounts:
            known, new = _apart(one["categories"])
            made.append(
                Named(
                    "account",
                    one,
                    categories=self._labelled(known, one),
                    new_categories=self._labelled(new, one),
                    **self._lists("account", (*known, *new)),
                )
            )
        return made

    def _labelled(self, codes: Iterable[str], details: Any) -> list[Named]:
        hints = details.get("hints", {})
        made = []
        for code in codes:
            if code not in self.words.labels:
                note_missing(f"labels.{code}")
            made.append(
                Named("category", code=code, label=self.words.labels.get(code, ""), hint=hints.get(code, ""))
            )
        return made

    def _read_texts(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        by_locale = facts.get("texts", {})
        if self.locale not in by_locale:
            note_missing(f"texts.{self.locale}")
            return {}
        texts = by_locale[self.locale]
        for key in _TEXTS:
            if key not in texts or (key in ("summary", "what_happened") and not texts[key]):
                note_missing(f"texts.{self.locale}.{key}")
        return {key: _cleaned(value) for key, value in texts.items()}

    def _texts_for(self, variant: str) -> dict[str, Any]:
        own = self._texts.get("variants", {}).get(variant, {})
        return {**self._texts, **own}

    def _read_base(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        for key in ("brand", "code"):
            if not facts.get(key):
                note_missing(key)
        contact = Named(
            "contact", {key: clean(str(facts.get("contact", {}).get(key, ""))) for key in _CONTACT}
        )
        if not (contact["email"] or contact["phone"] or contact["address"]):
            note_missing("contact")
        check = Named("check", facts.get("check", {}))
        if not check.get("address"):
            note_missing("check.address")
        kind = str(facts.get("kind", "first"))
        if kind == CORRECTION and not self._texts.get("correction"):
            note_missing(f"texts.{self.locale}.correction")
        next_update = read_moment(str(facts.get("next_update", "")), "next_update")
        discovered = read_moment(str(facts.get("discovered", "")), "discovered")
        return {
            "facts": self._facts,
            "brand": Isolated(clean(str(facts.get("brand", "")))),
            "code": Unbroken(clean(str(facts.get("code", "")))),
            "kind": kind,
            "corrected": kind == CORRECTION,
            "unaffected": kind == NOT_AFFECTED,
            "told": self._told(facts.get("told", {})),
            "drill": bool(facts.get("drill", False)),
            "reminder": bool(facts.get("reminder", False)),
            "locale": self.locale,
            "dir": "rtl" if self.rtl else "ltr",
            "occurred": self._occurrence(facts.get("occurred", {})),
            "discovered": self._calendar.moment(discovered) if discovered else "",
            "next_update": self._calendar.moment(next_update) if next_update else "",
            "contact": Named("contact", {key: _contact(key, value) for key, value in contact.items()}),
            "check": Named("check", {key: LeftToRight(clean(str(value))) for key, value in check.items()}),
        }

    def _told(self, told: Mapping[str, str]) -> Named:
        """Say when the reader was told before as the name of a sentence and its places."""
        first = read_moment(str(told.get("from", "")), "told.from")
        last = read_moment(str(told.get("to", "")), "told.to")
        if first is None or last is None:
            return Named("told", case="told_before", start="", end="")
        start, end = self._calendar.moment(first), self._calendar.moment(last)
        return Named("told", case="told_on" if start == end else "told_between", start=start, end=end)

    def _occurrence(self, occurred: Mapping[str, str]) -> Named:
        """Say when it happened as the name of a sentence and its places."""
        start = read_moment(str(occurred.get("from", "")), "occurred.from")
        end = read_moment(str(occurred.get("to", "")), "occurred.to")
        case, first, last, day = self._span(start, end)
        return Named("occurred", case=f"occurred_{case}", start=first, end=last, day=day)

    def _span(self, start: date | datetime | None, end: date | datetime | None) -> tuple[str, str, str, str]:
        calendar = self._calendar
        if start is None and end is None:
            return "unknown", "", "", ""
        if start is None or end is None:
            known = calendar.moment(start or end or date.min)
            return ("from" if start else "until"), known, known, ""
        if isinstance(start, datetime) and isinstance(end, datetime):
            if end < start:
                raise BadInput("occurred.to lies before occurred.from", advice="Correct the record.")
            if start == end:
                return "at", calendar.moment(start), "", ""
            one_zone = calendar.same_zone(start, end)
            if one_zone and calendar.day(start) == calendar.day(end):
                last = f"{calendar.time(end)} ({calendar.zone_name(end)})"
                return "within", calendar.time(start), last, calendar.day(start)
            return "between", calendar.moment(start, zoned=not one_zone), calendar.moment(end), ""
        first, last = calendar.moment(start), calendar.moment(end)
        return ("at", first, "", "") if first == last else ("between", first, last, "")


def _in_one_list(reader: Reader) -> dict[str, bool]:
    return {**dict.fromkeys(reader.categories, False), **dict.fromkeys(reader.new_categories, True)}


def _apart(codes: Mapping[str, bool]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Part data categories into those told before and those that are new; each code says whether it is."""
    every = ordered(codes)
    return tuple(code for code in every if not codes[code]), tuple(code for code in every if codes[code])


def _contact(key: str, value: str) -> Isolated:
    return {"email": LeftToRight, "phone": Unbroken}.get(key, Isolated)(value)


def _merged(lists: Mapping[str, list[str]], categories: Iterable[str]) -> list[str]:
    """Return what applies to these categories, the most urgent first, then what applies to everyone."""
    return list(dict.fromkeys(item for code in (*categories, "*") for item in lists.get(code, ())))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {key: _cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [made for inner in value if (made := _cleaned(inner))]
    raise BadInput("a text of the facts is neither text nor a list of texts")
