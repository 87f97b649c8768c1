"""What the engine puts on record. Each room adds its own; docs/reference lists them all."""

from __future__ import annotations

from enum import StrEnum


class AuditAction(StrEnum):
    """The kinds of entry the engine writes; ``incidents.actions`` has those of incidents."""

    CUSTOMERS_IMPORTED = "customers:imported"
    DUPLICATE_DECIDED = "customers:duplicate:decided"
    CONTACT_POINT_SUPPRESSED = "contact-point:suppressed"
    OPERATOR_ADDED = "operator:added"
    OPERATOR_RETIRED = "operator:retired"
    OPERATOR_REFUSED = "operator:refused"
    AUDIENCE_FROZEN = "audience:frozen"
    ANNOUNCEMENT_DRAFTED = "announcement:drafted"
    ANNOUNCEMENT_PREFLIGHTED = "announcement:preflighted"
    ANNOUNCEMENT_APPROVED = "announcement:approved"
    ANNOUNCEMENT_APPROVAL_VOIDED = "announcement:approval:voided"
    ANNOUNCEMENT_COUNTDOWN = "announcement:countdown"
    ANNOUNCEMENT_STOPPED = "announcement:stopped"
    ANNOUNCEMENT_RELEASED = "announcement:released"
    ANNOUNCEMENT_PAUSED = "announcement:paused"
    ANNOUNCEMENT_RESUMED = "announcement:resumed"
    ANNOUNCEMENT_CANCELLED = "announcement:cancelled"
    ANNOUNCEMENT_CLOSED = "announcement:closed"
    LOCALE_APPROVED = "locale:approved"
    PREVIEWED = "notice:previewed"
    WAVE_STARTED = "wave:started"
    HOLD_OPENED = "hold:opened"
    HOLD_TAKEN = "hold:taken"
    HOLD_ENDED = "hold:ended"
    ATTEMPTS_OPENED = "delivery:attempts:opened"
    ATTEMPT_ACCEPTED = "delivery:attempt:accepted"
    ATTEMPT_DEFERRED = "delivery:attempt:deferred"
    ATTEMPT_REJECTED = "delivery:attempt:rejected"
    ATTEMPT_UNKNOWN = "delivery:attempt:unknown"
    DELIVERY_EXPIRED = "delivery:expired"
    DELIVERY_HELD = "delivery:held"
    DELIVERIES_CANCELLED = "delivery:cancelled"
    CUSTOMER_SHOWN = "customer:shown"
    STORE_BACKED_UP = "store:backed-up"
