"""Whatever stands in a record, its public page is text in our own markup and one style sheet."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import example, given, settings
from hypothesis import strategies as st

from notifier.rendering.public import PublicRenderer, style_hash

RENDERER = PublicRenderer()
SAID = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=80).map(
    lambda text: f"{text} x"
)


def _facts(brand: str, said: str) -> dict:
    texts = {
        "summary": said,
        "what_happened": [said],
        "measures": [said],
        "unknowns": [],
        "consequences": {"*": [said]},
        "advice": {"*": [said]},
    }
    return {
        "brand": brand,
        "code": "INC-2026-001",
        "time_zone": "Europe/Berlin",
        "contact": {"name": said, "phone": said},
        "check": {"address": "notices.example.com/check"},
        "texts": {"en": texts, "ar": texts},
        "public": {
            "from": "2026-03-01",
            "last": "2026-03-31",
            "categories": ["email"],
            "people": 0,
            "address": "https://notices.example.com/substitute/x",
            "paths": {"ar": "/substitute/x/ar", "en": "/substitute/x/en"},
        },
    }


class Outline(HTMLParser):
    """The tags and attributes of a page, without its text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag; how a value is set apart from the text around it may differ."""
        if tag != "bdi":
            self.tags.append((tag, tuple(name for name, _ in attrs)))


PLAIN = {locale: RENDERER.page(locale, _facts("Plain", "Plain x")) for locale in ("en", "ar")}


@settings(max_examples=60)
@example(brand="</style><script>alert(1)</script>", said="<style>x{}</style> {{ 7*7 }} {% x %} x")
@example(brand="\"onload=x'", said="\u202e\ufdd00\ufdd1 &amp; <b x")
@given(brand=SAID, said=SAID)
def test_no_text_becomes_markup(brand: str, said: str) -> None:
    """Same tags, same attributes, same style sheet, no style attribute, same bytes each time."""
    for locale, plain in PLAIN.items():
        page = RENDERER.page(locale, _facts(brand, said))
        outline = Outline(page).tags
        assert outline == Outline(plain).tags
        assert not any("style" in names for _, names in outline)
        assert style_hash(page) == style_hash(plain)
        assert page == PublicRenderer().page(locale, _facts(brand, said))


@settings(max_examples=30)
@given(said=SAID)
def test_a_press_text_is_plain(said: str) -> None:
    """One line stays one line, whatever it holds."""
    plain = RENDERER.press("en", _facts("Plain", "Plain x")).decode()
    assert len(RENDERER.press("en", _facts("Plain", said)).decode().split("\n")) == len(plain.split("\n"))
