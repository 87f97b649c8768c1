"""Public doubles for tests of this service and of what is built on it."""

from notifier.testing.channels import ACCEPTED, ScriptedChannel
from notifier.testing.clock import FakeClock
from notifier.testing.store import FaultyStore

__all__ = ["ACCEPTED", "FakeClock", "FaultyStore", "ScriptedChannel"]
