"""Accounts, tokens and sessions in the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.clock import now
from api.errors import ApiError
from api.identity.credentials import (
    csrf_token_of,
    hash_of_password,
    hash_of_secret,
    new_one_time_password,
    new_session_secret,
    new_token,
    password_matches,
)
from api.identity.principals import PERSONS, Principal, Role
from api.schema import Identifier
from api.settings import Limits
from api.storage.tables import Token, TokenCamera, User, UserSession

PASSWORD_CHARACTERS = (12, 200)
"""Shortest and longest password that a person may choose."""

NAME_CHARACTERS = 100
_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


def add_user(session: Session, name: str, role: Role, password: str | None = None, unit: str | None = None) -> str:
    """Makes an account.

    Args:
        session: An open write transaction.
        name: The account's name, as it will stand under verdicts.
        role: One of the roles of people.
        password: The person's own password; without it a one-time password is made.
        unit: The person's department, as it will stand beside their name in records.

    Returns:
        The password that lets them in.

    Raises:
        ApiError: The name is taken or empty, the unit is not printable, or the role is not a person's.
    """
    name = name.strip()
    if not name or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise ApiError(f"user name {name!r}: allowed are 1 to {NAME_CHARACTERS} printable characters")
    if unit is not None and not (0 < len(unit) <= NAME_CHARACTERS and unit.isprintable()):
        raise ApiError(f"unit {unit!r}: allowed are 1 to {NAME_CHARACTERS} printable characters")
    if role not in PERSONS:
        raise ApiError(f"role {role.value!r} is not a person's: allowed are {', '.join(PERSONS)}")
    if session.scalar(select(User.id).where(User.name == name)):
        raise ApiError(f"user {name!r} is there already")
    shown = password or new_one_time_password()
    session.add(
        User(
            name=name,
            unit=unit,
            role=role.value,
            password_hash=hash_of_password(shown),
            must_change_password=password is None,
            created_at=now(),
        )
    )
    return shown


def add_token(
    session: Session, role: Role, *, cameras: Sequence[str] = (), name: str | None = None, user: str | None = None
) -> str:
    """Makes a bearer token.

    Args:
        session: An open write transaction.
        role: What the token may do.
        cameras: The cameras it may see and write to; none means all.
        name: What it is called in records.
        user: The account it acts for: needed where a person's name must stand under what is done.

    Returns:
        The token; it is shown once and can't be read again.

    Raises:
        ApiError: A camera id is not one, the user is unknown or holds another role, or a person's role has no user.
    """
    for camera in cameras:
        try:
            _IDENTIFIER.validate_python(camera)
        except ValidationError:
            raise ApiError(f"camera {camera!r}: allowed are lower-case letters, digits, '-' and '_'") from None
    owner = _owner(session, role, user)
    token = new_token()
    row = Token(
        secret_sha256=hash_of_secret(token),
        name=(name or (owner.name if owner else role.value))[:NAME_CHARACTERS],
        role=role.value,
        user_id=owner.id if owner else None,
        created_at=now(),
    )
    session.add(row)
    session.flush()
    session.add_all(TokenCamera(token_id=row.id, camera_id=camera) for camera in dict.fromkeys(cameras))
    return token


def _owner(session: Session, role: Role, user: str | None) -> User | None:
    if user is None:
        if role in (Role.WORKER, Role.VIEWER):
            return None
        raise ApiError(f"a token with the role {role.value} acts for a person: say which account with --user")
    owner = session.scalar(select(User).where(User.name == user))
    if owner is None:
        raise ApiError(f"user {user!r} is not known")
    if owner.role != role:
        raise ApiError(f"user {user!r} is a {owner.role}, so the token can't be for a {role.value}")
    return owner


def revoke_token(session: Session, token: str) -> None:
    """Ends a token.

    Raises:
        ApiError: There is no such token.
    """
    row = session.scalar(select(Token).where(Token.secret_sha256 == hash_of_secret(token)))
    if row is None:
        raise ApiError("no such token")
    row.revoked_at = row.revoked_at or now()


def principal_of_token(session: Session, token: str) -> Principal | None:
    """Who a bearer token stands for; None when it is unknown, revoked, or its person's account is closed."""
    row = session.scalar(select(Token).where(Token.secret_sha256 == hash_of_secret(token)))
    if row is None or row.revoked_at is not None:
        return None
    name, unit = row.name, None
    if row.user_id is not None:
        user = session.get_one(User, row.user_id)
        if user.disabled_at is not None or user.role != row.role:
            return None
        name, unit = user.name, user.unit
    cameras = frozenset(session.scalars(select(TokenCamera.camera_id).where(TokenCamera.token_id == row.id)))
    return Principal(
        name=name, role=Role(row.role), cameras=cameras or None, user_id=row.user_id, token_id=row.id, unit=unit
    )


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
        user_id=user.id,
        csrf_token=csrf_token_of(secret),
        must_change_password=user.must_change_password,
        unit=user.unit,
    )


def change_password(session: Session, user_id: int, old: str, new: str, limits: Limits) -> str:
    """Sets a person's own password and ends all their sessions but a new one.

    Returns:
        The secret for the new session's cookie.

    Raises:
        ApiError: The old password is wrong, or the new one is too short, too long or the same.
    """
    user = session.get_one(User, user_id)
    shortest, longest = PASSWORD_CHARACTERS
    if not password_matches(old, user.password_hash):
        raise ApiError("The present password is wrong.")
    if not shortest <= len(new) <= longest:
        raise ApiError(f"The new password has {len(new)} characters; allowed are {shortest} to {longest}.")
    if new == old:
        raise ApiError("The new password is the present one.")
    user.password_hash = hash_of_password(new)
    user.must_change_password = False
    session.execute(delete(UserSession).where(UserSession.user_id == user_id))
    return open_session(session, user_id, now(), limits)


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
