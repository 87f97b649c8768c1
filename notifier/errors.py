"""Errors of the engine.

NotifierError
├── Refused            a command that must not be carried out now (exit code 1)
│   ├── Conflict       somebody or something else got there first
│   ├── NotFound       what was named does not exist
│   └── NotPermitted   the operator may not do this, or has not proven who they are
├── BadInput           the input itself is wrong (exit code 2)
│   └── BadSettings    a setting or an environment variable is wrong
├── StoreError         the store cannot be trusted or reached right now (exit code 1)
│   ├── UnrecordedChange   a change was about to be committed without its audit entry
│   └── LostLease      another worker has taken this batch over
├── TaskEnded          a part of the worker ended by itself (exit code 1)
└── AuditError         the audit trail does not verify, or must not be extended (exit code 1)

Delivery trouble is not an exception but an ``Outcome``. No message holds an address or a name.
"""

from __future__ import annotations


class NotifierError(Exception):
    """Something went wrong in the engine."""

    exit_code = 1

    def __init__(self, message: str | None = None, *, advice: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])
        self._advice = advice

    def advice(self) -> str:
        """Say in one sentence what the operator can do about it; empty if the message says it all."""
        return self._advice


class Refused(NotifierError):
    """The command must not be carried out now."""


class Conflict(Refused):
    """Somebody or something else got there first."""


class NotFound(Refused):
    """What was named does not exist."""


class NotPermitted(Refused):
    """The operator may not do this, or has not proven who they are."""


class BadInput(NotifierError):
    """The input is wrong."""

    exit_code = 2


class BadSettings(BadInput):
    """A setting or an environment variable is wrong."""


class StoreError(NotifierError):
    """The store cannot be trusted or reached right now."""


class UnrecordedChange(StoreError):
    """A change was about to be committed without its audit entry."""


class LostLease(StoreError):
    """Another worker has taken this batch over."""


class TaskEnded(NotifierError):
    """A part of the worker ended by itself."""


class AuditError(NotifierError):
    """The audit trail does not verify, or must not be extended."""
