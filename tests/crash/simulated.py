"""The service's worker over carriers that decide by lot: ``python -m tests.crash.simulated HOME SEED``.

Everything else in it is the program's own. It is killed from outside; a polite signal ends it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import datetime
from pathlib import Path

from incidents import building
from notifier.engine.carriers import Carrier
from notifier.keys import Keys
from notifier.settings import Settings, load
from notifier.store import Store
from tests.fates import FatedChannel

CHANNELS = ("email", "sms", "letter")


class ByReference:
    """Names each attempt by its reference; completes nothing."""

    def finish(self, message: bytes, date: datetime, kept: bytes | None) -> tuple[bytes, bytes | None]:
        """Return the message as it was made."""
        del date
        return message, kept

    def return_path(self, reference: str, attempt: int) -> str:
        """Return what the log has of one attempt."""
        return f"{reference}-{attempt}"


def by_lot(seed: int) -> object:
    """Return what takes the place of the program's own carriers."""

    def carriers(settings: Settings, *_given: object) -> dict[str, Carrier]:
        logs = settings.home
        return {
            name: Carrier(FatedChannel(name, seed, logs / f"{name}.taken"), ByReference())
            for name in CHANNELS
        }

    return carriers


async def main(home: Path, seed: int) -> None:
    """Be the worker until told to stop."""
    settings = load(home)
    keys = Keys.load(settings.keys_folder)
    building.build_carriers = by_lot(seed)  # type: ignore[assignment]
    store = Store.open(settings.store_url, origin=settings.audit.origin, load_keys=lambda: keys)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    try:
        await building.build_worker(settings, keys, store).run(stop)
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
