"""Accounts, sessions and tokens."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.tables.base import Base


class User(Base):
    """A person with an account."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    unit: Mapped[str | None]
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
    expires_at: Mapped[datetime | None]


class FormerSecret(Base):
    """A token's secret from before it was renewed: good for a while, so that whoever uses it can change over."""

    __tablename__ = "former_secrets"

    secret_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]


class UserArea(Base):
    """An area whose cameras a person may see; a person without any may see all."""

    __tablename__ = "user_areas"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    area: Mapped[str] = mapped_column(primary_key=True)


class TokenArea(Base):
    """An area whose cameras a token may use, beside those that it names."""

    __tablename__ = "token_areas"

    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"), primary_key=True)
    area: Mapped[str] = mapped_column(primary_key=True)


class TokenCamera(Base):
    """A camera that a token may write to; a token without any may write to all."""

    __tablename__ = "token_cameras"

    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"), primary_key=True)
    camera_id: Mapped[str] = mapped_column(primary_key=True)
