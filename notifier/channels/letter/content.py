"""What a letter says, as blocks for the page: the e-mail's sections, in its order, in its sentences.

Nothing here is markup. A piece of text is a list of *runs*: a string, or ``{"keep": …}`` for what must stay
on one line (a reference, a telephone number), or ``{"strong": …}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from notifier.rendering.edition import Edition, Reader
from notifier.rendering.lines import MARK_CLOSE, MARK_OPEN, Unbroken
from notifier.rendering.sandbox import Sandbox
from notifier.rendering.wording import Speaker

Runs = list[str | dict[str, str]]
Block = dict[str, Any]
_KEPT = re.compile(f"{MARK_OPEN}([^{MARK_CLOSE}]*){MARK_CLOSE}")
_TURNS = re.compile("[\u2066-\u2069]")
_ENDINGS = {"unaffected": "_unaffected", "corrected": "_correction", "update": "_update"}
_CONTACT = ("phone", "hours", "email", "address")


class Paper(Sandbox):
    """How values are printed on paper: as in plain text, with what must not be broken marked."""

    def _finalize(self, value: Any) -> Any:
        shown = super()._finalize(value)
        return f"{MARK_OPEN}{shown}{MARK_CLOSE}" if isinstance(value, Unbroken) else shown


def runs(text: Any, paper: Sandbox) -> Runs:
    """Return a text as runs; a value that is no text yet is printed first."""
    pieces = _KEPT.split(str(paper.printed(text)))
    return [
        {"keep": piece} if place % 2 else piece for place, piece in enumerate(pieces) if place % 2 or piece
    ]


class Content:
    """The blocks of one reader's letter."""

    def __init__(self, edition: Edition, reader: Reader, paper: Sandbox) -> None:
        self._seen = edition.context(reader, paper)
        self._paper = paper
        self._say: Speaker = self._seen["say"]
        self._say_account: Speaker = self._seen["say_account"]

    def title(self) -> str:
        """Return the letter's own title."""
        return self._say(f"title{self._kind()}")

    def subject(self) -> str:
        """Return the document's title: the subject the e-mail has."""
        said = self._say(f"subject{self._kind()}", brand=self._seen["brand"])
        return " ".join(_TURNS.sub("", said).split())

    def _kind(self) -> str:
        """Return the ending of the words that say which kind of notice it is."""
        for kind, ending in _ENDINGS.items():
            if self._seen[kind]:
                return ending
        return ""

    def check_address(self) -> str:
        """Return the address at which the notice can be checked."""
        return str(self._seen["check"].get("address", ""))

    def addressee(self) -> list[str]:
        """Return the lines that name the reader in the address, or what they are where no name is known."""
        subject = self._seen["details"].get("subject", "")
        if self._seen["name"]:
            return [str(self._seen["name"])]
        if not (subject and self._say.has("addressee")):
            return []
        return self._say("addressee", subject=subject).split("\n")

    def code_words(self, values: Mapping[str, str]) -> str:
        """Return what the square code holds, in words."""
        return self._say("code_alt", **values)

    def blocks(self, *, large_print: bool) -> list[Block]:
        """Return all blocks below the address, in order."""
        return [
            *self._drill(),
            {"kind": "heading", "level": 1, "text": self._runs(self.title())},
            *self._opening(),
            *self._body(),
            *self._check(),
            *self._questions(large_print=large_print),
            *self._ending(),
            *self._drill(),
        ]

    def _runs(self, text: Any) -> Runs:
        return runs(text, self._paper)

    def _heading(self, text: str) -> Block:
        return {"kind": "heading", "level": 2, "text": self._runs(text)}

    def _text(self, text: Any, kind: str = "text") -> Block:
        return {"kind": kind, "text": self._runs(text)}

    def _items(self, items: Iterable[Any], kind: str = "list") -> Block:
        return {"kind": kind, "items": [self._runs(item) for item in items]}

    def _drill(self) -> Iterator[Block]:
        if self._seen["drill"]:
            yield self._text(f"{self._say('drill_mark')}. {self._say('drill_note')}", "drill")

    def _opening(self) -> Iterator[Block]:
        seen, say = self._seen, self._say
        yield self._text(say("greeting", name=seen["name"]) if seen["name"] else say("greeting_nameless"))
        if seen["corrected"] or seen["unaffected"]:
            told = seen["told"]
            yield self._text(say(told["case"], start=told["start"], end=told["end"]))
            yield self._text(say("lead_unaffected" if seen["unaffected"] else "lead_correction"))
        elif seen["update"]:
            yield self._text(say("lead_update"))
        subject = seen["details"].get("subject", "")
        lead = say("lead_subject", subject=subject) if subject and say.has("lead_subject") else say("lead")
        if lead:
            yield self._text(lead)

    def _body(self) -> Iterator[Block]:
        if self._seen["unaffected"]:
            yield from self._unaffected()
            return
        yield from self._correction()
        yield from self._key()
        yield from self._happened()
        yield from self._information()
        yield from self._meaning()

    def _unaffected(self) -> Iterator[Block]:
        say = self._say
        yield from (self._text(paragraph) for paragraph in self._seen["correction"])
        yield self._heading(say("advice"))
        yield self._text(say("unaffected_advice"))
        yield self._text(say("sorry"))

    def _correction(self) -> Iterator[Block]:
        seen, say = self._seen, self._say
        if not seen["correction"]:
            return
        yield self._heading(say("corrected" if seen["corrected"] else "news"))
        yield from (self._text(paragraph) for paragraph in seen["correction"])
        if seen["corrected"]:
            yield self._text(say("correction_follows"))

    def _key(self) -> Iterator[Block]:
        seen, say = self._seen, self._say
        occurred = seen["occurred"]
        when = say(occurred["case"], start=occurred["start"], end=occurred["end"], day=occurred["day"])
        yield {"kind": "key", "summary": self._runs(seen.get("summary", "")), "text": self._runs(when)}

    def _happened(self) -> Iterator[Block]:
        seen, say = self._seen, self._say
        yield self._heading(say("happened"))
        yield from (self._text(paragraph) for paragraph in seen.get("what_happened", ()))
        found = seen["discovered"]
        yield self._text(say("discovered", moment=found) if found else say("discovered_unknown"))

    def _information(self) -> Iterator[Block]:
        seen, say = self._seen, self._say
        yield self._heading(say("information"))
        yield from self._involved(say, seen["categories"], seen["new_categories"])
        yield from self._listed(seen["details"])
        yield self._text(say("information_own"))
        for one in seen["accounts"]:
            yield self._heading(say("account_too", subject=one["subject"]))
            yield self._text(say("account_too_lead", subject=one["subject"]))
            yield from self._involved(self._say_account, one["categories"], one["new_categories"])
            yield from self._listed(one)
            for part in ("consequences", "advice"):
                yield {"kind": "text", "text": [{"strong": self._say_account(part)}]}
                yield self._items(one[part])

    def _involved(self, say: Speaker, known: Iterable[Any], new: Iterable[Any]) -> Iterator[Block]:
        if new:
            yield self._text(say("information_new"))
            yield {"kind": "list", "items": [self._datum(one) for one in new]}
        if known:
            yield self._text(say("information_before" if self._seen["topped_up"] else "information_intro"))
            yield {"kind": "list", "items": [self._datum(one) for one in known]}

    def _datum(self, one: Mapping[str, Any]) -> Runs:
        hint = self._runs(one["hint"]) if one["hint"] else []
        return [{"strong": one["label"]}, *([" (", *hint, ")"] if hint else [])]

    def _listed(self, details: Mapping[str, Any]) -> Iterator[Block]:
        if new := details.get("records_new", ()):
            yield self._text(self._say("records_new"))
            yield self._items(new)
        if known := details.get("records", ()):
            yield self._text(self._say("records_before" if "records_new" in details else "records_intro"))
            yield self._items(known)
        if count := details.get("count", 0):
            yield self._text(self._say("records_count", count=self._seen["number"](count)))

    def _meaning(self) -> Iterator[Block]:
        seen, say = self._seen, self._say
        yield self._heading(say("consequences"))
        yield self._items(seen["consequences"])
        for part in ("measures", "unknowns"):
            if part == "unknowns":
                yield self._heading(say("advice"))
                yield self._advice(seen["advice"])
            yield self._heading(say(part))
            yield self._items(seen[part]) if seen.get(part) else self._text(say(f"{part}_none"))
        day = seen["next_update"]
        yield self._text(say("next_update", day=day) if day else say("next_update_open"))

    def _advice(self, items: list[str]) -> Block:
        made: list[Runs] = [self._runs(item) for item in items]
        if len(made) > 1:
            made[0] = [{"strong": self._say("advice_first")}, " ", *made[0]]
        return {"kind": "steps", "items": made}

    def _check(self) -> Iterator[Block]:
        say = self._say
        yield self._heading(say("check"))
        yield self._text(say("check_intro"))
        steps = (
            say("check_address", address=self._seen["check"].get("address", "")),
            say("check_reference", reference=self._seen["reference"]),
        )
        yield self._items(steps, "steps")
        yield self._text(say("check_code"), "code")
        yield self._text(say("check_never"))

    def _questions(self, *, large_print: bool) -> Iterator[Block]:
        contact = self._seen["contact"]
        ask = self._say_account if self._seen["accounts"] else self._say
        yield self._heading(self._say("questions"))
        yield self._text(ask("questions_intro"))
        lines: list[Runs] = []
        if contact["name"]:
            lines.append([{"strong": str(self._paper.printed(contact["name"]))}])
        if contact["role"]:
            lines.append(self._runs(contact["role"]))
        lines += [[f"{self._say(part)}: ", *self._runs(contact[part])] for part in _CONTACT if contact[part]]
        yield {"kind": "lines", "items": lines}
        if not large_print:
            yield self._text(self._say("large_print"))

    def _ending(self) -> Iterator[Block]:
        say, seen = self._say, self._seen
        yield self._heading(say("reference"))
        yield self._text(say("reference_line", reference=seen["reference"], code=seen["code"]))
        why = "why_unaffected" if seen["unaffected"] else "why"
        yield self._text(say(why, brand=seen["brand"]), "soft")
