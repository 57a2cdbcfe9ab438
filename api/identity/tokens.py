"""Bearer tokens of workers and programs."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from api.clock import now
from api.errors import ApiError
from api.identity.accounts import NAME_CHARACTERS
from api.identity.credentials import hash_of_secret, new_token
from api.identity.principals import Principal, Role
from api.identity.scope import both, checked, scope_of_token, scope_of_user
from api.storage.tables import FormerSecret, Token, TokenArea, TokenCamera, User


def add_token(
    session: Session,
    role: Role,
    *,
    cameras: Sequence[str] = (),
    areas: Sequence[str] = (),
    name: str | None = None,
    user: str | None = None,
    expires_at: datetime | None = None,
) -> tuple[Token, str]:
    """Makes a bearer token.

    Args:
        session: An open write transaction.
        role: What the token may do.
        cameras: The cameras it may see and write to.
        areas: Areas whose cameras it may see and write to; without cameras and areas: all.
        name: What it is called in records.
        user: The account it acts for: needed where a person's name must stand under what is done.
        expires_at: When it ends by itself; None: when it is revoked.

    Returns:
        The token, and its secret, which is shown once and can't be read again.

    Raises:
        ApiError: A camera or an area is not one, the user is unknown or holds another role, or a person's role has no user.
    """
    cameras, areas = checked("camera", cameras), checked("area", areas)
    owner = _owner(session, role, user)
    secret = new_token()
    row = Token(
        secret_sha256=hash_of_secret(secret),
        name=(name or (owner.name if owner else role.value))[:NAME_CHARACTERS],
        role=role.value,
        user_id=owner.id if owner else None,
        created_at=now(),
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    session.add_all(TokenCamera(token_id=row.id, camera_id=camera) for camera in cameras)
    session.add_all(TokenArea(token_id=row.id, area=area) for area in areas)
    return row, secret


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


def revoke_token(session: Session, secret: str) -> Token:
    """Ends a token, and returns it.

    Raises:
        ApiError: There is no such token.
    """
    token = find_token(session, secret)
    if token is None:
        raise ApiError("no such token")
    token.revoked_at = token.revoked_at or now()
    return token


def rotate(session: Session, token: Token, overlap: timedelta, moment: datetime) -> str:
    """Gives a token a new secret; the one before stays good for a while, and any still older one no longer than that.

    Args:
        session: An open write transaction.
        token: Which one; revoked ones stay revoked.
        overlap: For how long.
        moment: Now.

    Returns:
        The new secret, shown once.
    """
    until, former = moment + overlap, FormerSecret
    longer = (former.token_id == token.id, former.expires_at > until)
    session.execute(update(former).where(*longer).values(expires_at=until))
    session.execute(delete(former).where(former.expires_at <= moment))
    if overlap > timedelta(0):
        session.add(former(secret_sha256=token.secret_sha256, token_id=token.id, expires_at=until))
    secret = new_token()
    token.secret_sha256 = hash_of_secret(secret)
    return secret


def principal_of_token(session: Session, secret: str) -> Principal | None:
    """Who a bearer token stands for; None when it is unknown, over, revoked, or its person's account is closed."""
    token = find_token(session, secret)
    if token is None or token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now()):
        return None
    name, unit, cameras = token.name, None, scope_of_token(session, token.id)
    if token.user_id is not None:
        user = session.get_one(User, token.user_id)
        if user.disabled_at is not None or user.role != token.role:
            return None
        name, unit, cameras = user.name, user.unit, both(cameras, scope_of_user(session, user.id))
    return Principal(
        name=name, role=Role(token.role), cameras=cameras, user_id=token.user_id, token_id=token.id, unit=unit
    )


def is_current(token: Token, secret: str) -> bool:
    """Whether this is a token's secret of now, and not the one before."""
    return token.secret_sha256 == hash_of_secret(secret)


def find_token(session: Session, secret: str) -> Token | None:
    """The token whose secret this is, or was until lately."""
    digest = hash_of_secret(secret)
    token = session.scalar(select(Token).where(Token.secret_sha256 == digest))
    if token is not None:
        return token
    former = session.get(FormerSecret, digest)
    return session.get(Token, former.token_id) if former is not None and former.expires_at > now() else None
