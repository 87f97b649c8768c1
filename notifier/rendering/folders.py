"""Where templates are: the only part that knows. An operator's own folder goes before ours.

A file in an operator's folder replaces ours of the same name, one by one. The wheel carries the templates
as ``notifier/templates``; a checkout has them at its top.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, TemplateNotFound

import notifier
from notifier.errors import BadInput, NotFound

EMAIL, SMS, WEB = "email", "sms", "web"
BASE = "_base"
_FIRST_PART = {EMAIL: "subject.txt", SMS: "text.txt", WEB: "words.toml"}
"""The file that every notice of a channel has in each of its languages."""
_SUFFIXES = frozenset((".txt", ".html", ".svg", ".toml", ".typ"))
_STATUS = "status.toml"
_NOTICE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?", re.ASCII)


def shipped() -> list[Path]:
    """Return the folders of the templates that come with the program, first the package's own."""
    package = Path(notifier.__file__).parent
    return [folder for folder in (package / "templates", package.parent / "templates") if folder.is_dir()]


class Folders(BaseLoader):
    """The template folders of one channel, searched in order. Files are read once and kept."""

    def __init__(self, own: Sequence[Path] = (), *, channel: str = EMAIL) -> None:
        self.channel = channel
        self._roots = [folder / channel for folder in (*own, *shipped())]
        self._read: dict[str, bytes] = {}

    def get_source(self, _environment: Environment, template: str) -> tuple[str, str | None, None]:
        """Give Jinja the text of ``template``; no file outside the folders is ever opened."""
        return self.text(template), template, None

    def text(self, name: str) -> str:
        """Return the text of a file such as ``breach-notice/en/body.txt``."""
        if name not in self._read:
            self._read[name] = self.path(name).read_bytes()
        try:
            return self._read[name].decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise BadInput(f"the template {name} is not UTF-8", advice="Save it as UTF-8.") from None

    def path(self, name: str) -> Path:
        """Return where a file is: in the first folder that has it."""
        parts = name.split("/")
        if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
            raise TemplateNotFound(name)
        path = next((found for root in self._roots if (found := root.joinpath(*parts)).is_file()), None)
        if path is None:
            raise TemplateNotFound(name)
        return path

    def toml(self, name: str) -> dict[str, Any]:
        """Return the values of a TOML file; a broken one is ``BadInput``."""
        try:
            return tomllib.loads(self.text(name))
        except tomllib.TOMLDecodeError as error:
            raise BadInput(f"the template {name} is not valid TOML: {error}") from None

    def exists(self, name: str) -> bool:
        """Say whether a file of that name is there."""
        try:
            self.text(name)
        except TemplateNotFound:
            return False
        return True

    def locales(self, notice: str) -> list[str]:
        """Return the locales a notice is written in, sorted; an unknown notice is ``NotFound``."""
        if not _NOTICE.fullmatch(notice):
            raise NotFound(f"there is no notice {notice!r}", advice="Notices are named in kebab-case.")
        found = {
            path.name
            for root in self._roots
            if (root / notice).is_dir()
            for path in (root / notice).iterdir()
            if path.is_dir()
            and _LOCALE.fullmatch(path.name)
            and self.exists(f"{notice}/{path.name}/{_FIRST_PART[self.channel]}")
        }
        if not found:
            raise NotFound(
                f"there is no notice {notice!r}",
                advice=f"Add it under templates/{self.channel}/{notice}/<locale>/.",
            )
        return sorted(found)

    def files(self, notice: str, locale: str) -> list[str]:
        """Return the names of all files a notice in one language is made from, sorted.

        Labels of other languages and the translation's status are not among them.
        """
        names = set()
        for root in self._roots:
            for part in (BASE, f"{notice}/{locale}"):
                names |= {
                    path.relative_to(root).as_posix()
                    for path in (root / part).rglob("*")
                    if path.suffix in _SUFFIXES and path.name != _STATUS and path.is_file()
                }
        labels = f"{BASE}/labels/"
        return sorted(
            name for name in names if not name.startswith(labels) or name == f"{labels}{locale}.toml"
        )

    def digest(self, notice: str, locale: str) -> str:
        """Return the SHA-256, in hex, over names and bytes of those files."""
        sum_ = hashlib.sha256()
        for name in self.files(notice, locale):
            self.text(name)
            content = self._read[name]
            sum_.update(f"{name}\0{len(content)}\0".encode() + content)
        return sum_.hexdigest()

    def status(self, notice: str, locale: str) -> str:
        """Return how far the translation is: ``original``, ``unreviewed`` or ``reviewed``."""
        name = f"{notice}/{locale}/{_STATUS}"
        status = self.toml(name).get("status", "unreviewed") if self.exists(name) else "unreviewed"
        return status if status in ("original", "reviewed") else "unreviewed"
