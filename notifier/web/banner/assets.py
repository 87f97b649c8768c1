"""The files a page loads: the element as one ES module, and the style sheet of the fragment.

The module is put together from the files in ``templates/banner/element``: comments are left out, and so is
indentation. There is no other build step, so what is served can be read.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache, cached_property

from notifier.rendering.folders import shipped

_PARTS = ("feed.js", "element.js")
_REMARK = re.compile(
    r"\s// .*$"
)  # At the end of a line. No text in these files has a space before two slashes.


@dataclass(frozen=True)
class Asset:
    """A file as it is served. Its content is fixed for the life of this version of the program."""

    stem: str
    suffix: str
    media_type: str
    content: bytes

    @cached_property
    def compressed(self) -> bytes:
        """The content in gzip, the same bytes each time."""
        return gzip.compress(self.content, 9, mtime=0)

    @property
    def name(self) -> str:
        """The name under which the newest version is found."""
        return f"{self.stem}.{self.suffix}"

    @cached_property
    def hashed_name(self) -> str:
        """The name that this content alone has, and which may be kept for ever."""
        return f"{self.stem}-{hashlib.sha256(self.content).hexdigest()[:16]}.{self.suffix}"

    @cached_property
    def integrity(self) -> str:
        """The value of the ``integrity`` attribute (W3C Subresource Integrity)."""
        return "sha384-" + b64encode(hashlib.sha384(self.content).digest()).decode()


@cache
def style() -> Asset:
    """Return the style sheet that the fragment links to; the element carries the same."""
    lines = (line.strip() for line in _source("style.css").splitlines())
    return Asset("style", "css", "text/css; charset=utf-8", "".join(lines).encode())


@cache
def element() -> Asset:
    """Return the module that defines ``<notice-banner>``."""
    lines = [f"const CSS={json.dumps(style().content.decode(), ensure_ascii=False)};"]
    for part in _PARTS:
        stripped = (_REMARK.sub("", line).strip() for line in _source(f"element/{part}").splitlines())
        lines += [line for line in stripped if line and not line.startswith(("//", "/**"))]
    return Asset("element", "js", "text/javascript; charset=utf-8", ("\n".join(lines) + "\n").encode())


def tag(prefix: str = "/banner") -> str:
    """Return the ``script`` element for a page, with the digest of exactly this version."""
    made = element()
    return (
        f'<script type="module" src="{prefix}/{made.hashed_name}" integrity="{made.integrity}" '
        'crossorigin="anonymous"></script>'
    )


def _source(name: str) -> str:
    path = next(found for folder in shipped() if (found := folder / "banner" / name).is_file())
    return path.read_text(encoding="utf-8")
