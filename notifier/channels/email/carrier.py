"""What a pool and its sessions know of each other."""

from __future__ import annotations

from typing import Protocol

from notifier.channels.email.replies import Reply, Stage
from notifier.channels.email.transfer import Offers, Transfer, Unusable


class Session(Protocol):
    """One connection to a relay that carries transfers, one body at a time."""

    offers: Offers
    bodies: int
    """How many messages it has carried so far."""
    progress_at: float
    """When something was last written or answered, by the event loop's clock."""

    @property
    def busy(self) -> bool:
        """Whether an answer is outstanding."""
        ...

    @property
    def free(self) -> bool:
        """Whether ``start`` may be called now."""
        ...

    def start(self, transfer: Transfer) -> None:
        """Begin a transfer."""
        ...

    def retire(self) -> None:
        """Take no more transfers; say QUIT once the ones under way have ended."""
        ...

    def abort(self) -> None:
        """Cut the connection at once."""
        ...


class Owner(Protocol):
    """Where sessions get their transfers from and report to."""

    name: str
    timeout: float
    idle_seconds: float

    def pull(self, session: Session) -> Transfer | None:
        """Return the next transfer that ``session`` should begin now."""
        ...

    def available(self, session: Session) -> None:
        """Note that ``session`` can take a transfer."""
        ...

    def ended(self, transfer: Transfer, stage: Stage, reply: Reply) -> None:
        """Settle a transfer by the answer it got."""
        ...

    def timed(self, seconds: float) -> None:
        """Note how long the relay took from a final dot to its answer."""
        ...

    def returned(self, transfer: Transfer, why: Unusable) -> None:
        """Take back a transfer whose body was never begun."""
        ...

    def gone(self, session: Session, *, limit: bool) -> None:
        """Forget a session; ``limit``: the relay ended it after so many messages."""
        ...
