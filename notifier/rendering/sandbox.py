"""The sandbox templates run in: no attribute of ours, no file, no clock; each missing name collected.

Personal values come in one of two forms. A ``Slot`` stands for a value while a template is rendered for a
whole cohort; it can be printed and asked whether it is empty, nothing else, so that whatever the template
made of it cannot depend on the value. Otherwise they are ``Isolated`` strings.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from jinja2 import BaseLoader, Undefined, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from notifier.errors import BadInput
from notifier.rendering.lines import MARK_CLOSE, MARK_OPEN, Isolated

_missing: ContextVar[set[str] | None] = ContextVar("missing", default=None)
_FILTERS = frozenset(
    (
        "capitalize",
        "default",
        "escape",
        "first",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "reject",
        "replace",
        "select",
        "sort",
        "string",
        "trim",
        "unique",
        "upper",
    )
)


class MissingVariables(BadInput):
    """A notice needs what neither the facts nor the person give."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(
            f"the notice needs {', '.join(names)}",
            advice="Complete the record or the template, then try again.",
        )
        self.names = names


class Named(dict[str, Any]):
    """A mapping that knows its own name, so that what is missing in it can be named in full."""

    __slots__ = ("_path",)

    def __init__(self, _path: str, values: Any = (), **more: Any) -> None:
        super().__init__(values, **more)
        self._path = _path


class Collected(Undefined):
    """Something missing: it notes its name when used, and lets the rendering go on to find the others."""

    __slots__ = ()

    @property
    def _name(self) -> str:
        path = getattr(self._undefined_obj, "_path", "")
        return f"{path}.{self._undefined_name}" if path else str(self._undefined_name)

    def _note(self) -> str:
        if (names := _missing.get()) is not None:
            names.add(self._name)
        return ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Collected(obj=Named(self._name), name=name)

    def __getitem__(self, key: object) -> Any:
        return Collected(obj=Named(self._name), name=str(key))

    def __str__(self) -> str:
        return self._note()

    def __iter__(self) -> Iterator[Any]:
        self._note()
        return iter(())

    def __bool__(self) -> bool:
        self._note()
        return False

    def __len__(self) -> int:
        self._note()
        return 0

    def __eq__(self, other: object) -> bool:
        self._note()
        return False

    def __hash__(self) -> int:
        return id(type(self))


@contextmanager
def all_named() -> Iterator[set[str]]:
    """Collect the names of everything missing in the block; raise them together at its end."""
    names: set[str] = set()
    token = _missing.set(names)
    try:
        yield names
    except UndefinedError as error:  # Arithmetic with something missing.
        names.add(str(error).split("'")[1] if "'" in str(error) else str(error))
    finally:
        _missing.reset(token)
    if names:
        raise MissingVariables(tuple(sorted(names)))


class DependsOnValueError(TypeError):
    """A template did more with a personal value than print it."""


def _refuse(*_args: object, **_kwargs: object) -> NoReturn:
    raise DependsOnValueError


class Slot:
    """The place of a personal value that is not empty."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def mark(self) -> Markup:
        """Return what is printed in its place."""
        return Markup(f"{MARK_OPEN}{self.path}{MARK_CLOSE}")  # noqa: S704 - the path is ours

    def __bool__(self) -> bool:
        return True

    __str__ = __repr__ = __html__ = __len__ = __iter__ = __getitem__ = __contains__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse
    __add__ = __radd__ = __mod__ = __rmod__ = __mul__ = __format__ = __int__ = __float__ = _refuse


class Sandbox(ImmutableSandboxedEnvironment):
    """One environment per direction and form (HTML or text); compiled templates are kept."""

    def __init__(self, loader: BaseLoader, *, html: bool, rtl: bool) -> None:
        super().__init__(
            loader=loader,
            autoescape=html,
            undefined=Collected,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=self._finalize,
            auto_reload=False,
            cache_size=-1,
        )
        self.html = html
        self.rtl = rtl
        self.globals.clear()
        self.filters = {name: made for name, made in self.filters.items() if name in _FILTERS}

    def printed(self, value: Any) -> Any:
        """Return what stands in the output for ``value``; in HTML anything but ``Markup`` is escaped."""
        return self._finalize(value)

    def _finalize(self, value: Any) -> Any:
        if isinstance(value, Slot):
            return value.mark()
        if isinstance(value, Isolated):
            return value.as_html(self.rtl) if self.html else value.as_text(self.rtl)
        return value


def note_missing(name: str) -> None:
    """Note that something needed is missing or empty."""
    if (names := _missing.get()) is not None:
        names.add(name)


def anything_missing() -> bool:
    """Say whether anything was noted so far."""
    return bool(_missing.get())
