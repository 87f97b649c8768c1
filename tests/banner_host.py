"""A host application with pages that show the banner: under a strict policy, as a single-page application, and
without scripts. It runs on a real server beside the banner's endpoints, as behind one proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from notifier.clock import SystemClock
from notifier.serving import Service, listen
from notifier.settings import Organisation
from notifier.web.banner import add_banner_routes
from notifier.web.banner.assets import tag
from tests.banner import Desk, Host

POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

STYLE = """
:root{color-scheme:light dark;font:16px/1.6 Georgia,serif}
body{margin:0;background:light-dark(#f4f1ea,#191714);color:light-dark(#222,#eee)}
header{padding:1rem 1.5rem;background:light-dark(#0f4c3a,#12372c);color:#fff;font:700 1.125rem system-ui}
main{max-width:48rem;margin:0 auto;padding:1.5rem}
nav a{color:inherit;margin-inline-start:1rem;font-weight:400}
main a{color:light-dark(#0b5a42,#8fd8bd)}
"""

ROUTES = """
const banner = document.querySelector("notice-banner");
window.seen = [];
for (const name of ["shown", "opened", "acknowledged", "snoozed", "error"])
  document.addEventListener(name, (event) => window.seen.push(`${name} ${event.detail.reference}`), true);
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
window.go = (how) => {
  const old = document.querySelector("notice-banner");
  if (how === "move") document.querySelector("main").append(old);
  if (how === "remove") old.remove();
  if (how === "again") document.body.prepend(Object.assign(document.createElement("notice-banner"), { tokens: window.tokens }));
  if (how === "clone") document.body.append(old.cloneNode());
};
"""


class Hosting:
    """What the host's pages are like; tests change it between requests."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.host = Host()
        self.account = "A"
        self.lang = "en"
        self.address = ""
        self.lifetime = 600
        self.claims: dict[str, Any] = {}
        """What the host asserts besides."""
        self.withheld = asyncio.Event()
        self.withheld.set()
        """Cleared, the endpoints below the banner's address stay silent."""
        self.failing = 0
        """How many reports are answered with 503 before one is heard."""

    def app(self, **options: Any) -> FastAPI:
        """Return the application."""
        app = FastAPI()
        clock = SystemClock()
        brand = Organisation(brand="Nordlicht Energie")
        given = {"answer_time": timedelta(), "per_minute": 6000} | options
        add_banner_routes(app, self.desk, self.host.tokens(clock), clock=clock, organisation=brand, **given)

        @app.middleware("http")
        async def trouble(request: Request, on: Any) -> Response:
            if request.url.path == "/banner/notices":
                await self.withheld.wait()
            if request.url.path == "/banner/events" and self.failing:
                self.failing -= 1
                return Response(status_code=503)
            answer: Response = await on(request)
            return answer

        @app.post("/token")
        @app.get("/token")
        async def token() -> PlainTextResponse:
            if not self.account:
                return PlainTextResponse("", 401)
            now = int(clock.now().timestamp())
            made = self.host.mint(self.account, now, exp=now + self.lifetime, **self.claims)
            return PlainTextResponse(made, headers={"Cache-Control": "no-store"})

        @app.get("/host.css")
        async def style() -> Response:
            return Response(STYLE, media_type="text/css")

        @app.get("/host.js")
        async def script() -> Response:
            return Response(ROUTES, media_type="text/javascript")

        @app.get("/favicon.ico")
        async def icon() -> Response:
            return Response(status_code=204)

        @app.get("/{kind}")
        async def page(kind: str) -> Response:
            inside = await self.fragment(kind) if kind in ("plain", "both") else ""
            banner = f'<notice-banner token-src="/token">{inside}</notice-banner>'
            return Response(
                self.page(inside if kind == "plain" else banner, script=kind != "plain"),
                media_type="text/html; charset=utf-8",
                headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"},
            )

        return app

    async def fragment(self, kind: str) -> str:
        """Ask for the fragment as a host's server does."""
        headers = {"Authorization": f"Bearer {self.host.mint(self.account)}", "Banner-Return": f"/{kind}"}
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{self.address}/banner/fragment?lang={self.lang}", headers=headers)
        return answer.text

    def page(self, banner: str, *, script: bool) -> str:
        """Return a page of a shop."""
        scripts = f'{tag()}<script src="/host.js" defer></script>' if script else ""
        lines = "".join(
            f"<p>Order {number}: delivered, <a href='/o{number}'>details</a>.</p>" for number in range(20)
        )
        return (
            f"<!doctype html><html lang='{self.lang}' dir='{'rtl' if self.lang == 'ar' else 'ltr'}'><head>"
            "<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>Your orders</title>"
            f"<link rel='stylesheet' href='/host.css'>{scripts}</head><body>{banner}"
            "<header>Nordlicht Energie</header>"
            f"<main><h1>Your orders</h1><p><label>Search <input id='search'></label></p>{lines}</main></body></html>"
        )


@asynccontextmanager
async def hosting(desk: Any = None, **options: Any) -> AsyncIterator[Hosting]:
    """Serve the host on loopback; ``desk`` is a repository in place of the one in memory."""
    made = Hosting()
    made.desk = desk or made.desk
    service = Service(None)
    with listen("127.0.0.1", 0) as listening:
        made.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        running = asyncio.create_task(service.run(made.app(**options), listening, ()))
        yield made
        made.withheld.set()
        service.stop()
        await running
