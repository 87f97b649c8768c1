"""``notifier customers show``: what did we tell this person, and when."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from notifier.acknowledgements import AcknowledgementTold
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.banners.history import BannerTold
from notifier.cli import Application, application, err, notice_text, out, run
from notifier.cli.audit import known_reference
from notifier.cli.files import write_new
from notifier.cli.identity import identify
from notifier.cli.printing import printable
from notifier.customers.lookup import Profile, find, open_profile
from notifier.errors import BadInput, Conflict, NotFound, Refused, StoreError
from notifier.keys import Keys
from notifier.notices import grouped
from notifier.receipts.history import ReceiptTold
from notifier.store import Transaction
from notifier.story import (
    AnnouncementTold,
    AttemptTold,
    DeliveryTold,
    Membership,
    deliveries,
    tell,
    unreadable,
)
from notifier.words import amount

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class PersonTold:
    """Who was told. ``profile`` is ``None`` of an erased person; ``damaged``: it cannot be opened."""

    number: str
    profile: Profile | None
    damaged: bool
    told: list[Membership]

    @property
    def name(self) -> str:
        """The name, or why there is none."""
        if self.profile is None:
            return "(unreadable)" if self.damaged else "(erased)"
        return self.profile.name


@app.command("show")
def show(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(metavar="ID", help="Customer number, e-mail address or phone.")],
    *,
    operator: Annotated[str, typer.Option(help="Your handle: looking is put on record.")],
    text: Annotated[bool, typer.Option("--text", help="Print the notices' text too.")] = False,
    raw: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write one notice's exact bytes; - is the output.")
    ] = None,
    reference: Annotated[str, typer.Option(help="Whose bytes; needed where there are several.")] = "",
) -> None:
    """Show what this person was told and when, with the servers' answers and the proof of each."""
    app = application(context)

    async def act() -> tuple[str, PersonTold]:
        wanted = known_reference(reference) if reference else ""
        _refuse_existing(raw)
        return wanted, await _look(app, customer, operator, wanted)

    wanted, person = run(act())
    if raw is not None:
        run(_write(person.told, wanted, raw))
        return
    app.show(_plain(person), lambda: print_told(person, text=text))
    if lost := unreadable(person.told) + person.damaged:
        err.print(
            f"{amount(lost, 'value')} above cannot be opened: damaged in the store, or sealed with another "
            "key. A backup may still have them; `notifier audit verify` looks for what was changed.",
            markup=False,
        )
        raise typer.Exit(3)


def _refuse_existing(file: Path | None) -> None:
    if file is not None and str(file) != "-" and file.exists():
        raise Conflict(f"{file} exists already", advice="Name a file that does not exist yet.")


async def _look(app: Application, customer: str, operator: str, reference: str) -> PersonTold:
    """Find the person, put on record that somebody looks, and open what there is."""
    keys = app.load_keys()
    async with app.store() as store:
        handle = await identify(app, store, operator)
        async with store.read() as tx:
            found = await find(tx, keys, customer)
            if not found:
                raise NotFound(
                    "nobody has this customer number, e-mail address or telephone number",
                    advice="Who is not in the store was told nothing by this service.",
                )
            if len(found) > 1:
                raise Conflict(
                    f"{len(found)} customers have this address or telephone number",
                    advice="Name one by customer number: "
                    + ", ".join([str(await tx.scalar(_NUMBER, id=one)) for one in found[:20]]),
                )
            person = await tx.row("SELECT number, uid FROM customer WHERE id = :id", id=found[0])
        if person is None:
            raise NotFound("this customer has just been removed")
        facts: dict[str, Json] = {"actor": f"operator:{handle}", "person": person.uid}
        if reference:
            facts["delivery"] = reference
        async with store.begin() as tx:
            tx.record(Event(AuditAction.CUSTOMER_SHOWN, facts))
        async with store.read() as tx:
            return await opened(tx, keys, found[0], person.number)


