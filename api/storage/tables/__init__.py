"""The tables of the event system, as typed SQLAlchemy models. `api/migrations` brings a database to this form."""

from api.storage.tables.audit import AuditEntry, AuditHead
from api.storage.tables.base import Base, UtcDateTime
from api.storage.tables.cases import (
    RANK_CANDIDATE,
    RANK_MERGED,
    RANK_REVIEWED,
    RANK_WAITING,
    CaseEvent,
    CaseLock,
    CasePhoto,
    CaseTag,
    EvidenceFile,
    Incident,
    IncidentRevisionRow,
    Review,
)
from api.storage.tables.fleet import CameraHealth, CameraLease, Handover, WorkerReport
from api.storage.tables.jobs import DerivedFile, Job, JobFailure, JobFile
from api.storage.tables.notices import Delivery, DeliveryTry, Notice, NoticeReader, Webhook
from api.storage.tables.people import (
    FormerSecret,
    OutsideSignIn,
    RecoveryCode,
    SecondFactor,
    SignInFailure,
    Token,
    TokenArea,
    TokenCamera,
    User,
    UserArea,
    UserSession,
)
from api.storage.tables.registry import Camera, RegistryEntry, RegistryVersion
from api.storage.tables.uploads import Upload, UploadBlock

__all__ = [
    "RANK_CANDIDATE",
    "RANK_MERGED",
    "RANK_REVIEWED",
    "RANK_WAITING",
    "AuditEntry",
    "AuditHead",
    "Base",
    "Camera",
    "CameraHealth",
    "CameraLease",
    "CaseEvent",
    "CaseLock",
    "CasePhoto",
    "CaseTag",
    "Delivery",
    "DeliveryTry",
    "DerivedFile",
    "EvidenceFile",
    "FormerSecret",
    "Handover",
    "Incident",
    "IncidentRevisionRow",
    "Job",
    "JobFailure",
    "JobFile",
    "Notice",
    "NoticeReader",
    "OutsideSignIn",
    "RecoveryCode",
    "RegistryEntry",
    "RegistryVersion",
    "Review",
    "SecondFactor",
    "SignInFailure",
    "Token",
    "TokenArea",
    "TokenCamera",
    "Upload",
    "UploadBlock",
    "User",
    "UserArea",
    "UserSession",
    "UtcDateTime",
    "Webhook",
    "WorkerReport",
]
