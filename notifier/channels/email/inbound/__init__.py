"""Reading what comes back by e-mail: bounces, complaints, automatic answers. No store, no network."""

from notifier.channels.email.inbound.reading import Reader, Reading

__all__ = ["Reader", "Reading"]
