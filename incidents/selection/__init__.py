"""Selections: a small safe language over what is known of customers in the clear.

    country in (DE, FR) and holds password-hash and not marked employee and attribute.plan = "pro"

Nothing is evaluated: the text is parsed by ``parsing`` and compiled by ``compiling`` to SQL with bound
values, which runs on both databases. docs/reference/selection-language.md describes the language.
"""

from __future__ import annotations

from dataclasses import dataclass

from incidents.selection.compiling import Compiler
from incidents.selection.parsing import parse
from incidents.selection.tree import Tree
from notifier.store import Dialect

__all__ = ["Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection as written and as understood."""

    text: str
    tree: Tree

    @classmethod
    def read(cls, text: str) -> Selection:
        """Understand ``text``, or raise ``BadSelection``."""
        return cls(text.strip(), parse(text))

    def condition(self, dialect: Dialect) -> tuple[str, dict[str, str]]:
        """Return the SQL condition on a customer row ``c`` and the values to bind."""
        compiler = Compiler(dialect)
        return compiler.condition(self.tree), compiler.params
