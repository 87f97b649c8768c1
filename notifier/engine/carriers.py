"""How notices leave: for each channel what carries them, and how the worker stands with it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from notifier.channels import Channel
from notifier.engine.flow import Flow
from notifier.engine.loading import Finisher, Loader, Policy, Zones
from notifier.keys import Keys
from notifier.settings import SendingSettings
from notifier.store import Store


@dataclass(frozen=True)
class Carrier:
    """A channel, and what completes the messages that go over it."""

    channel: Channel
    finisher: Finisher
    zones: Zones | None = None
    """What an address of the channel tells of its owner's time zone, where none is on file."""


@dataclass
class Lane:
    """A worker's own side of one channel: trouble on one keeps none of the others waiting."""

    carrier: Carrier
    loader: Loader
    flow: Flow
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_open: bool = False
    cool_until: float = 0.0
    """Moment of the event loop's clock before which nothing is begun: its carriers were all in trouble."""

    @classmethod
    def of(
        cls, carrier: Carrier, store: Store, keys: Keys, policy: Policy, settings: SendingSettings
    ) -> Lane:
        """Return the lane of a worker that has just started."""
        loader = Loader(store, keys, carrier.finisher, policy, carrier.zones)
        return cls(carrier, loader, Flow(settings.concurrency))

    async def open(self, stack: AsyncExitStack) -> None:
        """Open the channel when it is first used; ``stack`` closes it. Most announcements use one only."""
        async with self.opening:
            if not self.is_open:
                await stack.enter_async_context(self.carrier.channel)
                self.is_open = True
