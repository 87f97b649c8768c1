"""Accessibility and safety of a notice's HTML: what mail programs show, read aloud, or would fetch."""

from __future__ import annotations

import re
from collections.abc import Collection
from html.parser import HTMLParser

from notifier.channels import Finding
from notifier.linting.colours import DarkRules, Scheme, declarations

LARGEST = 100_000
SMALLEST_FONT = 16.0
MOST_LINKS = 3
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr")
)
_EMBEDDED = ("iframe", "object", "embed", "applet", "video", "audio", "canvas", "svg", "frame")
_ACTIVE = frozenset((*_EMBEDDED, "script", "form", "input", "button", "select", "textarea", "base", "dialog"))
_REMOTE = re.compile(r"@import|url\(|(?:https?:)?//", re.IGNORECASE)
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL | re.IGNORECASE)
_URL_LIKE = re.compile(r"(?:https?://)?(?:[\w-]+\.)+[a-z]{2,}(?:/\S*)?", re.IGNORECASE)
_HIDDEN = (("display", "none"), ("visibility", "hidden"), ("opacity", "0"), ("font-size", "0"))


def check_html(html: str, hosts: Collection[str] = ()) -> list[Finding]:
    """List what is wrong with the HTML part; ``hosts`` are those that links may lead to."""
    reader = _Reader(html, hosts)
    reader.feed(html)
    reader.close()
    reader.end()
    if len(html.encode()) >= LARGEST:
        reader.object_to("html-large", f"the HTML has more than {LARGEST // 1000} kB")
    return list(dict.fromkeys(reader.found))


def visible_text(html: str) -> str:
    """Return the text a reader of the HTML sees, block by block."""
    reader = _Reader(html, ())
    reader.feed(html)
    reader.close()
    return "".join(reader.shown)


class _Reader(HTMLParser):
    def __init__(self, html: str, hosts: Collection[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Finding] = []
        self.shown: list[str] = []
        self._hosts = hosts
        sheet = "".join(_STYLE.findall(html))
        self._dark = DarkRules(sheet)
        if _REMOTE.search(sheet):
            self.object_to("remote-resource", "the style sheet fetches something")
        self._open: list[tuple[str, Scheme, Scheme]] = []
        self._headings: list[int] = []
        self._title = ""
        self._languages: list[bool] = []
        self._link: tuple[str, list[str]] | None = None
        self._links = 0

    def object_to(self, code: str, detail: str) -> None:
        self.found.append(Finding(code, detail))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        style = declarations(given.get("style", ""))
        self._check_element(tag, given, style)
        if tag in ("br", "p", "h1", "h2", "h3", "li", "td", "div"):
            self.shown.append("\n")
        if tag in _VOID:
            return
        light, dark = (self._open[-1][1], self._open[-1][2]) if self._open else (Scheme(), Scheme())
        over = self._dark.of(tag, given.get("class", "").split())
        self._open.append((tag, light.inside([style]), dark.inside([style, *over])))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.object_to("html-nesting", f"</{tag}> closes what is not open")
            return
        self._open.pop()
        if tag == "a" and self._link is not None:
            self._check_link(*self._link)
            self._link = None

    def handle_data(self, data: str) -> None:
        within = [one[0] for one in self._open]
        if "title" in within:
            self._title += data
        if not data.strip() or {"head", "style", "title"} & set(within):
            return
        self.shown.append(data)
        if self._link is not None:
            self._link[1].append(data)
        if not self._open:
            return
        _, light, dark = self._open[-1]
        if not light.readable():
            self.object_to("contrast", f"text in <{within[-1]}> has too little contrast in the light scheme")
        if not dark.readable():
            self.object_to(
                "contrast-dark", f"text in <{within[-1]}> has too little contrast in the dark scheme"
            )
        if light.size < SMALLEST_FONT:
            self.object_to("font-small", f"text in <{within[-1]}> is smaller than 16 pixels")

    def handle_comment(self, _data: str) -> None:
        self.object_to("html-comment", "a comment would be sent to everybody")

    def end(self) -> None:
        if self._open:
            self.object_to("html-nesting", f"<{self._open[-1][0]}> is never closed")
        if not self._title.strip():
            self.object_to("html-title", "the document has no title")
        if self._languages.count(True) < 2:
            self.object_to("html-lang", "<html> and an element in the body both need lang and dir")
        if self._headings.count(1) != 1:
            self.object_to("one-h1", "a notice has exactly one first-level heading")
        steps = zip([0, *self._headings], self._headings, strict=False)
        if any(after - before > 1 for before, after in steps):
            self.object_to("heading-order", "a level of headings is left out")
        if self._links > MOST_LINKS:
            self.object_to("many-links", f"more than {MOST_LINKS} links")

    def _check_element(self, tag: str, given: dict[str, str], style: dict[str, str]) -> None:
        if tag in _ACTIVE:
            self.object_to("active-content", f"<{tag}> does not belong in a notice")
        if any(name.startswith("on") for name in given):
            self.object_to("active-content", "an event handler does not belong in a notice")
        if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self.object_to("active-content", "a refresh does not belong in a notice")
        if tag in ("html", "div") and ("lang" in given or "dir" in given or tag == "html"):
            self._languages.append(bool(given.get("lang")) and given.get("dir") in ("ltr", "rtl"))
        if tag == "table" and given.get("role") not in ("presentation", "none"):
            self.object_to("table-role", "a layout table has role=presentation")
        if re.fullmatch("h[1-6]", tag):
            self._headings.append(int(tag[1]))
        if tag == "a":
            self._links += 1
            self._link = (given.get("href", ""), [])
        self._check_look(tag, given, style)

    def _check_look(self, tag: str, given: dict[str, str], style: dict[str, str]) -> None:
        if tag == "img" and "alt" not in given:
            self.object_to("img-alt", "an image has no alternative text")
        if tag == "img" and {given.get("width"), given.get("height")} & {"0", "1"}:
            self.object_to("tracking-pixel", "an image of one pixel")
        remote = [given.get(name, "") for name in ("src", "srcset", "background", "poster")]
        if tag == "link" or any(remote) or _REMOTE.search(given.get("style", "")):
            self.object_to("remote-resource", f"<{tag}> fetches something")
        if any(style.get(name, "").removesuffix("px") == value for name, value in _HIDDEN):
            self.object_to("hidden-text", f"<{tag}> hides its text")

    def _check_link(self, target: str, words: list[str]) -> None:
        shown = "".join(words).strip()
        scheme, _, rest = target.partition(":")
        if scheme not in ("https", "mailto", "tel"):
            self.object_to("link-scheme", "a link does not begin with https, mailto or tel")
        if not shown:
            self.object_to("link-empty", "a link has no text")
        host = rest.removeprefix("//").split("/", maxsplit=1)[0].lower()
        if scheme == "https" and not any(host == one or host.endswith(f".{one}") for one in self._hosts):
            self.object_to("link-host", "a link leads to a host that is not on the organisation's list")
        if _URL_LIKE.fullmatch(shown) and _bare(shown) != _bare(target):
            self.object_to("link-differs", "a link shows one address and leads to another")


def _bare(address: str) -> str:
    return re.sub(r"^(https?://|mailto:)", "", address.lower()).rstrip("/")
