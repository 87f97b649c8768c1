"""What every command works with, put together from the home's settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from incidents.revision import require_current
from notifier.audit.report import Check
from notifier.cli import Application, fail
from notifier.engine.dispatch import InlineDispatcher
from notifier.errors import NotifierError
from notifier.keys import Keys
from notifier.settings import load
from notifier.store import Store

if TYPE_CHECKING:
    from notifier.escalation.rounds import Escalation


def compose(home: Path, *, as_json: bool) -> Application:
    """Read the settings once; what is wrong with them ends the command."""
    try:
        settings = load(home.absolute())
    except NotifierError as error:
        fail(error)
    keys = settings.keys_folder

    def load_keys() -> Keys:
        return Keys.load(keys)

    async def open_store() -> Store:
        store = Store.open(settings.store_url, origin=settings.audit.origin, load_keys=load_keys)
        await require_current(store.engine)
        return store

    def checks() -> Sequence[Check]:
        from incidents.trail import CHECKS  # noqa: PLC0415 - only verification needs all the tables

        return CHECKS

    def escalation(store: Store) -> Escalation:
        from incidents.compromised import compromised  # noqa: PLC0415 - most commands make no notices
        from notifier.escalation.rounds import Escalation  # noqa: PLC0415

        return Escalation(store, load_keys(), settings, InlineDispatcher(workers=0), compromised)

    return Application(
        settings=settings,
        open_store=open_store,
        load_keys=load_keys,
        as_json=as_json,
        checks=checks,
        escalation=escalation,
    )
