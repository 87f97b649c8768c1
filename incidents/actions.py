"""What incidents put on record; ``notifier.audit.actions`` has the engine's."""

from __future__ import annotations

from enum import StrEnum


class IncidentAction(StrEnum):
    """The kinds of audit entry about incidents."""

    DECLARED = "incident:declared"
    REVISED = "incident:revised"
    STEP_TAKEN = "incident:step"
    AFFECTED_BY_CRITERIA = "affected:criteria"
    AFFECTED_BY_LIST = "affected:list"
    AFFECTED_TYPED = "affected:typed"
    AFFECTED_FOR_ACCOUNT = "affected:account"
    AFFECTED_CONTACT_SUCCEEDED = "affected:contact"
    AFFECTED_EXCLUDED = "affected:excluded"
    AFFECTED_ACCOUNT_SETTLED = "affected:account-settled"
    AFFECTED_ACCOUNT_READMITTED = "affected:account-readmitted"
    AFFECTED_CONTACTS_LEFT = "affected:contacts-left"
    AFFECTED_CONTACTS_BACK = "affected:contacts-back"
    AFFECTED_WITHDRAWN = "affected:not-affected"
    AFFECTED_READMITTED = "affected:readmitted"
    EXPOSURES_FROZEN = "audience:exposures:frozen"
    CORRECTION_DRAFTED = "incident:correction:drafted"
    UNREACHED_EXPORTED = "incident:unreached:exported"
    CONTACT_POINTS_COMPROMISED = "affected:compromised"
    SUBSTITUTE_DRAFTED = "substitute:drafted"
    SUBSTITUTE_APPROVED = "substitute:approved"
    SUBSTITUTE_PUBLISHED = "substitute:published"
    SUBSTITUTE_WITHDRAWN = "substitute:withdrawn"
    SUBSTITUTE_SERVED = "substitute:served"
    SUBSTITUTE_MISSING = "substitute:missing"
    SUBSTITUTE_TAKEN = "substitute:taken"
