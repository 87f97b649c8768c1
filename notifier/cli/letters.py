"""``notifier letters``: what a notice looks like in print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from notifier.announcements import announcement as find_announcement
from notifier.channels.letter import Letter, LetterRenderer, Sender
from notifier.cli import application, out, run
from notifier.cli.files import write_new
from notifier.customers.values import PostalAddress
from notifier.errors import BadInput
from notifier.notices import Person
from notifier.settings import LetterSettings
from notifier.words import amount

app = typer.Typer(no_args_is_help=True)
_REFERENCE = "0123456789ABCDEF"
_NAME = "Robin Sample"
_HOMES = {
    "US": PostalAddress("1 Example Street", "62701", "Springfield", "IL", "US"),
    "DE": PostalAddress("Beispielweg 1", "50667", "Köln", "", "DE"),
}
_WIDEST = (
    "SELECT categories FROM audience_member WHERE audience_id = :id AND categories <> ''"
    " ORDER BY length(categories) DESC LIMIT 1"
)


@app.callback()
def letters() -> None:
    """See what a notice looks like in print."""


@app.command()
def preview(
    context: typer.Context,
    announcement: Annotated[str, typer.Argument(help="The announcement's code.")],
    *,
    to: Annotated[Path, typer.Option("--out", help="Write the PDF here.")],
    locale: Annotated[str, typer.Option(help="The language; else the organisation's.")] = "",
    country: Annotated[str, typer.Option(help="DE for a DIN 5008 window, US for a #10 envelope.")] = "DE",
    large_print: Annotated[bool, typer.Option("--large-print", help="In large print.")] = False,
) -> None:
    """Write an announcement's letter to an invented reader who has all of its data categories.

    No letter is printed by an announcement yet.
    """
    app_ = application(context)

    async def act() -> dict[str, Any]:
        if country not in _HOMES:
            raise BadInput(f"there is no sample address in {country!r}", advice="There are: DE, US.")
        async with app_.store() as store, store.read() as tx:
            found = await find_announcement(tx, announcement)
            categories = await tx.scalar(_WIDEST, id=found.audience_id)
        renderer = LetterRenderer(sender(app_.settings.letter), [app_.settings.home / "templates"])
        wanted = locale or app_.settings.organisation.default_locale
        if wanted not in set(renderer.locales(found.notice)) & set(found.facts.get("texts", {})):
            raise BadInput(
                f"{announcement} cannot be printed in {wanted!r}",
                advice="Name one of its languages with --locale.",
            )
        person = Person(_NAME, "person", tuple(str(categories or "").split()))
        facts = {**found.facts, "drill": found.drill}
        made = renderer.make(
            Letter(found.notice, wanted, facts, person, _REFERENCE, _HOMES[country], large_print)
        )
        write_new(to, made.pdf, name=to.name, advice="Name another file with --out.")
        return {"file": str(to), "pages": made.pages, "form": str(made.form)}

    value = run(act())
    app_.show(value, lambda: out.print(f"{to}: {amount(value['pages'], 'page')}.", markup=False))


def sender(settings: LetterSettings) -> Sender:
    """Return who writes; without a whole address it is ``BadInput``."""
    if not (settings.sender_name and settings.sender_street and settings.sender_city):
        raise BadInput(
            "the sender's address of letters is not set",
            advice="Set sender_name, sender_street, sender_postal_code, sender_city and sender_country in"
            " [letter].",
        )
    address = PostalAddress(
        settings.sender_street, settings.sender_postal_code, settings.sender_city, "", settings.sender_country
    )
    return Sender(settings.sender_name, address)
