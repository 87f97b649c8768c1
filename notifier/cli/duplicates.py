"""``notifier customers duplicates``: review customers who may be one person."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from notifier.cli import application, out, run
from notifier.cli.identity import identify
from notifier.customers.duplicates import Candidate, decide_duplicate, list_duplicates
from notifier.customers.lookup import Profile, open_profiles
from notifier.customers.masking import masked, masked_name
from notifier.errors import BadInput

app = typer.Typer(help="Customers who may be one person. Nothing is merged.", no_args_is_help=True)


@app.command("list")
def show_all(
    context: typer.Context,
    state: Annotated[str, typer.Option(help="open, same or different.")] = "open",
    after: Annotated[int, typer.Option(help="Begin behind this candidate: the next page.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many to show.")] = 50,
) -> None:
    """List candidates, their names and addresses masked."""
    app_ = application(context)

    async def act() -> None:
        if state not in ("open", "same", "different"):
            raise BadInput(f"there is no state {state!r}", advice="States are open, same and different.")
        async with app_.store() as store, store.read() as tx:
            found = await list_duplicates(tx, state, after, limit)
            people = await open_profiles(
                tx, app_.load_keys(), [key for each in found for key in (each.first_id, each.second_id)]
            )
        shown = [_shown(each, people) for each in found]

        def human() -> None:
            table = Table("id", "same", "customer", "", "customer", "", "decided by")
            for each in shown:
                table.add_row(*(escape(str(value)) for value in each.values()))
            out.print(table)
            if len(found) == limit:
                out.print(f"More: --after {found[-1].id}")
            if found and state == "open":
                out.print(
                    "Decide: notifier customers duplicates decide ID --same|--different --operator HANDLE"
                )

        app_.show(shown, human)

    run(act())


@app.command("decide")
def decide(
    context: typer.Context,
    candidate: Annotated[int, typer.Argument(metavar="ID", help="The candidate, as the list numbers it.")],
    operator: Annotated[str, typer.Option(help="The operator who decides.")],
    same: Annotated[bool, typer.Option("--same/--different", help="One person, or two.")],
) -> None:
    """Put on record whether two customers are one person. Neither is changed."""
    app_ = application(context)

    async def act() -> None:
        async with app_.store() as store:
            handle = await identify(app_, store, operator)
            async with store.begin() as tx:
                await decide_duplicate(tx, candidate, "same" if same else "different", f"operator:{handle}")
        app_.show(
            {"candidate": candidate, "decision": "same" if same else "different"},
            lambda: out.print(f"Candidate {candidate}: {'one person' if same else 'two people'}."),
        )

    run(act())


def _shown(each: Candidate, people: dict[int, Profile]) -> dict[str, object]:
    return {
        "id": each.id,
        "reason": each.reason,
        "first": each.first_number,
        "first_masked": _masked(people.get(each.first_id)),
        "second": each.second_number,
        "second_masked": _masked(people.get(each.second_id)),
        "decided_by": each.decided_by,
    }


def _masked(person: Profile | None) -> str:
    """Return what tells people apart without naming them; an erased person has nothing left."""
    if person is None:
        return "erased"
    points = [masked(point.channel, point.value) for point in person.points if point.state != "retired"]
    return ", ".join([masked_name(person.name), *points])
