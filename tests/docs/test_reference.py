"""The documentation says what the program does: settings, commands, audit actions, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from incidents.actions import IncidentAction
from notifier.audit.actions import AuditAction
from tests.docs import reference

TOP = Path(__file__).parents[2]
PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/**/*.md")])
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    """Run ``make docs`` after a setting, a command or a page has changed."""
    assert (reference.DOCS / name).read_text() == reference.PAGES[name]()


def test_every_command_says_what_it_does() -> None:
    """Commands, and each of their parameters, have a sentence of help."""
    silent = [
        f"{name} {getattr(part, 'name', '')}"
        for name, command in reference.commands()
        for part in (command, *command.params)
        if not (getattr(part, "help", None) or "").strip()
    ]
    assert silent == []


def test_every_audit_action_is_documented_and_no_other() -> None:
    """The page lists exactly what the enums have."""
    page = (TOP / "docs" / "reference" / "audit-actions.md").read_text()
    documented = re.findall(r"(?m)^\| `([a-z:-]+)` \|", page)
    known = [str(action) for action in chain(AuditAction, IncidentAction)]
    assert sorted(documented) == sorted(known)


def _links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        text = re.sub(r"(?ms)^```.*?^```", "", page.read_text())
        for link in _LINK.findall(text):
            if not re.match(r"[a-z]+:", link):
                yield page, link


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_somewhere() -> None:
    """Files and headings that pages of ours point to exist."""
    dead = []
    for page, link in _links():
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            dead.append(f"{page.relative_to(TOP)}: {link}")
    assert dead == []


def test_the_readme_fits_a_screen_and_names_both_commands() -> None:
    """Who opens the project sees what it is and how to try it."""
    readme = (TOP / "README.md").read_text()
    assert len(readme.splitlines()) <= 70
    assert "make demo" in readme
    assert "make test" in readme


_SHOWN = re.compile(r"(?m)(?:^ *|`|\$ |exec app )(notifier(?: [^\s`|>#]+)+)")


def _unknown(line: str) -> str:
    """Return the first word of a command line that the program does not have, "" if it has all."""
    known = dict(reference.commands())
    options = {"--help"} | {one for part in known["notifier"].params for one in part.opts}
    name = "notifier"
    words = [word.split("=")[0] for word in line.split()[1:]]
    for at, word in enumerate(words):
        if word.startswith("--"):
            if word not in options:
                return word
        elif f"{name} {word}" in known:
            name = f"{name} {word}"
            options |= {one for part in known[name].params for one in (*part.opts, *part.secondary_opts)}
        elif hasattr(known[name], "commands") and not (at and words[at - 1] == "--home"):
            return word
    return ""


def test_commands_in_the_documentation_exist() -> None:
    """Every command line that a page shows has commands and options that there are."""
    wrong = [
        f"{page.relative_to(TOP)}: {line}: {word}"
        for page in PAGES
        for line in _SHOWN.findall(page.read_text())
        if (word := _unknown(line))
    ]
    assert wrong == []
