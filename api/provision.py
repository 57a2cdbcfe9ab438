"""Making accounts and tokens straight in the data folder: for the commands, the demo and tests."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.clock import now
from api.errors import ApiError
from api.identity import accounts, tokens
from api.identity.credentials import one_time_password, own_password
from api.identity.principals import Role
from api.records.audit import Deed, append
from api.records.operators import operator
from api.storage.data_folder import open_database
from api.storage.tables import User


def create_user(
    data_dir: Path,
    name: str,
    role: str,
    password: str | None = None,
    unit: str | None = None,
    areas: Sequence[str] = (),
) -> str:
    """Makes an account.

    Args:
        data_dir: The data folder; it is made if missing.
        name: The account's name.
        role: One of the roles of people.
        password: The person's own; without it a one-time password is made, to be replaced after the first sign-in.
        unit: Their department, as it will stand beside their name in records.
        areas: Areas whose cameras they may see; none: all.

    Returns:
        The password that lets them in.

    Raises:
        ApiError: The name is taken, or the role is not allowed.
    """
    given = own_password(password) if password else one_time_password()
    with _writing(data_dir) as session:
        accounts.add_user(session, name, _role(role), given, unit, areas)
        session.flush()
        _log(session, "user.create", f"user {name.strip()}", f"role {role}")
    return given.shown


def create_token(
    data_dir: Path,
    role: str = "worker",
    *,
    cameras: Sequence[str] = (),
    areas: Sequence[str] = (),
    name: str | None = None,
    user: str | None = None,
    days: float | None = None,
) -> str:
    """Makes a bearer token.

    Args:
        data_dir: The data folder; it is made if missing.
        role: What the token may do.
        cameras: The cameras it may see and write to.
        areas: Areas whose cameras it may see and write to; without cameras and areas: all.
        name: What it is called in records.
        user: The account it acts for; needed for all roles of people but a viewer's.
        days: After which it ends by itself; None: never.

    Returns:
        The token: shown once, it can't be read again.

    Raises:
        ApiError: The role, a camera or the user is not allowed.
    """
    with _writing(data_dir) as session:
        ends = None if days is None else now() + timedelta(days=days)
        token, secret = tokens.add_token(
            session, _role(role), cameras=cameras, areas=areas, name=name, user=user, expires_at=ends
        )
        session.flush()
        _log(session, "token.create", f"token {token.id}", f"role {role}")
    return secret


def revoke_token(data_dir: Path, token: str) -> None:
    """Ends a token.

    Raises:
        ApiError: There is no such token.
    """
    with _writing(data_dir) as session:
        ended = tokens.revoke_token(session, token)
        session.flush()
        _log(session, "token.revoke", f"token {ended.id}")


def list_users(data_dir: Path) -> list[tuple[str, str]]:
    """Name and role of every account."""
    with _writing(data_dir) as session:
        return [(user.name, user.role) for user in session.scalars(select(User).order_by(User.name))]


def _log(session: Session, action: str, what: str, reason: str | None = None) -> None:
    append(session, operator(), Deed(action, what, reason=reason), now())


@contextmanager
def _writing(data_dir: Path) -> Generator[Session]:
    database = open_database(data_dir)
    try:
        with database.write() as session:
            yield session
    finally:
        database.close()


def _role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError:
        raise ApiError(f"role {role!r}: allowed are {', '.join(Role)}") from None
