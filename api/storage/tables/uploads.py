"""Files of evidence that arrive in several requests."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.tables.base import Base


class Upload(Base):
    """A file that has begun to arrive; gone once it is whole, given up, or too old."""

    __tablename__ = "uploads"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), index=True)
    name: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    length_bytes: Mapped[int] = mapped_column(BigInteger)
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id"), index=True)
    begun_at: Mapped[datetime]
    touched_at: Mapped[datetime] = mapped_column(index=True)


class UploadBlock(Base):
    """A part that has arrived, from the byte `start` on; it lies in the evidence store under its own digest."""

    __tablename__ = "upload_blocks"

    upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True)
    start: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
