"""``notifier notices``: acknowledgements that support takes down, and the link to a person's notice page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from notifier.acknowledgements import TOLD, Acknowledged, acknowledge
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.cli import application, out, run
from notifier.cli.audit import known_reference
from notifier.cli.identity import identify
from notifier.errors import NotFound, Refused
from notifier.links import notice_link
from notifier.notices import grouped
from notifier.store import Transaction

app = typer.Typer()
Reference = Annotated[str, typer.Argument(help="The notice's reference, in any form.")]
Who = Annotated[str, typer.Option(help="Your handle; it goes on record.")]


@app.command("acknowledge")
def acknowledge_notice(
    context: typer.Context,
    reference: Reference,
    *,
    operator: Who,
    reason: Annotated[str, typer.Option(help="How the person told you that they have read it; no names.")],
    identified: Annotated[
        bool,
        typer.Option(
            "--identified",
            help="You made sure who they are. Where sign-in or mailbox were exposed, it counts only then.",
        ),
    ] = False,
) -> None:
    """Put on record that a person told you they have read their notice."""
    app = application(context)

    async def act() -> tuple[str, Acknowledged]:
        known = known_reference(reference)
        async with app.store() as store:
            handle = await identify(app, store, operator)
            async with store.begin() as tx:
                done = await acknowledge(
                    tx,
                    app.load_keys(),
                    reference=known,
                    how="support",
                    assurance="identified" if identified else "",
                    by=handle,
                    reason=reason,
                )
        return known, done

    known, done = run(act())

    def human() -> None:
        first = "Recorded" if done.new else "On record already, since"
        late = ", after the announcement was closed" if done.late else ""
        out.print(f"{first} {done.at:%Y-%m-%d %H:%M:%S} UTC{late}: the notice {grouped(known)} was read.")
        if not done.counts:
            out.print(
                "It does not count yet, because others may have this person's means of signing in or "
                "mailbox. Make sure who they are, then add --identified; or have them confirm the notice "
                "in your service after signing in anew."
            )

    app.show({"reference": known, **asdict(done), "at": done.at.isoformat()}, human)


@app.command("link")
def link(context: typer.Context, reference: Reference, *, operator: Who) -> None:
    """Print the link to a person's notice page: whoever has it can read the notice. It goes on record."""
    app = application(context)

    async def act() -> tuple[str, str]:
        known = known_reference(reference)
        base = app.settings.organisation.notices_url
        if not base:
            raise Refused(
                "no address of notice pages is set",
                advice="Set organisation.notices_url to the public address of this service.",
            )
        async with app.store() as store:
            handle = await identify(app, store, operator)
            async with store.begin() as tx:
                await _record_look(tx, known, handle)
        return known, notice_link(app.load_keys(), base, known)

    known, address = run(act())
    app.show({"reference": known, "link": address}, lambda: out.print(address, markup=False))


async def _record_look(tx: Transaction, reference: str, handle: str) -> None:
    """Put on record that an operator gets a notice's link; ``NotFound`` where it opens nothing."""
    row = await tx.row(
        "SELECT n.code, m.uid FROM notice t"
        " JOIN delivery d ON d.member_id = t.member_id AND d.notice_id = t.id"
        " JOIN announcement n ON n.id = d.announcement_id JOIN audience_member m ON m.id = d.member_id"
        f" WHERE t.reference = :reference AND {TOLD}",
        reference=reference,
    )
    if row is None:
        raise NotFound(
            "no notice with this reference was handed over", advice="Compare it with the person's notice."
        )
    facts = {
        "actor": f"operator:{handle}",
        "announcement": row.code,
        "delivery": reference,
        "member": row.uid,
    }
    tx.record(Event(AuditAction.NOTICE_LINKED, facts))
