"""The tables of the event system, as typed SQLAlchemy models. `api/migrations` brings a database to this form."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, Dialect, ForeignKey, Index, MetaData, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. Goes in with any zone, comes out in UTC; SQLite keeps it as sortable text without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Normalises to UTC.

        Raises:
            ValueError: The moment carries no zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} carries no time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Marks what comes from the database as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Constraints are named, so that a migration can change them on any database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, str: String(200)}  # noqa: RUF012


class User(Base):
    """A person with an account."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str] = mapped_column(String(500))
    must_change_password: Mapped[bool]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class SignInFailure(Base):
    """Wrong passwords in a row, by the name that was tried (which need not exist)."""

    __tablename__ = "sign_in_failures"

    name: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    last_at: Mapped[datetime]


class UserSession(Base):
    """A signed-in browser; only the hash of its secret is kept."""

    __tablename__ = "user_sessions"

    secret_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Token(Base):
    """A bearer token; only the hash of its secret is kept. `user_id` is the person it acts for, if any."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str]
    role: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class TokenCamera(Base):
    """A camera that a token may write to; a token without any may write to all."""

    __tablename__ = "token_cameras"

    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"), primary_key=True)
    camera_id: Mapped[str] = mapped_column(primary_key=True)


class Camera(Base):
    """A camera, registered by the first incident that it saw."""

    __tablename__ = "cameras"

    id: Mapped[str] = mapped_column(primary_key=True)
    registered_at: Mapped[datetime]


class Incident(Base):
    """The latest state of one incident, as far as lists and the queue need it; the whole of it is its last revision."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index(None, "listed_at", "id"),
        Index(None, "camera_id", "listed_at"),
        Index(None, "verdict", "urgency", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    zone: Mapped[str]
    type: Mapped[str]
    state: Mapped[str]
    revision: Mapped[int]
    listed_at: Mapped[datetime]
    urgency: Mapped[float]
    verdict: Mapped[str | None]
    received_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class IncidentRevisionRow(Base):
    """One revision as it came, for ever."""

    __tablename__ = "incident_revisions"

    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime]
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id"))


class EvidenceFile(Base):
    """A stored file of evidence; its bytes lie in the evidence store under their hash."""

    __tablename__ = "evidence_files"

    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str]
    received_at: Mapped[datetime]
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id"))


class Review(Base):
    """A verdict of a person. Verdicts are appended, never changed; the latest counts."""

    __tablename__ = "reviews"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), index=True)
    revision: Mapped[int]
    verdict: Mapped[str]
    reason: Mapped[str | None]
    note: Mapped[str | None] = mapped_column(Text)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user_name: Mapped[str]
    reviewed_at: Mapped[datetime]


class AccessLogEntry(Base):
    """Who looked at or took which footage, when and what for."""

    __tablename__ = "access_log"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    who: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id"))
    role: Mapped[str]
    action: Mapped[str]
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), index=True)
    name: Mapped[str | None]
    purpose: Mapped[str | None] = mapped_column(String(500))
    client: Mapped[str | None]
