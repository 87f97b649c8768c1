"""``notifier incidents substitute``: the public notice in place of notices to those who cannot be reached."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from incidents import store
from incidents.cli.printing import Code, Who
from incidents.substitute import days
from incidents.substitute.acts import Desk
from incidents.substitute.making import PAGE, PRESS, Maker, Terms, said
from incidents.substitute.notices import APPROVED, PUBLISHED, Notice, pages, required
from incidents.substitute.showing import view
from notifier.cli import Application, application, err, out, run
from notifier.cli.identity import identify
from notifier.cli.printing import when
from notifier.clock import from_instant
from notifier.errors import BadInput, Refused
from notifier.rendering.moments import read_zone

app = typer.Typer()
group = typer.Typer(no_args_is_help=True)
app.add_typer(
    group,
    name="substitute",
    help="The public notice in place of notices to those who cannot be reached.",
)
_NO_LAW = f"Nobody said how many days the law asks for (--law-days). {days.ADVICE}"


@group.command("draft")
def draft(
    context: typer.Context,
    code: Code,
    *,
    operator: Who,
    start: Annotated[str, typer.Option("--from", help="Its first day; today where none is given.")] = "",
    until: Annotated[str, typer.Option(help="Its last day.")] = "",
    for_days: Annotated[
        int, typer.Option("--days", help="Or how many days it stands, the first not counted.")
    ] = 0,
    law_days: Annotated[int, typer.Option(help="How many days the law asks for; fewer are refused.")] = 0,
    language: Annotated[
        list[str] | None,
        typer.Option(help="A language; repeatable. All of the record's where none is given."),
    ] = None,
    count: Annotated[bool, typer.Option("--count", help="Say how many people are affected.")] = False,
) -> None:
    """Make its pages and press texts from the record as it is now. Nothing is public yet."""
    app_ = application(context)

    async def act(desk: Desk) -> Notice:
        facts = said(desk.incident, app_.settings.organisation)
        today = from_instant(desk.tx.now_us()).astimezone(read_zone(str(facts["time_zone"]))).date()
        first, last = days.span(start, until, for_days, today=today)
        locales = tuple(dict.fromkeys(language or ())) or tuple(Maker(app_.settings).locales(desk.incident))
        if not locales:
            raise BadInput(
                "the record has no customer texts in a language that public notices are written in",
                advice="Revise it: each language needs at least a summary and what_happened.",
            )
        return await desk.draft(app_.load_keys(), Terms(first, last, locales, count), law_days=law_days)

    made = _act(app_, code, operator, act, fresh=False)
    warning = "" if law_days else _NO_LAW
    app_.show(
        {**_brief(made), "warning": warning},
        lambda: out.print(
            f"The public notice {made.revision} of {code.upper()} is drafted:"
            f" {made.terms.start} to {made.terms.last}, in {', '.join(made.terms.locales)}.\n"
            f"{f'{warning}{chr(10)}' if warning else ''}Digest: {made.digest}\n"
            f"Read it: notifier incidents substitute show {code.upper()} --save FOLDER",
            markup=False,
            soft_wrap=True,
        ),
    )


@group.command("show")
def show(
    context: typer.Context,
    code: Code,
    save: Annotated[
        Path | None, typer.Option(help="Write its pages and press texts into this new folder.")
    ] = None,
) -> None:
    """Say how it stands, what is approved, and on which days it was seen to be public."""
    app_ = application(context)

    async def act() -> dict[str, Any]:
        async with app_.store() as opened, opened.read() as tx:
            incident = await store.find(tx, code)
            now = await required(tx, incident)
            if save is not None:
                texts = {
                    **{f"page-{one}.html": body for one, body in (await pages(tx, now.id, PAGE)).items()},
                    **{f"press-{one}.txt": body for one, body in (await pages(tx, now.id, PRESS)).items()},
                }
                _write_folder(save, texts)
            return await view(Desk(tx, app_.settings, incident, ""), now)

    found = run(act())

    def human() -> None:
        out.print(
            f"The public notice {found['revision']} of {found['incident']} is {found['state']}.", markup=False
        )
        for name in (
            "address",
            "from",
            "until",
            "languages",
            "people",
            "digest",
            "drafted by",
            "approved by",
        ):
            out.print(f"  {name}: {found[name] or '-'}", markup=False, soft_wrap=True)
        for line in found["notes"]:
            out.print(line, markup=False, soft_wrap=True)
        for one in found["proof"]:
            seen = "as approved" if one["served"] else f"NOT as approved (status {one['status']})"
            out.print(
                f"  {one['occasion']} {one['locale']}: {seen}, {when(one['at'])},"
                f" {one['digest'][:16] or '-'}",
                markup=False,
            )
        if found["days without proof"]:
            out.print(f"Not seen on: {', '.join(found['days without proof'])}", markup=False, soft_wrap=True)
        if save is not None:
            out.print(f"Written to {save}.", markup=False)

    app_.show(found, human)


@group.command("approve")
def approve(
    context: typer.Context,
    code: Code,
    *,
    operator: Who,
    digest: Annotated[str, typer.Option(help="Of the pages you have read, as `show` tells it.")],
    alone: Annotated[
        str, typer.Option(metavar="REASON", help="Approve your own notice, where that is allowed.")
    ] = "",
) -> None:
    """Sign exactly its pages and press texts. Nobody approves what they wrote."""
    app_ = application(context)
    made = _act(app_, code, operator, lambda desk: desk.approve(app_.load_keys(), digest, alone_reason=alone))
    app_.show(
        _brief(made),
        lambda: out.print(
            f"Approved until {when(made.expires_at or 0)}.\n"
            f"Next: notifier incidents substitute publish {code.upper()} --operator HANDLE",
            markup=False,
        ),
    )


@group.command("publish")
def publish(context: typer.Context, code: Code, operator: Who) -> None:
    """Let it be public from its first day on."""
    app_ = application(context)
    made = _act(app_, code, operator, lambda desk: desk.publish(app_.load_keys()))
    app_.show(
        _brief(made),
        lambda: out.print(
            f"Public from {when(made.visible_at or 0)} to {made.terms.last}, served by `notifier serve`:\n"
            f"{made.address}\n"
            f"To take it away: notifier incidents substitute withdraw {code.upper()} --reason REASON"
            " --operator HANDLE",
            markup=False,
            soft_wrap=True,
        ),
    )


@group.command("withdraw")
def withdraw(
    context: typer.Context,
    code: Code,
    operator: Who,
    reason: Annotated[str, typer.Option(help="Why; it goes on record.")] = "",
) -> None:
    """Take it from the public before its last day; the address then says that it has ended."""
    app_ = application(context)
    gone = _act(app_, code, operator, lambda desk: desk.withdraw(reason))
    app_.show(
        {"withdrawn": [one.revision for one in gone]},
        lambda: out.print(f"The public notice of {code.upper()} is withdrawn.", markup=False),
    )


@group.command("take")
def take(context: typer.Context, code: Code, operator: Who) -> None:
    """Look after it while it is not served as approved: the alerts stop."""
    app_ = application(context)
    made = _act(app_, code, operator, lambda desk: desk.take(), fresh=False)
    app_.show(
        _brief(made),
        lambda: out.print(f"{made.taken_by} looks after the public notice of {code.upper()}.", markup=False),
    )


@group.command("media")
def media(
    context: typer.Context,
    code: Code,
    language: Annotated[
        list[str] | None, typer.Option(help="A language; repeatable. All where none is given.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--out", help="Write to this new file.")] = None,
) -> None:
    """Print the approved text for the press, or write it to a file: the facts, the contact, the address."""
    app_ = application(context)

    async def act() -> dict[str, str]:
        async with app_.store() as opened, opened.read() as tx:
            incident = await store.find(tx, code)
            now = await required(tx, incident)
            if now.state not in (APPROVED, PUBLISHED):
                raise Refused(
                    f"the text for the press of {incident.code} is {now.state}, not approved",
                    advice="Approve the public notice first; `show --save FOLDER` writes what is to be read.",
                )
            if now.state == APPROVED and (
                problem := await Desk(tx, app_.settings, incident, "").problem(now)
            ):
                raise Refused(problem, advice="Draft the public notice again, and have it approved.")
            texts = {one: body.decode() for one, body in (await pages(tx, now.id, PRESS)).items()}
        if unknown := sorted(set(language or ()) - set(texts)):
            raise BadInput(
                f"there is no text in {', '.join(unknown)}", advice=f"There are texts in: {', '.join(texts)}."
            )
        home = app_.settings.organisation.default_locale
        ordered = sorted(texts.items(), key=lambda one: one[0] != home)  # The rest as they come.
        chosen = {one: body for one, body in ordered if not language or one in language}
        if to is not None:
            whole = "\n\n".join(f"[{locale}]\n\n{text}" for locale, text in chosen.items())
            _write_new(to, whole.encode())
        return chosen

    texts = run(act())
    if to is not None:
        app_.show({"languages": list(texts)}, lambda: out.print(f"Written to {to}.", markup=False))
        return

    def human() -> None:
        for locale, text in texts.items():
            err.print(f"[{locale}]", markup=False)
            out.print(text, markup=False, highlight=False, soft_wrap=True)

    app_.show(texts, human)


def _act(
    app_: Application, code: str, operator: str, act: Callable[[Desk], Awaitable[Any]], *, fresh: bool = True
) -> Any:
    """Let an operator, who is asked who they are, act in one transaction."""

    async def whole() -> Any:
        async with app_.store() as opened:
            handle = await identify(app_, opened, operator, fresh=fresh)
            async with opened.begin() as tx:
                return await act(Desk(tx, app_.settings, await store.find(tx, code), handle))

    return run(whole())


def _brief(now: Notice) -> dict[str, Any]:
    return {
        "revision": now.revision,
        "state": now.state,
        "address": now.address,
        "from": now.terms.start.isoformat(),
        "until": now.terms.last.isoformat(),
        "languages": list(now.terms.locales),
        "digest": now.digest,
        "visible_at": now.visible_at,
    }


def _write_new(path: Path, content: bytes) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise BadInput(
            f"{path.name} cannot be written: {error.strerror}", advice="Name a file that does not exist yet."
        ) from None


def _write_folder(folder: Path, files: dict[str, bytes]) -> None:
    try:
        folder.mkdir(mode=0o700)
        for name, body in files.items():
            (folder / name).write_bytes(body)
    except OSError as error:
        raise BadInput(
            f"the folder cannot be made: {error.strerror}", advice="Name one that does not exist yet."
        ) from None
