"""How often one client may ask: a GCRA limit each, in a table that cannot grow without bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from notifier.clock import Clock

_MOST_CLIENTS = 50_000


class Limiter:
    """Lets each client through ``per_minute`` times a minute, a third of them at once.

    A client is an address, or whatever else ``whose`` makes of what ``wait`` is given. Nothing is written
    down: the table lives in memory, and forgets whoever has not asked for longest.
    """

    def __init__(
        self,
        clock: Clock,
        per_minute: int,
        most_clients: int = _MOST_CLIENTS,
        whose: Callable[[str], str] | None = None,
    ) -> None:
        self._clock = clock
        self._interval = timedelta(minutes=1) / per_minute
        self._tolerance = self._interval * (max(1, per_minute // 3) - 1)
        self._most = most_clients
        self._whose = whose or _client
        self._due: OrderedDict[str, datetime] = OrderedDict()

    def wait(self, asking: str) -> int:
        """Count one request; return 0 if it may pass, else the seconds after which the next one may."""
        client = self._whose(asking)
        now = self._clock.now()
        due = max(self._due.get(client, now), now)
        if due - now > self._tolerance:
            return int((due - now - self._tolerance).total_seconds()) + 1
        self._due[client] = due + self._interval
        self._due.move_to_end(client)
        if len(self._due) > self._most:
            self._due.popitem(last=False)
        return 0


def _client(address: str) -> str:
    """Return whom an address stands for: itself, or its /64 network, which one household owns."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(int(parsed) >> 64)
    return str(parsed)
