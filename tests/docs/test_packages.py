"""The packages this program stands on: declared because they are used, under licences that fit ours."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, packages_distributions
from pathlib import Path

TOP = Path(__file__).parents[2]
# Loaded by name, not by an import of ours: database drivers and time zone data.
BY_NAME = {"aiosqlite", "psycopg", "tzdata"}
FITTING = re.compile(r"MIT|BSD|Apache|ISC|PSF|Unlicense|MPL-2\.0|LGPL")


def _declared() -> set[str]:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    return {re.split(r"[\[<>=~! ]", line)[0].lower() for line in project["dependencies"]}


def test_every_declared_package_is_used() -> None:
    """A package that nothing imports is weight and risk for nothing."""
    source = "\n".join(
        path.read_text() for folder in ("notifier", "incidents") for path in (TOP / folder).rglob("*.py")
    )
    imported = set(re.findall(r"(?m)^\s*(?:from|import) (\w+)", source))
    provided = packages_distributions()
    used = {name.lower() for module in imported for name in provided.get(module, ())}
    assert _declared() - used - BY_NAME == set()


def test_every_package_that_ships_has_a_licence_that_fits() -> None:
    """Permissive, or a library that may be used as it is."""
    odd = {}
    for name in re.findall(r"(?m)^([a-z0-9._-]+)==", (TOP / "docker" / "runtime.lock").read_text()):
        try:
            facts = metadata(name)
        except PackageNotFoundError:
            continue  # It is for another platform.
        said = [facts.get("License-Expression"), facts.get("License"), *(facts.get_all("Classifier") or [])]
        if not any(one and FITTING.search(one) for one in said):
            odd[name] = said[0]
    assert odd == {}
