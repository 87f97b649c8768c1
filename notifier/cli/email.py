"""``notifier email``: are the relays usable, and what must the DNS say."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Annotated

import typer

from notifier.channels import Envelope, Outcome, OutcomeKind
from notifier.channels.email import EmailChannel
from notifier.channels.email.address import domain_of, wire_address
from notifier.channels.email.dkim import DkimSigner
from notifier.channels.email.finishing import EmailFinisher
from notifier.channels.email.message import Composer
from notifier.channels.email.probe import Probe, probe
from notifier.channels.email.return_path import ReturnPaths
from notifier.cli import PARTIAL, Application, application, out, run
from notifier.errors import Refused
from notifier.notices import Rendered
from notifier.operators import alert_addresses
from notifier.settings import RelaySettings

app = typer.Typer()


@app.command("test")
def try_relays(
    context: typer.Context,
    to: Annotated[
        str, typer.Option(help="Send one test message through each relay to this operator's own address.")
    ] = "",
) -> None:
    """Connect to each relay: TLS, certificate, what it offers, login. Sends nothing without --to."""
    installed = application(context)
    probes, outcomes = run(_test(installed, to))
    value = [
        asdict(one) | {"test_message": _told(outcomes[one.relay]) if one.relay in outcomes else None}
        for one in probes
    ]
    installed.show(value, lambda: _print(installed, probes, outcomes))
    good = [one.usable and _accepted(outcomes.get(one.relay)) for one in probes]
    if not all(good):
        raise typer.Exit(PARTIAL if any(good) else 1)


@app.command("dkim")
def dkim(context: typer.Context) -> None:
    """Print the DNS records that let others check our signatures."""
    installed = application(context)

    async def read() -> DkimSigner:
        return DkimSigner(installed.settings.email.dkim)

    records = run(read()).records()

    def human() -> None:
        for name, record in records.items():
            out.print(f"{name}. TXT", markup=False)
            out.print(f"  {record}", markup=False)
        if not records:
            out.print("No DKIM key is set up; see docs/how-to/connect-a-mail-relay.md.")

    installed.show(records, human)


async def _test(installed: Application, to: str) -> tuple[list[Probe], dict[str, Outcome]]:
    settings = installed.settings.email
    if installed.settings.drill:
        raise Refused("a drill installation uses no relay", advice="Its mail goes to the built-in sink only.")
    if not settings.relays:
        raise Refused("no relay is set up", advice="Add [[email.relays]] to notifier.toml.")
    if to:
        await _require_own(installed, to)
    probes = [await probe(relay, settings.helo_name, installed.clock.now()) for relay in settings.relays]
    usable = {one.relay for one in probes if one.usable}
    outcomes = {
        relay.name: await _send(installed, relay, to)
        for relay in settings.relays
        if to and relay.name in usable
    }
    return probes, outcomes


async def _require_own(installed: Application, to: str) -> None:
    """Refuse any address but those of the team: a test must not reach a customer."""
    async with installed.store() as store, store.read() as tx:
        known = await alert_addresses(tx, installed.load_keys())
    own = {address.lower() for address in (*known.values(), *map(str, installed.settings.alerts.recipients))}
    if wire_address(to).lower() not in own:
        raise Refused(
            "the address is none of the team's",
            advice="Give an operator's e-mail address or one of alerts.recipients.",
        )


async def _send(installed: Application, relay: RelaySettings, to: str) -> Outcome:
    settings = installed.settings.email
    text = f"This is a test of the mail relay {relay.name}. Nothing has happened and nothing needs doing."
    reference = secrets.token_hex(8).upper()
    message = Composer(settings).compose(
        Rendered(f"Test of the mail relay {relay.name}", f"{text}\n", f"<p>{text}</p>\n"),
        recipient=to,
        name="",
        reference=reference,
        locale="en",
        code="TEST",
        drill=False,
        kind="relay-test",
    )
    signer = DkimSigner(settings.dkim) if settings.dkim else None
    finisher = EmailFinisher(ReturnPaths(installed.load_keys(), settings.bounce_domain), signer)
    content, _ = finisher.finish(message, installed.clock.now(), None)
    async with EmailChannel(settings, relays=(relay,)) as channel:
        return await channel.send(Envelope(wire_address(to), finisher.return_path(reference, 1), content))


def _accepted(outcome: Outcome | None) -> bool:
    return outcome is None or outcome.kind is OutcomeKind.ACCEPTED


def _told(outcome: Outcome) -> str:
    return f"{outcome.kind} {outcome.code or ''} {outcome.text or outcome.reason}".replace("  ", " ").strip()


def _print(installed: Application, probes: list[Probe], outcomes: dict[str, Outcome]) -> None:
    for one in probes:
        out.print(f"[bold]{one.relay}[/]: {'[green]usable[/]' if one.usable else '[red]not usable[/]'}")
        if one.problem:
            out.print(f"  {one.problem}", markup=False)
            out.print(f"  {one.advice}", markup=False) if one.advice else None
            continue
        until = f", certificate until {one.certificate_until:%Y-%m-%d}" if one.certificate_until else ""
        out.print(f"  TLS: {one.tls or 'none'}{until}")
        out.print(f"  login: {one.login}")
        out.print(f"  offers: {', '.join(one.extensions) or 'nothing'}", markup=False)
        for warning in one.warnings:
            out.print(f"  [yellow]{warning}[/]")
        if one.relay in outcomes:
            out.print(f"  test message: {_told(outcomes[one.relay])}", markup=False)
    settings = installed.settings.email
    signed = {key.domain.lower() for key in settings.dkim}
    if signed and domain_of(str(settings.from_address)) not in signed:
        out.print("[yellow]No DKIM domain is that of from_address: DMARC will not count the signatures.[/]")
