"""E-mail: messages, sessions with relays, pipelined hand-over, and what the answers mean."""

from notifier.channels.email.channel import EmailChannel

__all__ = ["EmailChannel"]
