"""Public doubles for tests of this service and of what is built on it."""

from notifier.testing.clock import FakeClock

__all__ = ["FakeClock"]
