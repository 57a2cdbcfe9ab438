"""What other systems are told, and how that went."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.tables.base import Base

_LONG = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up by itself only in a column of exactly this kind, and it is as long there."""


class Notice(Base):
    """Something that happened; appended in the transaction of what caused it, never changed.

    `sequence` follows the order of the commits without gaps, so that a reader who has seen one number has seen all below.
    """

    __tablename__ = "notices"
    __table_args__ = (Index(None, "subject", "type", "sequence"), Index(None, "at"))

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[str] = mapped_column(String(36), unique=True)
    type: Mapped[str]
    subject: Mapped[str] = mapped_column(String(200))
    camera_id: Mapped[str]
    at: Mapped[datetime]
    data: Mapped[str] = mapped_column(Text)


class NoticeReader(Base):
    """How far a reader of the log has got that lives longer than a process, and who is it at the moment."""

    __tablename__ = "notice_readers"

    name: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    holder: Mapped[str | None]
    held_until: Mapped[datetime | None]


class Webhook(Base):
    """A subscription of another system. Lists are JSON; an empty one means all.

    `reached` is the number of the last notice for which deliveries have been made.
    """

    __tablename__ = "webhooks"
    __table_args__ = ({"sqlite_autoincrement": True},)  # a number stands in the audit log: never one's for two

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    url: Mapped[str] = mapped_column(String(2000))
    types: Mapped[str] = mapped_column(Text)
    cameras: Mapped[str] = mapped_column(Text)
    secret: Mapped[str]
    previous_secret: Mapped[str | None]
    previous_until: Mapped[datetime | None]
    enabled: Mapped[bool]
    disabled_why: Mapped[str | None]
    reached: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class Delivery(Base):
    """One notice on its way to one subscription; a ping has no notice. `leased_until`: a process is at it."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(None, "webhook_id", "state", "due_at"),
        Index(None, "webhook_id", "subject", "state", "id"),
        Index(None, "state", "finished_at"),
        {"sqlite_autoincrement": True},  # receivers know pings by it
    )

    id: Mapped[int] = mapped_column(_LONG, primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    subject: Mapped[str]
    state: Mapped[str]
    tries: Mapped[int]
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class DeliveryTry(Base):
    """One attempt of a delivery: what came back, and after how long."""

    __tablename__ = "webhook_tries"

    id: Mapped[int] = mapped_column(_LONG, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    status: Mapped[int | None]
    took_ms: Mapped[int]
    error: Mapped[str | None]
    answer: Mapped[str | None]
