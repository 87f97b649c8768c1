"""``notifier demo``: see the whole path work, on invented customers."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from incidents import demo
from incidents.accounting import accounts
from incidents.building import build_sequencer
from incidents.cli.accounting import print_accounts
from incidents.store import find
from incidents.trail import CHECKS
from notifier.audit.high_water import HighWater
from notifier.audit.log_key import LogKey
from notifier.audit.verify import verify
from notifier.cli import Application, application, err, out, run
from notifier.cli.story import opened, print_told
from notifier.engine.reckoning import Account
from notifier.errors import AuditError, NotifierError
from notifier.store import Store
from notifier.words import amount, persons

FOLDER = Path("build/demo")
_STAGES = {
    "countdown": "countdown: it could still be stopped",
    "sending": "handing over",
    "canary-out": "the canary is out; Ben looks and resumes",
    "wave-out": "a wave is out; Ben starts the next",
    "stopped": "too many of the numbers are dead: the texts stop by themselves; Ben looks and resumes",
    "letters": "only letters wait: they are printed and posted",
    "done": "everybody has an answer",
}

app = typer.Typer()


@app.command("demo")
def demonstrate(
    context: typer.Context,
    to: Annotated[
        Path, typer.Option(help="Folder of the demonstration; an earlier one is replaced.")
    ] = FOLDER,
    people: Annotated[
        int, typer.Option(min=200, max=1_000_000, help="How many customers to invent.")
    ] = 10_000,
) -> None:
    """Do the whole path as a drill: import, incident, notices, approval, waves, evidence."""
    app = application(context)
    run(_demonstrate(app, to.absolute(), people))


@app.command("demo-code", hidden=True)
def demo_code(
    context: typer.Context,
    handle: Annotated[str, typer.Argument(help="anna or ben.")],
    to: Annotated[Path, typer.Option(help="Folder of the demonstration.")] = FOLDER,
) -> None:
    """Print the password and the present code of an operator of the demonstration, a line each."""
    app = application(context)

    async def act() -> tuple[str, str]:
        return demo.current_code(to.absolute(), handle, app.clock)

    for line in run(act()):
        typer.echo(line)


async def _demonstrate(app: Application, folder: Path, people: int) -> None:
    out.print(
        Panel("A drill: invented people, a mail catcher on this machine, nobody is reached.", expand=False)
    )
    home = await demo.make_home(folder, app.clock)
    store = Store.open(
        home.settings.store_url,
        origin=home.settings.audit.origin,
        clock=app.clock,
        load_keys=lambda: home.keys,
    )
    try:
        announced, account = await _send(home, store, people)
        verified = await _verify(home, store)
        await _tell_one(home, store)
    finally:
        await store.close()
    _say_what_next(folder, announced)
    if account.unaccounted or not verified:
        raise AuditError("the demonstration did not account for everybody", advice=f"Look into {folder}.")


async def _send(home: demo.DemoHome, store: Store, people: int) -> tuple[str, Account]:
    with _bars() as bars:
        task = bars.add_task("customers imported", total=people)
        _, done = await demo.import_sample(
            home, store, people, lambda now: bars.update(task, completed=now.rows)
        )
        bars.update(task, completed=people)
        out.print(
            f"{amount(done.progress.added, 'customer')} in six languages; "
            f"{amount(done.progress.refused, 'row')} could not be used, "
            f"{amount(done.report.bad_rows, 'row')} with a remark (problems.csv); "
            f"{amount(done.duplicates.found, 'pair')} of customers to review: each may be one person"
        )
        audience = await demo.choose_audience(home, store)
        out.print(f"{audience.code} is frozen: {persons(audience.people)}, root {audience.root[:16]}…")
        task = bars.add_task("notices made and checked", total=None)
        announced, report = await demo.make_ready(
            home, store, audience, lambda done, total: bars.update(task, completed=done, total=total)
        )
        out.print(
            f"{announced}: {amount(report.ready, 'notice')} ready; needs repair: {report.needs_repair:,}, "
            f"needs another channel: {report.needs_channel:,}, excluded: {report.excluded:,}"
        )
        signed = await demo.release_it(home, store, announced)
        out.print(f"Ben, not the author, signed for {persons(signed)} and the digests of what goes out")
        task = bars.add_task("handed over", total=signed)
        said: set[str] = set()

        def watch(now: demo.Watched) -> None:
            handed = sum(count for state, count in now.account.deliveries.items() if state != "planned")
            bars.update(task, completed=handed, description=_STAGES[now.stage])
            if now.stage not in said and now.stage in {"canary-out", "wave-out", "stopped"}:
                said.add(now.stage)
                out.print(_STAGES[now.stage])
            if now.posted:
                totals = now.posted.totals
                out.print(
                    f"{amount(totals.letters, 'letter')}, {amount(totals.pages, 'page')}, in {demo.ARCHIVE};"
                    f" the mail house posted them, {now.posted.returned:,} came back"
                )

        account = await demo.send_all(home, store, announced, watch)
    async with store.read() as tx:
        hours = home.settings.sending.settled_hours
        print_accounts(await accounts(tx, await find(tx, audience.subject), settled_hours=hours))
    return announced, account


async def _verify(home: demo.DemoHome, store: Store) -> bool:
    await build_sequencer(home.settings, store).drain()
    signer = LogKey.load(home.settings.keys_folder, home.settings.audit.origin)
    report = await verify(
        store,
        signer.verifier,
        high_water=HighWater(home.settings.high_water_file, signer.verifier),
        memory=HighWater(home.settings.home / "checkpoint.seen", signer.verifier),
        also=CHECKS,
    )
    if not report.verified:
        for finding in report.findings:
            err.print(str(finding), markup=False)
        return False
    out.print(f"audit trail: verified ({amount(report.entries, 'entry')}, root {report.root[:16]}…)")
    return True


async def _tell_one(home: demo.DemoHome, store: Store) -> None:
    """Show the story of one customer who was hard to reach."""
    async with store.read() as tx:
        chosen = await tx.row(
            "SELECT c.id, c.number FROM delivery d JOIN customer c ON c.id = d.customer_id "
            "GROUP BY c.id, c.number ORDER BY max(d.step) DESC, sum(d.attempts) DESC, c.id LIMIT 1"
        )
        if chosen is None:
            raise NotifierError("nobody was told anything")
        out.rule("what did we tell this customer, and when?")
        print_told(await opened(tx, home.keys, chosen.id, chosen.number), text=False)


def _say_what_next(folder: Path, announced: str) -> None:
    here = f"notifier --home {shlex.quote(_short(folder))}"
    out.rule("what to type next")
    out.print(f"{here} serve\n    the check page at http://127.0.0.1:8080/check", markup=False)
    out.print(f"{here} announcements status {announced}", markup=False)
    out.print(f"{here} audit verify", markup=False)
    out.print("docs/tutorial/first-notice.md\n    the same by hand, step by step")


def _short(folder: Path) -> str:
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=out
    )
