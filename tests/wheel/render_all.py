"""Render every notice and page that the installed package carries. Runs where no checkout is on the path."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import notifier
from notifier.channels.letter import LetterRenderer, Sender
from notifier.channels.sms.codes import table
from notifier.customers.values import PostalAddress
from notifier.notices import Person
from notifier.rendering import Renderer, SmsRenderer
from notifier.rendering.public import PublicRenderer
from notifier.settings import Organisation
from notifier.web.banner.assets import element
from notifier.web.banner.fragment import Fragments
from notifier.web.banner.words import Speech
from notifier.web.notices.pages import NoticePages
from notifier.web.pages import LOCALES, Pages


def main(facts_file: str) -> None:
    """Render all with the facts in ``facts_file``; anything missing raises."""
    package = Path(notifier.__file__).parent
    if "site-packages" not in package.parts:
        raise SystemExit(f"this is not the installed package: {package}")
    facts = json.loads(Path(facts_file).read_text(encoding="utf-8"))
    renderer = Renderer()
    person = Person(name="Mia Musterfrau", categories=("email", "password"))
    notices = sorted(path.name for path in (package / "templates" / "email").iterdir() if path.name[0] != "_")
    for notice in notices:
        for locale in renderer.locales(notice):
            rendered = renderer.render(
                notice,
                locale,
                facts=facts,
                person=person,
                reference="3F9A02BC77D1E04B",
                link="https://notices.example.com/notices/3f9a02bc77d1e04b-abcdefgh234567ij",
            )
            sys.stdout.write(f"{notice} {locale}: {len(rendered.html)} characters\n")
    texts = SmsRenderer()
    for locale in texts.locales("breach-notice"):
        text = texts.render("breach-notice", locale, facts=facts, reference="3F9A02BC77D1E04B")
        sys.stdout.write(f"text message {locale}: {len(text)} characters\n")
    sys.stdout.write(f"{len(table().codes)} codes of text messages\n")
    home = PostalAddress("1 Example Road", "50667", "Köln", "", "DE")
    letters = LetterRenderer(Sender("Example Company", home))
    for locale in letters.locales("breach-notice"):
        content = letters.render(
            "breach-notice",
            locale,
            facts=facts,
            person=person,
            reference="3F9A02BC77D1E04B",
            address=home,
        )
        sys.stdout.write(f"letter {locale}: {len(content)} bytes\n")
    everybody = PublicRenderer()
    public = {"from": "2026-03-01", "last": "2026-03-31", "categories": ["email"], "people": 0}
    shown = {
        **facts,
        "public": {**public, "address": "https://notices.example.com/substitute/x", "paths": {}},
    }
    for locale in everybody.locales():
        size = len(everybody.page(locale, shown)) + len(everybody.press(locale, shown))
        sys.stdout.write(f"public notice {locale}: {size} bytes\n")
    pages = Pages(Organisation(), drill=False)
    for locale in LOCALES:
        pages.render(locale, [])
        NoticePages(pages, Organisation()).nothing(locale)
    speech = Speech(Organisation(), drill=False)
    words = [speech.words(locale).locale for locale in LOCALES]
    Fragments("/banner")
    sys.stdout.write(f"banner: {len(words)} languages, {len(element().compressed)} bytes\n")
    sys.stdout.write(f"{len(notices)} notices, {len(LOCALES)} languages of the check page\n")


if __name__ == "__main__":
    main(sys.argv[1])
