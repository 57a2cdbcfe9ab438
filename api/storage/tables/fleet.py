"""Which worker watches which camera, and how both do."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.tables.base import Base


class CameraLease(Base):
    """Whose a camera is, and until when.

    The row is never deleted: `epoch` grows by one whenever the camera changes hands, so that no number is given twice. A
    lease that has run out keeps its worker: what that one still writes is welcome until another has it.
    """

    __tablename__ = "camera_leases"

    camera_id: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    worker: Mapped[str] = mapped_column(index=True)
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id"))
    granted_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Handover(Base):
    """What a successor needs to go on with a camera's open incidents, as the worker that had it wrote it (JSON)."""

    __tablename__ = "handovers"

    camera_id: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    document: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    stored_at: Mapped[datetime]


class WorkerReport(Base):
    """A worker, as it said last; `report` is JSON, and `left_at` is when it said that it ends."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id"))
    version: Mapped[str]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    left_at: Mapped[datetime | None]
    capacity: Mapped[int | None]
    report: Mapped[str] = mapped_column(Text)


class CameraHealth(Base):
    """How a camera does: the latest report of the worker that watches it, and what follows from it.

    `condition` is what has been told to everybody, since `since`.
    """

    __tablename__ = "camera_health"

    camera_id: Mapped[str] = mapped_column(primary_key=True)
    worker: Mapped[str]
    seen_at: Mapped[datetime]
    condition: Mapped[str] = mapped_column(index=True)
    since: Mapped[datetime]
    report: Mapped[str] = mapped_column(Text)
