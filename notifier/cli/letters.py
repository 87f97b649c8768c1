"""``notifier letters``: what a notice looks like in print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from notifier.announcements import announcement as find_announcement
from notifier.channels.letter import Letter, LetterRenderer
from notifier.cli import application, out, run
from notifier.cli.files import write_new
from notifier.errors import BadInput
from notifier.letters.checking import SAMPLE_ADDRESSES
from notifier.letters.senders import sender
from notifier.notices import Person
from notifier.preflight.making import INVENTED, INVENTED_REFERENCE
from notifier.words import amount

app = typer.Typer(no_args_is_help=True)
_WIDEST = (
    "SELECT categories FROM audience_member WHERE audience_id = :id AND categories <> ''"
    " ORDER BY length(categories) DESC LIMIT 1"
)


@app.callback()
def letters() -> None:
    """Print what waits for the mail house, and take in what it reports."""


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

    Those of its readers are printed by `notifier letters batch`.
    """
    app_ = application(context)

    async def act() -> dict[str, Any]:
        if country not in SAMPLE_ADDRESSES:
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
        person = Person(INVENTED, "person", tuple(str(categories or "").split()))
        facts = {**found.facts, "drill": found.drill}
        made = renderer.make(
            Letter(
                found.notice,
                wanted,
                facts,
                person,
                INVENTED_REFERENCE,
                SAMPLE_ADDRESSES[country],
                large_print,
            )
        )
        write_new(to, made.pdf, name=to.name, advice="Name another file with --out.")
        return {"file": str(to), "pages": made.pages, "form": str(made.form)}

    value = run(act())
    app_.show(value, lambda: out.print(f"{to}: {amount(value['pages'], 'page')}.", markup=False))
