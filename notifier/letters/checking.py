"""Letters to invented readers, set before an approval: what would keep everybody's from being printed."""

from __future__ import annotations

from collections.abc import Iterable

from notifier.channels import Finding
from notifier.channels.letter.renderer import LetterRenderer
from notifier.channels.letter.values import ADVICE, Letter
from notifier.customers.values import PostalAddress
from notifier.errors import BadInput
from notifier.letters.senders import sender
from notifier.notices import Person
from notifier.preflight.making import INVENTED, INVENTED_REFERENCE, Recipe

SAMPLE_ADDRESSES = {
    "US": PostalAddress("1 Example Street", "62701", "Springfield", "IL", "US"),
    "DE": PostalAddress("Beispielweg 1", "50667", "Köln", "", "DE"),
}
"""Where invented readers live: one address for each form of envelope."""
_SENDER_MISSING = Finding("sender-missing", "the sender's address of letters is not set: see [letter]")


def check_letters(recipe: Recipe, readers: Iterable[tuple[str, str, str, str]]) -> dict[str, list[Finding]]:
    """Set the letters of invented readers and return what stands against each, by ``locale/variant``.

    ``readers`` are locale (as the letter's maker chooses it), variant, and the data categories known before
    and new, apart by spaces: all that the readers of one locale and variant may see. Each is set for both
    forms of envelope. A sender's address that is not set is ``sender-missing``, what facts or templates lack
    ``letter-incomplete`` with the names of all that is missing; no finding quotes anybody.
    """
    found: dict[str, list[Finding]] = {}
    try:
        renderer = LetterRenderer(sender(recipe.letter), recipe.folders)
    except BadInput:
        return {f"{locale}/{variant}": [_SENDER_MISSING] for locale, variant, *_ in readers}
    facts = {**recipe.facts, "drill": recipe.drill}
    for locale, variant, categories, new in readers:
        person = Person(INVENTED, variant, tuple(categories.split()), tuple(new.split()))
        wrong: list[Finding] = []
        for address in SAMPLE_ADDRESSES.values():
            letter = Letter(recipe.notice, locale, facts, person, INVENTED_REFERENCE, address)
            try:
                wrong += (one for one in renderer.check(letter) if one.code not in ADVICE)
            except BadInput as bad:
                wrong.append(Finding("letter-incomplete", str(bad)))
        found[f"{locale}/{variant}"] = list(dict.fromkeys(wrong))
    return found
