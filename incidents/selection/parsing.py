"""Understand a selection: a descent over its tokens, with a limit on everything.

    selection  = any
    any        = all { "or" all }
    all        = one { "and" one }
    one        = "not" one | "(" any ")" | condition
    condition  = field ( "=" | "!=" ) value | field [ "not" ] "in" "(" value { "," value } ")"
               | field ( "<" | "<=" | ">" | ">=" ) value | field "is" [ "not" ] ( "known" | "unknown" )
               | "holds" categories | "marked" mark | "everybody"
    categories = category | ( "any" | "all" ) "(" category { "," category } ")"

Where a value is expected any word is a value: ``country = IN`` is India, ``region = US-OR`` is Oregon.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import NoReturn, cast

from incidents.errors import BadSelection
from incidents.selection.tokens import Kind, Token, tokens
from incidents.selection.tree import (
    And,
    Compared,
    Comparison,
    Everybody,
    Field,
    Holds,
    Known,
    Marked,
    Not,
    OneOf,
    Or,
    Tree,
)
from incidents.selection.values import ATTRIBUTE, FIELDS, read_value
from notifier import categories
from notifier.customers.values import Mark

MAX_DEPTH = 30
MAX_CONDITIONS = 200
MAX_VALUES = 2000
_COMPARISONS = ("<", "<=", ">", ">=")
_CONDITIONS = (*FIELDS, "attribute.NAME", "holds", "marked", "everybody", "not")


def parse(text: str) -> Tree:
    """Return what ``text`` says; anything else is ``BadSelection`` pointing at the column."""
    return _Parser(text).selection()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._at = 0
        self._depth = self._conditions = self._values = 0

    def selection(self) -> Tree:
        if len(self._tokens) == 1:
            self._refuse("the selection is empty", advice="Write a condition, or `everybody`.")
        made = self._any()
        if self._now.kind is not Kind.END:
            self._refuse(f"expected `and`, `or` or the end, found {self._now}")
        return made

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._now
        self._at += token.kind is not Kind.END
        return token

    def _word(self, *wanted: str) -> bool:
        """Take the next token if it is one of these words."""
        if self._now.kind is Kind.WORD and self._now.text.lower() in wanted:
            self._at += 1
            return True
        return False

    def _sign(self, *wanted: str) -> bool:
        if self._now.kind is Kind.SIGN and self._now.text in wanted:
            self._at += 1
            return True
        return False

    def _refuse(self, what: str, *, token: Token | None = None, advice: str = "") -> NoReturn:
        raise BadSelection(what, self._text, (token or self._now).column, advice=advice)

    def _any(self) -> Tree:
        return self._joined(self._all, "or", Or)

    def _all(self) -> Tree:
        return self._joined(self._one, "and", And)

    def _joined(self, part: Callable[[], Tree], word: str, make: Callable[[tuple[Tree, ...]], Tree]) -> Tree:
        parts = [part()]
        while self._word(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else make(tuple(parts))

    def _one(self) -> Tree:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"it is nested more than {MAX_DEPTH} deep")
        made: Tree
        if self._word("not"):
            made = Not(self._one())
        elif self._sign("("):
            made = self._any()
            if not self._sign(")"):
                self._refuse(f"expected `)`, found {self._now}")
        else:
            made = self._condition()
        self._depth -= 1
        return made

    def _condition(self) -> Tree:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            self._refuse(f"it has more than {MAX_CONDITIONS} conditions", advice="Use `in (…)`, or a list.")
        token = self._take()
        if token.kind is not Kind.WORD:
            self._refuse(f"expected a field, found {token}", token=token, advice=_listed(_CONDITIONS))
        word = token.text.lower()
        if word == "everybody":
            return Everybody()
        if word == "holds":
            return self._holds()
        if word == "marked":
            return Marked(self._closed("mark", tuple(Mark)))
        return self._comparison(self._field(token, word))

    def _field(self, token: Token, word: str) -> Field:
        if not word.startswith(ATTRIBUTE):
            name = word.replace("-", "_")
            if name not in FIELDS:
                self._refuse(f"there is no field {token}", token=token, advice=_suggest(name, _CONDITIONS))
            return Field(name)
        name = token.text[len(ATTRIBUTE) :]
        if not name and self._now.kind is Kind.QUOTED and self._now.glued:
            name = self._take().text
        if not name or '"' in name or "\\" in name:
            self._refuse(
                "the attribute has no usable name",
                token=token,
                advice='Write attribute.plan or attribute."plan name".',
            )
        return Field("attribute", name)

    def _comparison(self, field: Field) -> Tree:
        if self._sign("="):
            return OneOf(field, (self._value(field),))
        if self._sign("!=", "<>"):
            return Not(OneOf(field, (self._value(field),)))
        if self._word("in"):
            return OneOf(field, self._list(lambda: self._value(field)))
        if self._word("not"):
            if not self._word("in"):
                self._refuse(f"expected `in` after `not`, found {self._now}")
            return Not(OneOf(field, self._list(lambda: self._value(field))))
        if self._word("is"):
            return self._known(field)
        return self._ordered(field)

    def _ordered(self, field: Field) -> Tree:
        token = self._now
        if not self._sign(*_COMPARISONS):
            self._refuse(f"expected =, !=, in (…) or is known, found {token}")
        if field.name != "attribute":
            self._refuse("only attributes can be compared by order", token=token, advice="Use = or in (…).")
        return Compared(field, cast("Comparison", token.text), self._value(field))

    def _known(self, field: Field) -> Tree:
        negated = self._word("not")
        if self._word("unknown"):
            return Known(field) if negated else Not(Known(field))
        if not self._word("known"):
            self._refuse(f"expected `known` or `unknown`, found {self._now}")
        return Not(Known(field)) if negated else Known(field)

    def _holds(self) -> Tree:
        # A category cannot be named any or all, so these words are free to introduce a list.
        for word, make in (("any", Or), ("all", And)):
            if self._word(word):
                found = self._list(lambda: self._closed("data category", categories.CODES))
                return make(tuple(Holds(category) for category in found))
        return Holds(self._closed("data category", categories.CODES))

    def _list(self, read: Callable[[], str]) -> tuple[str, ...]:
        if not self._sign("("):
            self._refuse(f"expected `(`, found {self._now}", advice="Write for example country in (DE, FR).")
        values = [read()]
        while self._sign(","):
            values.append(read())
        if not self._sign(")"):
            self._refuse(f"expected `,` or `)`, found {self._now}")
        return tuple(dict.fromkeys(values))

    def _literal(self) -> Token:
        token = self._take()
        if token.kind not in {Kind.WORD, Kind.QUOTED}:
            self._refuse(f"expected a value, found {token}", token=token)
        self._values += 1
        if self._values > MAX_VALUES:
            self._refuse(
                f"it has more than {MAX_VALUES} values", token=token, advice="Upload a list instead."
            )
        return token

    def _value(self, field: Field) -> str:
        token = self._literal()
        try:
            value = read_value(field.name, token.text)
        except ValueError as error:
            self._refuse(str(error), token=token)
        return value

    def _closed(self, what: str, known: tuple[str, ...]) -> str:
        token = self._literal()
        word = token.text.lower().replace("_", "-")
        if word not in known:
            self._refuse(f"there is no {what} {token}", token=token, advice=_suggest(word, known))
        return word


def _suggest(word: str, known: Iterable[str]) -> str:
    known = [str(one) for one in known]
    close = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean `{close[0]}`? {_listed(known)}" if close else _listed(known)


def _listed(known: Iterable[str]) -> str:
    return f"Known are: {', '.join(known)}."
