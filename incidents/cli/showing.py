"""``notifier incidents show``, ``list`` and ``history``: look at what is on record."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from incidents import store
from incidents.cli.overview import overview
from incidents.cli.printing import Code, described, print_changes, print_open, utc
from incidents.history import changes
from notifier.cli import application, out, run
from notifier.clock import from_instant

app = typer.Typer()


@app.command("show")
def show(context: typer.Context, code: Code) -> None:
    """Show what is known, what is unknown yet, and what can be done next."""
    app = application(context)

    async def act() -> dict[str, Any]:
        async with app.store() as opened, opened.read() as tx:
            return await overview(tx, await store.find(tx, code), app.clock.now())

    found = run(act())

    def human() -> None:
        out.print(f"[bold]{found['code']}[/] {escape(found['title'])}")
        table = Table(box=None, show_header=False)
        for name in ("state", "revision", "declared", "by", "hold", "affected", "audiences", "next steps"):
            if found.get(name):
                table.add_row(name, escape(str(found[name])))
        for path, value in found["record"].items():
            table.add_row(path, escape(value))
        out.print(table)
        print_open(found)

    app.show(found, human)


@app.command("list")
def list_all(context: typer.Context) -> None:
    """Show all incidents, the newest first."""
    app = application(context)

    async def act() -> list[dict[str, Any]]:
        async with app.store() as opened, opened.read() as tx:
            codes = await tx.rows("SELECT code FROM incident ORDER BY id DESC")
            found = [await store.find(tx, row.code) for row in codes]
        return [
            {
                "code": one.code,
                "title": one.record.title or "unknown",
                "state": str(one.state),
                "revision": one.revision,
                "declared": utc(one.created_at),
            }
            for one in found
        ]

    found = run(act())

    def human() -> None:
        table = Table("code", "title", "state", "revision", "declared")
        for one in found:
            table.add_row(*(escape(str(value)) for value in one.values()))
        out.print(table if found else "No incident is on record.")

    app.show(found, human)


@app.command("history")
def history(context: typer.Context, code: Code) -> None:
    """Show every revision with what it changed, and every step of the life cycle."""
    app = application(context)

    async def act() -> list[dict[str, Any]]:
        async with app.store() as opened, opened.read() as tx:
            incident = await store.find(tx, code)
            revisions = await store.revisions(tx, incident)
            steps = await store.steps(tx, incident)
        told: list[tuple[datetime, dict[str, Any]]] = []
        before: dict[str, Any] | None = None
        for one in revisions:
            found = [] if before is None else [described(each) for each in changes(before, one.record)]
            facts = {"revision": one.number, "actor": one.actor, "reason": one.reason, "digest": one.digest}
            told.append((one.at, {"at": utc(one.at), **facts, "changes": found}))
            before = one.record
        for taken in steps:
            facts = {"step": f"{taken.before} → {taken.after}", "actor": taken.actor, "reason": taken.reason}
            told.append((taken.at, {"at": utc(taken.at), **facts, **_readable(taken.facts)}))
        return [entry for _, entry in sorted(told, key=lambda pair: pair[0])]

    found = run(act())

    def human() -> None:
        for entry in found:
            what = f"revision {entry['revision']}" if "revision" in entry else entry["step"]
            because = f": {entry['reason']}" if entry["reason"] else ""
            hold = f" (order {entry['order']} until {entry['expires']})" if "order" in entry else ""
            out.print(f"{entry['at']}  [bold]{what}[/] by {escape(entry['actor'] + because + hold)}")
            print_changes(entry.get("changes", []))

    app.show(found, human)


def _readable(facts: dict[str, Any]) -> dict[str, Any]:
    if "expires_at" not in facts:
        return facts
    return {"order": facts["order"], "expires": utc(from_instant(facts["expires_at"]))}
