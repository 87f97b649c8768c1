"""Commands that are imported when they are called: a call needs one of them, not all."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


@dataclass(frozen=True)
class Entry:
    """What the overview says of a command or group, and which modules to import once it is called.

    Each module has its commands in a Typer called ``app``.
    """

    help: str
    modules: tuple[str, ...]
    is_group: bool = False
    hidden: bool = False


class Unloaded(TyperCommand):
    """A command or group that nobody has called yet: a line in the overview."""

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name, help=entry.help, hidden=entry.hidden)
        self._entry = entry

    def load(self) -> Any:
        """Return what is called, to be imported as far as it is used."""
        group = Group(self._entry.modules, name=self.name, help=self.help, no_args_is_help=True)
        return group if self._entry.is_group else group.get_command(None, str(self.name))


class Group(TyperGroup):
    """A group whose modules are imported in their order until the command is found; for its help, all."""

    def __init__(self, modules: Iterable[str], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._waiting = deque(modules)

    def list_commands(self, ctx: Any) -> list[str]:
        """Name all commands."""
        while self._waiting:
            self._import_next()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; ``None`` if no module has it."""
        while self._waiting and cmd_name not in self.commands:
            self._import_next()
        return super().get_command(ctx, cmd_name)

    def _import_next(self) -> None:
        self.commands.update(get_group(import_module(self._waiting.popleft()).app).commands)


class Overview(TyperGroup):
    """The commands and groups of a program, each imported when it is called; a subclass lists them."""

    entries: ClassVar[dict[str, Entry]]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update({name: Unloaded(name, entry) for name, entry in self.entries.items()})

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that is called, imported now."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Unloaded) else command, rest