async def opened(tx: Transaction, keys: Keys, customer_id: int, number: str) -> PersonTold:
    """Open what there is about a customer; damage in one place hides nothing else."""
    told = await tell(tx, keys, customer_id)
    try:
        return PersonTold(number, await open_profile(tx, keys, customer_id), damaged=False, told=told)
    except StoreError:
        return PersonTold(number, None, damaged=True, told=told)


_NUMBER = "SELECT number FROM customer WHERE id = :id"


async def _write(told: list[Membership], reference: str, file: Path) -> None:
    """Write the exact bytes of one notice."""
    found = [one for one in deliveries(told) if reference in ("", one.reference)]
    if not found:
        raise NotFound("this person has no such delivery")
    if len(found) > 1:
        raise BadInput(
            f"this person has {len(found)} deliveries",
            advice="Add --reference: " + ", ".join(grouped(one.reference) for one in found),
        )
    (delivery,) = found
    if delivery.message is None and delivery.intact is False:
        raise Refused("the bytes of this notice cannot be opened: they, or the key, are damaged in the store")
    if delivery.message is None:
        raise Refused("the bytes of this notice cannot be read any more: the person's key is gone")
    if not delivery.intact:
        raise Refused("the bytes of this notice do not have the digest that was approved")
    _put(file, delivery.message)


def _put(file: Path, content: bytes) -> None:
    if str(file) == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    write_new(file, content, name=str(file))


def print_told(person: PersonTold, *, text: bool) -> None:
    """Print what a person was told; ``text`` adds the notices' text."""
    _say(f"{person.number} {person.name}")
    for point in person.profile.points if person.profile else ():
        said = f" ({point.state_reason})" if point.state_reason else ""
        _say(f"  {point.channel}: {point.value}, {point.state}{said}")
    if not person.told:
        out.print("Not affected by anything on record: in no frozen audience, told nothing.")
    for membership in person.told:
        _print_membership(membership)
        for announcement in membership.announcements:
            _print_announcement(announcement)
            for delivery in announcement.deliveries:
                _print_delivery(delivery, text=text)


def _print_membership(one: Membership) -> None:
    out.print(f"\n[bold]{escape(one.audience)}[/] frozen {_moment(one.frozen_at)}: {_standing(one)}")
    if one.about:
        _say(f"  told for customer {one.about}")
    if one.categories:
        _say(f"  data exposed: {', '.join(one.categories)}")
    if one.new_categories:
        _say(f"  grown since the last notice: {', '.join(one.new_categories)}")
    if one.basis:
        _say(f"  known by: {one.basis}")
    if not one.announcements:
        out.print("  nothing was announced to this audience yet")


def _standing(one: Membership) -> str:
    words = {"due": "due a notice", "needs-channel": "needs another channel", "excluded": "excluded"}
    because = f", because {one.reason}" if one.reason else ""
    role = "" if one.variant == "person" else f" (as {one.variant})"
    return escape(f"{words.get(one.state, one.state)}{because}{role}")


def _print_announcement(one: AnnouncementTold) -> None:
    released = f"released {_moment(one.released_at)}" if one.released_at else "not released"
    state = "" if one.state == "released" else f"{one.state}, "
    revision = f" revision {one.revision}" if one.revision > 1 else ""
    out.print(f"  announcement {escape(one.code)}{revision}: {state}{released}")
    if one.set_aside:
        _say(f"    set aside, needs repair: {one.set_aside}")
    for skipped in one.skipped:
        way = f" ({skipped.channel})" if skipped.channel else ""
        _say(f"    step {skipped.step}{way} passed over {_moment(skipped.at)}: {skipped.reason}")


