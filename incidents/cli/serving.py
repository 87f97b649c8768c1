"""``notifier serve``: worker and web in one process."""

from __future__ import annotations

from typing import Annotated

import typer

from incidents.building import build_worker
from incidents.inlets import Inlets
from notifier import logs
from notifier.cli import application, run
from notifier.serving import Service, listen
from notifier.web.app import build
from notifier.web.reports import add_report_routes

app = typer.Typer()


@app.command()
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
    """Send what is released, answer the public pages and take reports, until SIGTERM; then drain."""
    installed = application(context)
    web = installed.settings.web

    async def act() -> None:
        keys = installed.load_keys()
        async with installed.store() as store:
            service = Service(None if no_worker else build_worker(installed.settings, keys, store))
            inlets = Inlets(installed.settings, keys, store)
            pages = build(installed.settings, store, keys, service.worker_state)
            add_report_routes(pages, inlets.providers, inlets.intake.take)
            with listen(host or web.host, web.port if port < 0 else port) as listening:
                logs.configure()
                async with inlets.opened():
                    await service.run(pages, listening, web.trusted_proxies)

    run(act())
