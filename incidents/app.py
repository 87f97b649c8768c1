"""The command line: all commands by name, each imported when it is called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from incidents.cli.lazy import Entry, Overview
from notifier import HOME_VARIABLE, __version__

_INSTALLATION = ("incidents.cli.installation",)
_INCIDENTS = (
    "declaring",
    "stepping",
    "showing",
    "forms",
    "affecting",
    "excluding",
    "freezing",
    "correcting",
    "accounting",
    "substituting",
)
_DEMO = ("incidents.cli.demo",)


class Commands(Overview):
    """All that ``notifier`` can do."""

    entries: ClassVar[dict[str, Entry]] = {
        "init": Entry(
            "Make a new installation: configuration, keys, tables. Nothing that exists is overwritten.",
            _INSTALLATION,
        ),
        "upgrade": Entry(
            "Bring the store's tables to the form this version needs. Stop the service and back up first.",
            _INSTALLATION,
        ),
        "settings": Entry(
            "Show the settings in force and where each comes from; secrets are masked.", _INSTALLATION
        ),
        "serve": Entry(
            "Send what is released, answer the public pages and take reports, until SIGTERM; then drain.",
            ("incidents.cli.serving",),
        ),
        "backup": Entry(
            "Copy the store into one file while sending goes on. The keys folder is not part of it.",
            ("notifier.cli.backup",),
        ),
        "demo": Entry(
            "Do the whole path as a drill: import, incident, notices, approval, waves, evidence.", _DEMO
        ),
        "demo-code": Entry(
            "Print the password and the present code of an operator of the demonstration, a line each.",
            _DEMO,
            hidden=True,
        ),
        "operators": Entry(
            "Enrol the people who work with the service.", ("notifier.cli.operators",), is_group=True
        ),
        "customers": Entry(
            "The people notices go to.",
            ("notifier.cli.customers", "notifier.cli.correcting", "notifier.cli.story"),
            is_group=True,
        ),
        "incidents": Entry(
            "Incidents: what happened, who is affected, what they are told.",
            tuple(f"incidents.cli.{name}" for name in _INCIDENTS),
            is_group=True,
        ),
        "notices": Entry(
            "See and check what customers will read, and note who has read it.",
            ("notifier.cli.notices", "notifier.cli.acknowledging"),
            is_group=True,
        ),
        "announcements": Entry(
            "Check, approve, release and watch what is said to an audience.",
            (
                "notifier.cli.announcements",
                "notifier.cli.approving",
                "notifier.cli.sending",
                "notifier.cli.doubt",
                "notifier.cli.resending",
            ),
            is_group=True,
        ),
        "receipts": Entry(
            "What is reported afterwards about notices, and reports about nobody we know.",
            ("notifier.cli.receipts",),
            is_group=True,
        ),
        "suppressions": Entry(
            "Addresses that are not used, and why.", ("notifier.cli.suppressions",), is_group=True
        ),
        "email": Entry("Try the mail relays out.", ("notifier.cli.email",), is_group=True),
        "sms": Entry(
            "See a notice as a text message, and try the provider out.", ("notifier.cli.sms",), is_group=True
        ),
        "letters": Entry(
            "Print what waits for the mail house, and take in what it reports.",
            ("notifier.cli.letters", "notifier.cli.postal"),
            is_group=True,
        ),
        "banner": Entry("Put notices into your own application.", ("notifier.cli.banner",), is_group=True),
        "audit": Entry(
            "Verify the audit trail and let others check it.", ("notifier.cli.audit",), is_group=True
        ),
    }


app = typer.Typer(
    name="notifier",
    cls=Commands,
    help="Tell every affected customer, and prove it.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"breach-notifier {__version__}")
        raise typer.Exit


@app.callback()
def prepare(
    context: typer.Context,
    home: Annotated[
        Path, typer.Option(envvar=HOME_VARIABLE, help="Folder of the configuration, keys and state.")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print results as JSON.")] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Read the settings once, before any command."""
    from incidents.application import compose  # noqa: PLC0415 - --help and --version need no application

    context.obj = compose(home, as_json=as_json)


def main() -> None:
    """Run the command line."""
    os.umask(0o077)  # Nothing this program writes is for others to read.
    app()