def _print_delivery(one: DeliveryTold, *, text: bool) -> None:
    nobody = "(erased)" if one.intact is None else "(unreadable)"
    known = ", ".join(one.recipient.splitlines())
    whom = "" if one.channel == "banner" else f" to {escape(known) or nobody}"
    out.print(
        f"    {grouped(one.reference)} by {one.channel}{whom}: "
        f"[bold]{one.state}[/] since {_moment(one.changed_at)}"
    )
    if one.message is not None:
        fits = "the approved digest" if one.intact else "[bold red]NOT the approved digest[/]"
        if head := notice_text.headed(one):
            _say(f"      {head}")
        out.print(f"      {notice_text.dated(one)}; {len(one.message)} bytes in {one.locale} with {fits}")
        for line in notice_text.lines(one) if text else ():
            _say(f"      | {line}")
    elif one.intact is False:
        out.print("      [bold red](unreadable)[/]: the notice cannot be opened with this person's key")
    for attempt in one.attempts:
        _print_attempt(attempt)
    for receipt in one.receipts:
        _print_receipt(receipt)
    for shown in one.shown:
        _say(f"      {_moment(shown.at)} {notice_text.happened(shown)}")
        _say(f"         {_entry(shown, 'this session')}")
    for acknowledgement in one.acknowledgements:
        _print_acknowledgement(acknowledgement)


def _print_attempt(one: AttemptTold) -> None:
    reply = "(unreadable)" if one.unreadable else one.reply
    enhanced = "" if one.reply.startswith(one.enhanced) else one.enhanced
    answer = " ".join(str(part) for part in (one.code or "", enhanced, reply) if part)
    where = f" at {one.relay}" if one.relay else ""
    _say(f"      {one.number}. {_moment(one.closed_at)} {one.outcome}{where}: {answer}")
    _say(f"         {_entry(one, 'this address, message and answer')}")


def _print_receipt(one: ReceiptTold) -> None:
    said = "(unreadable)" if one.unreadable else one.text
    status = " ".join(str(part) for part in (one.code or "", one.enhanced, one.reason, said) if part)
    about = f" about {one.address}" if one.address else ""
    then = f"; so it is {one.became}" if one.became else ""
    when = f", as of {_moment(one.occurred_at)}" if one.occurred_at else ""
    _say(f"      {_moment(one.received_at)} {one.source} reports {one.kind}{about}{when}: {status}{then}")
    _say(f"         {_entry(one, 'this report')}")


def _print_acknowledgement(one: AcknowledgementTold) -> None:
    by = f" by {one.by}" if one.by else ""
    sure = f", {one.assurance}" if one.assurance else ""
    counts = "" if one.counts else "; it does not count, others may have the person's sign-in or mailbox"
    because = f": {one.reason}" if one.reason else ""
    _say(f"      {_moment(one.at)} acknowledged through {one.how}{by}{sure}{because}{counts}")
    _say(f"         {_entry(one, 'this person')}")


def _entry(one: AttemptTold | ReceiptTold | AcknowledgementTold | BannerTold, what: str) -> str:
    place = "waits for its place" if one.leaf_index is None else f"place {one.leaf_index}"
    covered = f", in the checkpoint of {one.checkpoint}" if one.checkpoint else ""
    proof = {
        True: f"commits to {what}",
        False: "DOES NOT FIT what is shown",
        None: "discloses nothing",
    }[one.proven]
    return f"audit entry {one.entry} {place}{covered}; it {proof}"


def _say(line: str) -> None:
    """Print text that others wrote: nothing in it may steer the terminal."""
    out.print(printable(line), markup=False)


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _plain(person: PersonTold) -> dict[str, Any]:
    """Return the story as plain values; the messages as text, byte for byte Latin-1."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [plain(inner) for inner in value]
        if isinstance(value, bytes):
            return value.decode("latin-1")
        return value.isoformat() if isinstance(value, datetime) else value

    profile = person.profile
    return {
        "number": person.number,
        "erased": profile is None and not person.damaged,
        "unreadable": person.damaged,
        "name": profile.name if profile else "",
        "contact_points": [asdict(point) for point in profile.points] if profile else [],
        "memberships": [plain(asdict(one)) for one in person.told],
    }
