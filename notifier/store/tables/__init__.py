"""The tables. Rows stay inside the store; values outside are frozen and validated.

Conventions: ``id`` is a surrogate of the database and never leaves it; moments are integer microseconds
since the epoch, named ``…_at``; ``sealed`` columns hold bytes encrypted under the person's subject key;
``…_index`` columns hold keyed blind indexes; sets of words are kept as `` word word `` (spaces around
each), so that one portable LIKE finds a member.
"""

from sqlmodel import SQLModel

from notifier.store.tables.acknowledgements import Acknowledgement
from notifier.store.tables.announcements import (
    Announcement,
    Approval,
    Hold,
    HoldAlert,
    LocaleApproval,
    Notice,
    NoticeDictionary,
    SetAside,
    Wave,
)
from notifier.store.tables.audiences import Audience, AudienceMember, BarredMember, BarredPoint
from notifier.store.tables.audit import (
    AuditEvent,
    AuditPending,
    LogCheckpoint,
    LogEdge,
    LogLeaf,
    LogState,
    LogTile,
)
from notifier.store.tables.banners import BannerEventRow, BannerReading
from notifier.store.tables.customers import (
    Account,
    AccountContact,
    ContactPoint,
    Customer,
    DuplicateCandidate,
    ImportRun,
    SubjectKeyRow,
)
from notifier.store.tables.deliveries import (
    Attempt,
    Delivery,
    RateLimit,
    Schedule,
    SendBatch,
    SenderLease,
    SendRun,
    SkippedStep,
)
from notifier.store.tables.operators import Operator
from notifier.store.tables.receipts import ParkedReceipt, PendingReceipt, ReceiptRow
from notifier.store.tables.suppressions import Suppression

metadata = SQLModel.metadata

__all__ = [
    "Account",
    "AccountContact",
    "Acknowledgement",
    "Announcement",
    "Approval",
    "Attempt",
    "Audience",
    "AudienceMember",
    "AuditEvent",
    "AuditPending",
    "BannerEventRow",
    "BannerReading",
    "BarredMember",
    "BarredPoint",
    "ContactPoint",
    "Customer",
    "Delivery",
    "DuplicateCandidate",
    "Hold",
    "HoldAlert",
    "ImportRun",
    "LocaleApproval",
    "LogCheckpoint",
    "LogEdge",
    "LogLeaf",
    "LogState",
    "LogTile",
    "Notice",
    "NoticeDictionary",
    "Operator",
    "ParkedReceipt",
    "PendingReceipt",
    "RateLimit",
    "ReceiptRow",
    "Schedule",
    "SendBatch",
    "SendRun",
    "SenderLease",
    "SetAside",
    "SkippedStep",
    "SubjectKeyRow",
    "Suppression",
    "Wave",
    "metadata",
]
