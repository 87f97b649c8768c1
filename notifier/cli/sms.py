"""``notifier sms``: what a notice says as a text message and what it costs, and whether the account works."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from notifier.announcements import announcement as find_announcement
from notifier.channels.sms.preview import explain
from notifier.channels.sms.probe import probe
from notifier.cli import application, out, run
from notifier.errors import BadInput
from notifier.preflight.recipe import own_templates
from notifier.preflight.texts import INVENTED_REFERENCE, SmsTexts
from notifier.rendering import SmsRenderer

app = typer.Typer(no_args_is_help=True)


@app.command()
def preview(
    context: typer.Context,
    announcement: Annotated[str, typer.Argument(help="The announcement's code.")],
    *,
    locale: Annotated[str, typer.Option(help="This language only.")] = "",
) -> None:
    """Show an announcement as text messages: segments, what one character costs, what is not as registered.

    They are sent where its channel plan has a step `sms`.
    """
    app_ = application(context)

    async def act() -> list[dict[str, Any]]:
        async with app_.store() as store, store.read() as tx:
            found = await find_announcement(tx, announcement)
        facts, folders = {**found.facts, "drill": found.drill}, own_templates(app_.settings)
        renderer = SmsRenderer(folders)
        checked = SmsTexts(app_.settings.sms, folders, facts, notice=found.notice)
        texts = facts.get("texts", {})
        known = [one for one in renderer.locales(found.notice) if one in texts and locale in ("", one)]
        if not known:
            raise BadInput(
                f"{announcement} has no text message" + (f" in {locale!r}" if locale else ""),
                advice=f"Its texts are in: {', '.join(sorted(texts)) or 'no language'}.",
            )
        return [_preview(renderer, checked, one) for one in known]

    value = run(act())

    def human() -> None:
        for one in value:
            out.rule(f"{one['locale']} ({one['status']})")
            out.print(one["text"], markup=False)
            out.print(one["cost"], markup=False)
            for found in one["findings"]:
                out.print(f"{found['code']}: {found['detail']}", markup=False)

    app_.show(value, human)


def _preview(renderer: SmsRenderer, texts: SmsTexts, locale: str) -> dict[str, Any]:
    text = texts.make(locale, "person", INVENTED_REFERENCE).decode()
    cost = explain(text)
    return {
        "locale": locale,
        "status": renderer.status(texts.notice, locale),
        "text": text,
        "encoding": cost.cost.encoding,
        "segments": cost.cost.segments,
        "cost": cost.sentence,
        "findings": [asdict(one) for one in texts.findings(locale, "person", ())],
    }


@app.command("test")
def test_account(context: typer.Context) -> None:
    """Sign in to the provider and ask for the account. Sends nothing."""
    app_ = application(context)

    async def act() -> dict[str, Any]:
        settings = app_.settings
        if settings.drill:
            raise BadInput("a drill has no provider", advice="Its text messages go to a double of Twilio.")
        if not settings.sms.provider:
            raise BadInput("no provider of text messages is set", advice="See [sms] in the settings.")
        return asdict(await probe(settings.sms))

    value = run(act())
    said = f"The account is {value['status']}." if value["usable"] else value["problem"]
    app_.show(value, lambda: out.print(said, markup=False))
    if not value["usable"]:
        raise typer.Exit(1)
