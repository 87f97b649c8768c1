"""``notifier operators``: who works with the service."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from notifier.cli import application, out, run
from notifier.cli.identity import ask_line, ask_secret, close_session, identify, open_session
from notifier.clock import from_instant, to_instant
from notifier.errors import BadInput, NotPermitted
from notifier.operators import (
    authenticate,
    check_address,
    check_handle,
    check_password,
    enrol,
    new_secret,
    operators,
    provisioning_uri,
    retire,
    taken,
)

app = typer.Typer()
Handle = Annotated[str, typer.Argument(metavar="HANDLE", help="How commands and the trail name them.")]


@app.command("add")
def add(
    context: typer.Context,
    handle: Handle,
    email: Annotated[str, typer.Option(help="Where alerts reach them.")],
    operator: Annotated[
        str, typer.Option(help="The enrolled operator who vouches for them; not needed for the first one.")
    ] = "",
) -> None:
    """Enrol an operator: a password, a code generator and one code as proof that it works."""
    app = application(context)

    async def act() -> None:
        check_handle(handle)
        check_address(email)
        async with app.store() as store:
            async with store.read() as tx:
                known = await operators(tx)
            if any(entry.handle == handle for entry in known):
                raise taken(handle)
            someone = any(entry.retired_at is None for entry in known)
            if someone and not operator:
                raise NotPermitted(
                    "somebody is enrolled already, so a new operator needs one who vouches for them",
                    advice="Add --operator with the handle of an enrolled operator.",
                )
            voucher = await identify(app, store, operator, fresh=True) if operator else ""
            password = check_password(handle, ask_secret(f"New password of {handle}: "))
            if _on_terminal() and ask_secret("The same again: ") != password:
                raise BadInput("the two passwords differ; nobody was enrolled")
            secret = new_secret()
            out.print(f"Code generator of {handle}, shown once:", markup=False)
            out.print(provisioning_uri(handle, secret), markup=False)
            out.print(f"secret: {secret}", markup=False)
            code = ask_line("A code from it: ")
            await enrol(
                store,
                app.load_keys(),
                handle=handle,
                email=email,
                password=password,
                secret=secret,
                code=code,
                voucher=voucher,
            )
        out.print(f"{handle} is enrolled.")

    run(act())


@app.command("list")
def show_all(context: typer.Context) -> None:
    """Show who is, and was, enrolled."""
    app = application(context)

    async def act() -> None:
        async with app.store() as store, store.read() as tx:
            found = await operators(tx)
        now = to_instant(app.clock.now())

        def human() -> None:
            table = Table("handle", "enrolled", "state")
            for entry in found:
                state = "active" if entry.locked_until <= now else "locked"
                table.add_row(
                    entry.handle,
                    f"{from_instant(entry.created_at):%Y-%m-%d}",
                    state
                    if entry.retired_at is None
                    else f"retired {from_instant(entry.retired_at):%Y-%m-%d}",
                )
            out.print(table)

        app.show([asdict(entry) for entry in found], human)

    run(act())


@app.command("retire")
def end(
    context: typer.Context,
    handle: Handle,
    operator: Annotated[str, typer.Option(help="The operator who does this.")],
) -> None:
    """End an operator's rights. What they did stays on record; the handle is never given again."""
    app = application(context)

    async def act() -> None:
        check_handle(handle)
        async with app.store() as store:
            actor = await identify(app, store, operator, fresh=True)
            await retire(store, handle, actor=actor)
        close_session(app, handle)
        out.print(f"{handle} is retired.")

    run(act())


@app.command("login")
def login(context: typer.Context, handle: Handle) -> None:
    """Prove who you are, and be asked again only after 15 minutes, except for what cannot be undone."""
    app = application(context)

    async def act() -> None:
        check_handle(handle)
        async with app.store() as store:
            password, code = ask_secret(f"Password of {handle}: "), ask_line(f"Code of {handle}: ")
            await authenticate(store, app.load_keys(), handle, password, code)
            await open_session(app, store, handle)
        out.print(f"{handle} may act on this machine, as this user, for 15 minutes.")

    run(act())


@app.command("logout")
def logout(context: typer.Context, handle: Handle) -> None:
    """End the session on this machine."""
    app = application(context)

    async def act() -> None:
        known = close_session(app, handle)
        out.print(f"The session of {handle} is closed." if known else f"{handle} has no session here.")

    run(act())


def _on_terminal() -> bool:
    return typer.get_text_stream("stdin").isatty()
