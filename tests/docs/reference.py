"""The reference pages that are made from the program itself. ``make docs`` writes them; a test compares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from incidents.app import app
from incidents.cli.lazy import Unloaded
from notifier.configuration import Item, tables, toml
from tests.docs import sms_codes, smtp_replies

DOCS = Path(__file__).parents[2] / "docs"
_MADE = "<!-- Made by `make docs` from the program; change it there. -->"


def settings_page() -> str:
    """Return docs/reference/settings.md."""
    lines = [
        "# Settings",
        "",
        _MADE,
        "",
        "Settings stand in `notifier.toml` in the home folder, which `notifier init` writes with every setting "
        "commented. An environment variable goes before the file; lists and tables are given as JSON there. "
        "An unknown name, in the file or in a variable that starts with `NOTIFIER_`, stops the start. "
        "`notifier settings` shows what is in force and where it comes from.",
    ]
    for table in tables():
        lines += [
            "",
            f"## {table.header if table.name else 'Outside any table'}",
            "",
            *((_plain(table.meaning), "") if table.name else ()),
        ]
        if table.repeated:
            lines += ["May stand several times.", ""]
        lines += ["| setting | default | meaning |", "| --- | --- | --- |"]
        lines += [_setting_row(item) for item in table.items]
    return "\n".join(lines) + "\n"


def _setting_row(item: Item) -> str:
    default = (
        "must be given" if item.needed else "not set" if item.default is None else f"`{toml(item.default)}`"
    )
    meaning = _plain(item.meaning) + (f" Takes {item.takes}." if item.takes else "")
    variable = f"<br>`{item.variable}`" if item.variable else ""
    return f"| `{item.name}`{variable} | {default} | {meaning.replace('|', '&#124;')} |"


def commands() -> Iterator[tuple[str, Any]]:
    """Yield each command's whole name and the command, groups before what is in them."""

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(command, Unloaded):
            command = command.load()
        yield name, command
        if isinstance(command, TyperGroup):
            for key in sorted(command.list_commands(None)):
                yield from walk(f"{name} {key}", command.get_command(None, key))

    return walk("notifier", typer.main.get_command(app))


def cli_page() -> str:
    """Return docs/reference/cli.md."""
    lines = [
        "# Commands",
        "",
        _MADE,
        "",
        "Options of `notifier` itself stand before the command: `notifier --home /srv/notifier --json audit verify`. "
        "Every command that shows or lists something honours `--json`.",
        "",
        "Exit codes: 0 done, 1 refused, 2 wrong usage or input, 3 done in part (the good rows are in, the bad ones "
        "are in the report).",
    ]
    for name, command in commands():
        lines += ["", f"## {name}", "", _plain(_one_line(command.help or ""))]
        shown = [one for one in command.params if not getattr(one, "hidden", False) and one.name != "help"]
        if shown:
            lines += ["", "| parameter | meaning |", "| --- | --- |"]
            lines += [_parameter_row(one) for one in shown]
    return "\n".join(lines) + "\n"


def _parameter_row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = f"`{parameter.name.upper()}`"
    else:
        name = ", ".join(f"`{one}`" for one in (*parameter.opts, *parameter.secondary_opts))
    told = _plain(_one_line(getattr(parameter, "help", None) or ""))
    if parameter.required:
        told += " Must be given."
    return f"| {name} | {told.strip()} |"


def _one_line(text: str) -> str:
    return " ".join(text.replace("\b", "").split())


def _plain(text: str) -> str:
    """Turn reStructuredText's code marks into Markdown's."""
    return text.replace("``", "`")


_SECTIONS = {
    "Learn": "tutorial",
    "Do": "how-to",
    "Look up": "reference",
    "Understand": "explanation",
    "Decisions": "adr",
}


def index_page() -> str:
    """Return docs/index.md: every page under its heading, by title."""
    lines = ["# Documentation", "", _MADE]
    for heading, folder in _SECTIONS.items():
        pages = sorted((DOCS / folder).glob("*.md"), key=lambda page: (_number(page), _title(page)))
        lines += ["", f"## {heading}", ""]
        lines += [f"- [{_title(page)}]({folder}/{page.name})" for page in pages]
        if folder == "reference":
            lines += ["- [Glossary](glossary.md)"]
    return "\n".join(lines) + "\n"


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _number(page: Path) -> str:
    return page.name[:4] if page.name[:4].isdecimal() else ""


PAGES = {
    "reference/settings.md": settings_page,
    "reference/cli.md": cli_page,
    "reference/smtp-replies.md": smtp_replies.page,
    "reference/sms-codes.md": sms_codes.page,
    "index.md": index_page,
}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
