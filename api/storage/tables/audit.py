"""The audit chain."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.tables.base import Base


class AuditEntry(Base):
    """Who saw, took, changed or was refused what; one chain (`api.records.audit_chain`), appended, never changed."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "object", "at"), Index(None, "incident_id", "sequence"))

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    who: Mapped[str]
    unit: Mapped[str | None]
    role: Mapped[str]
    user_id: Mapped[int | None]
    token_id: Mapped[int | None]
    client: Mapped[str | None]
    action: Mapped[str]
    object: Mapped[str] = mapped_column(String(300))
    incident_id: Mapped[str | None]
    reason: Mapped[str | None] = mapped_column(String(500))
    content_sha256: Mapped[str | None] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The last entry of the chain: one row, which a writer holds until it has committed."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
