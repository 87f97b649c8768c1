"""``notifier serve``: worker and web in one process."""

from __future__ import annotations

from typing import Annotated

import typer

from incidents.building import build_worker, own_address
from incidents.inlets import Inlets
from incidents.substitute.standing import Shelf
from incidents.web.substitute import add_substitute_routes
from notifier import logs
from notifier.cli import application, run
from notifier.serving import Service, listen, url
from notifier.web.app import build

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
            settings = installed.settings
            here = [own_address(settings)]
            service = Service(
                None if no_worker else build_worker(settings, keys, store, here=lambda: here[-1])
            )
            inlets = Inlets(installed.settings, keys, store)
            shelf = Shelf(store, [settings.home / "templates"], settings.organisation.default_locale)
            pages = build(settings, store, keys, service.worker_state, shelf.listed, stop=service.stopping)
            add_substitute_routes(pages, shelf, store.clock)
            inlets.add_routes(pages)
            with listen(host or web.host, web.port if port < 0 else port) as listening:
                here.append(url(listening))
                logs.configure()
                async with inlets.opened():
                    await service.run(pages, listening, web.trusted_proxies)

    run(act())
