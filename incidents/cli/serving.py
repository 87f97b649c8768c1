"""``notifier serve``: worker and web in one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from notifier import logs
from notifier.cli import Application, application, run
from notifier.serving import Sender, Service, listen
from notifier.store import Store
from notifier.web.app import build

BuildSender = Callable[[Application, Store], Sender]


def add_serve(commands: typer.Typer, build_sender: BuildSender) -> None:
    """Add the command; ``build_sender`` puts the worker together for an open store."""

    @commands.command()
    def serve(
        context: typer.Context,
        no_worker: Annotated[
            bool, typer.Option("--no-worker", help="Serve the pages only; a worker runs elsewhere.")
        ] = False,
        host: Annotated[str, typer.Option(help="Listen here instead of web.host.")] = "",
        port: Annotated[
            int, typer.Option(help="Listen here instead of web.port.", min=-1, max=65535, show_default=False)
        ] = -1,
    ) -> None:
        """Send what is released and answer the public pages, until SIGTERM; then drain."""
        app = application(context)
        web = app.settings.web

        async def act() -> None:
            keys = app.load_keys()
            async with app.store() as store:
                service = Service(None if no_worker else build_sender(app, store))
                pages = build(app.settings, store, keys, service.worker_state)
                with listen(host or web.host, web.port if port < 0 else port) as listening:
                    logs.configure()
                    await service.run(pages, listening, web.trusted_proxies)

        run(act())
