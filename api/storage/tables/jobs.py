"""Work that needs pictures, and what comes of it."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.tables.base import Base


class Job(Base):
    """A job in the queue.

    `attempt` is the number of the latest lease, and what a worker proves by that it holds it. `active_key` is what the job
    asks for, as long as asking once more leads to this job; `spec` and `result` are JSON.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(None, "state", "priority", "due_at", "id"),
        Index(None, "state", "leased_until"),
        Index(None, "requester", "state"),
        Index(None, "incident_id"),
        Index(None, "requested_at", "id"),
        Index(None, "state", "finished_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    priority: Mapped[int]
    camera_id: Mapped[str | None]
    incident_id: Mapped[str | None] = mapped_column(ForeignKey("incidents.id"))
    spec: Mapped[str] = mapped_column(Text)
    active_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    needs_camera: Mapped[bool]
    """Only who has the address of this camera can do it."""
    requester: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempt: Mapped[int]
    attempts_max: Mapped[int]
    leased_until: Mapped[datetime | None]
    leased_by: Mapped[str | None]
    leased_token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id"))
    progress: Mapped[float]
    stage: Mapped[str | None]
    finished_at: Mapped[datetime | None]
    result: Mapped[str | None] = mapped_column(Text)
    result_digest: Mapped[str | None] = mapped_column(String(64))


class JobFailure(Base):
    """Why an attempt came to nothing."""

    __tablename__ = "job_failures"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    worker: Mapped[str | None]
    reason: Mapped[str] = mapped_column(String(1000))


class JobFile(Base):
    """A file that a worker has sent: the job's result, or on its way to become evidence. Goes with the job."""

    __tablename__ = "job_files"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    attempt: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str]
    received_at: Mapped[datetime]


class DerivedFile(Base):
    """A file of evidence that a job has made from another one; its bytes are a file of evidence of the same name."""

    __tablename__ = "derived_files"

    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    derived_from: Mapped[str]
    source_sha256: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(String(36))
    requested_by: Mapped[str]
    made_at: Mapped[datetime]
    about: Mapped[str] = mapped_column(Text)
    """What the job says about how it was made, as JSON; times of the source come from the incident."""
