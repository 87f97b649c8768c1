"""What every way in does with a message: it hands it on, and believes it safe only once that returned."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

Deliver = Callable[[bytes, Sequence[str]], Awaitable[None]]
"""Takes a message and its envelope recipients, as far as they are known. It returns once what the message
reports is on record for good, and raises otherwise: then the message stays where it was and is brought again.
Bringing one twice does no harm. It may be cancelled, when whoever brings the message goes away.
"""
