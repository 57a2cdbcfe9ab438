"""Accounts, sessions and tokens."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.tables.base import Base


class User(Base):
    """A person with an account; `subject` is who they are at the city's own provider, if they sign in there."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    unit: Mapped[str | None]
    role: Mapped[str]
    password_hash: Mapped[str] = mapped_column(String(500))
    must_change_password: Mapped[bool]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    subject: Mapped[str | None] = mapped_column(unique=True, index=True)


class SecondFactor(Base):
    """A person's authenticator app; it counts once `confirmed_at` is set. `last_step` is the time step used last."""

    __tablename__ = "second_factors"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigInteger)


class RecoveryCode(Base):
    """A code for when the app is lost, good once; only its hash is kept."""

    __tablename__ = "recovery_codes"

    code_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    used_at: Mapped[datetime | None]


class OutsideSignIn(Base):
    """A sign-in that is under way at the city's own provider; only the hash of its state is kept."""

    __tablename__ = "outside_sign_ins"

    state_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    nonce: Mapped[str]
    verifier: Mapped[str]
    leads_to: Mapped[str] = mapped_column(String(500))
    expires_at: Mapped[datetime]


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
