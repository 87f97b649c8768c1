"""``notifier notices``: previews, languages and checks of what customers will read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from notifier.categories import CODES, SENSITIVE
from notifier.channels import Finding
from notifier.cli import Application, application, fail, out, run
from notifier.cli.identity import identify
from notifier.errors import BadInput, NotifierError
from notifier.links import notice_link
from notifier.linting import blocks, check_variant
from notifier.notices import Person
from notifier.preview import REFERENCE, Preview, Previews, make_folder
from notifier.rendering import Renderer
from notifier.words import amount

app = typer.Typer()
Notice = Annotated[str, typer.Option(help="The template folder.")]
_BREACH = "breach-notice"
_SAMPLE_NAME = "Robin Sample"


def _renderer(app: Application) -> Renderer:
    return Renderer([app.settings.home / "templates"])


@app.command()
def preview(
    context: typer.Context,
    *,
    announcement: Annotated[str, typer.Option(help="The announcement's code.")],
    operator: Annotated[str, typer.Option(help="Your handle; the preview goes on record.")],
    customer: Annotated[str, typer.Option(help="A customer's number.")] = "",
    worst: Annotated[bool, typer.Option("--worst", help="The hardest rows of the audience instead.")] = False,
    locale: Annotated[str, typer.Option(help="Another language than the person's.")] = "",
    folder: Annotated[
        Path | None,
        typer.Option("--out", help="Write .html and .txt files here instead: personal data."),
    ] = None,
) -> None:
    """Show the notice of a real customer, or of the audience's hardest rows."""
    app = application(context)
    if worst is bool(customer):
        fail(
            BadInput(
                "it is not said whose notice", advice="Add either --customer with a number, or --worst alone."
            )
        )

    async def act() -> list[Preview]:
        async with app.store() as store:
            actor = f"operator:{await identify(app, store, operator)}"
            if folder:  # Before the preview goes on record: nobody sees one that cannot be written.
                make_folder(folder)
            previews = Previews(store, app.load_keys(), app.settings)
            if worst:
                return await previews.worst(announcement, locale=locale, actor=actor)
            return [await previews.customer(announcement, customer, locale=locale, actor=actor)]

    async def written() -> tuple[list[Preview], dict[str, list[str]]]:
        made = await act()
        return made, {one.case: [str(path) for path in one.write(folder)] for one in made} if folder else {}

    made, files = run(written())
    app.show([_as_json(one, files) for one in made], lambda: _show(made, files))


def _as_json(one: Preview, files: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "case": one.case,
        "locale": one.locale,
        "status": one.status,
        "subject": one.rendered.subject,
        "text": one.rendered.text,
        "files": files.get(one.case, []),
    }


def _show(made: list[Preview], files: dict[str, list[str]]) -> None:
    """Print the notices, or where they are if they were written to files."""
    for one in made:
        out.rule(f"{one.case}, {one.locale} ({one.status})")
        if one.case in files:
            for path in files[one.case]:
                out.print(f"written: {path}", markup=False)
        else:
            out.print(f"Subject: {one.rendered.subject}\n\n{one.rendered.text}", markup=False)


@app.command()
def locales(context: typer.Context, notice: Notice = _BREACH) -> None:
    """List the languages of a notice: the state of each text, its digest, and whether it is approved."""
    app = application(context)

    async def act() -> list[dict[str, Any]]:
        renderer = _renderer(app)
        async with app.store() as store, store.read() as tx:
            rows = await tx.rows(
                "SELECT locale, digest, operator FROM locale_approval WHERE notice = :n", n=notice
            )
        approved = {(row.locale, row.digest): row.operator for row in rows}
        made = []
        for locale in renderer.locales(notice):
            digest = renderer.digest(notice, locale)
            by = approved.get((locale, digest), "")
            made.append(
                {
                    "locale": locale,
                    "status": renderer.status(notice, locale),
                    "digest": digest,
                    "approved_by": by,
                }
            )
        return made

    made = run(act())

    def human() -> None:
        table = Table("locale", "translation", "digest", "approved by", title=escape(notice))
        for row in made:
            table.add_row(
                row["locale"], row["status"], row["digest"][:16], row["approved_by"] or "nobody yet"
            )
        out.print(table)

    app.show(made, human)


@app.command()
def lint(
    context: typer.Context,
    facts: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The facts, as JSON.")],
    notice: Notice = _BREACH,
) -> None:
    """Check every language and variant of a notice made from a file of facts; exit 1 if anything blocks."""
    app = application(context)
    try:
        found = _lint(app, _facts(facts), notice)
    except NotifierError as error:
        fail(error)
    rows = [
        {
            "locale": locale,
            "variant": variant,
            "code": one.code,
            "detail": one.detail,
            "blocks": blocks(one),
        }
        for (locale, variant), several in found.items()
        for one in several
    ]

    def human() -> None:
        for row in rows:
            colour = "red" if row["blocks"] else "yellow"
            where = f"{row['locale']}, {row['variant']}"
            out.print(f"[{colour}]{row['code']}[/]  {escape(where)}: {escape(str(row['detail']))}")
        stopping = sum(bool(row["blocks"]) for row in rows)
        out.print(
            f"{amount(len(found), 'variant')} checked: {amount(stopping, 'finding')} to correct, "
            f"{len(rows) - stopping} to consider."
        )

    app.show(rows, human)
    if any(row["blocks"] for row in rows):
        raise typer.Exit(1)


def _facts(path: Path) -> dict[str, Any]:
    try:
        value = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise BadInput(
            f"{path.name} is not valid JSON: {error}", advice="`notifier incidents facts` prints such a file."
        ) from None
    if not isinstance(value, dict) or not isinstance(value.get("texts", {}), dict):
        raise BadInput(
            f"{path.name} does not hold the facts of an announcement",
            advice="`notifier incidents facts` prints such a file.",
        )
    return value


def _lint(app: Application, facts: dict[str, Any], notice: str) -> dict[tuple[str, str], list[Finding]]:
    renderer = _renderer(app)
    base = app.settings.organisation.notices_url
    link = notice_link(app.load_keys(), base, REFERENCE) if base else ""
    found = {}
    for locale in sorted(set(renderer.locales(notice)) & set(facts.get("texts", {}))):
        words = renderer.words(notice, locale)
        for variant in ("person", "update", *sorted(words.variants())):
            texts = facts["texts"][locale]
            used = {
                code for key in ("consequences", "advice") for code in texts.get(key, {}) if code in CODES
            }
            new = ("ip-address",) if variant == "update" else ()
            person = Person(_SAMPLE_NAME, variant, tuple(sorted(used or {"name"})), new)
            rendered = renderer.render(
                notice, locale, facts=facts, person=person, reference=REFERENCE, link=link
            )
            found[locale, variant] = check_variant(
                rendered,
                locale=locale,
                hosts=app.settings.organisation.allowed_hosts,
                sensitive=[words.labels[code] for code in sorted(SENSITIVE) if code in words.labels],
                drill_mark=words.plain.get("drill_mark", "") if facts.get("drill") else "",
            )
    if not found:
        raise BadInput(
            "the facts have no texts in a language this notice is written in",
            advice=f"It is written in: {', '.join(renderer.locales(notice))}.",
        )
    return found
