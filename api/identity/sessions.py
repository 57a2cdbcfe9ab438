"""Sessions of people in browsers."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from api.clock import now
from api.identity.credentials import csrf_token_of, hash_of_secret, new_session_secret
from api.identity.principals import Principal, Role
from api.identity.scope import scope_of_user
from api.identity.second_factor import has_one
from api.settings import Limits
from api.storage.tables import User, UserSession


def principal_of_session(session: Session, secret: str) -> Principal | None:
    """Who a session cookie stands for; None when it is unknown or over."""
    row = session.get(UserSession, hash_of_secret(secret))
    if row is None or row.expires_at <= now():
        return None
    user = session.get_one(User, row.user_id)
    if user.disabled_at is not None:
        return None
    return Principal(
        name=user.name,
        role=Role(user.role),
        cameras=scope_of_user(session, user.id),
        user_id=user.id,
        csrf_token=csrf_token_of(secret),
        must_change_password=user.must_change_password,
        unit=user.unit,
        second_factor=user.subject is not None or has_one(session, user.id),
    )


def sign_out(session: Session, secret: str) -> None:
    """Ends a session."""
    session.execute(delete(UserSession).where(UserSession.secret_sha256 == hash_of_secret(secret)))


def open_session(session: Session, user_id: int, moment: datetime, limits: Limits) -> str:
    """Opens a session, and returns the secret for its cookie."""
    session.execute(delete(UserSession).where(UserSession.expires_at <= moment))
    secret = new_session_secret()
    session.add(
        UserSession(
            secret_sha256=hash_of_secret(secret),
            user_id=user_id,
            created_at=moment,
            expires_at=moment + timedelta(hours=limits.session_hours),
        )
    )
    return secret


def end_sessions(session: Session, user_id: int) -> None:
    """Ends all of a person's sessions."""
    session.execute(delete(UserSession).where(UserSession.user_id == user_id))
