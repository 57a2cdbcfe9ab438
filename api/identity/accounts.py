"""Accounts of people."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from api.clock import now
from api.errors import ApiError
from api.identity.credentials import Password
from api.identity.principals import PERSONS, Role
from api.identity.scope import checked
from api.identity.sessions import end_sessions
from api.storage.tables import User, UserArea

NAME_CHARACTERS = 100


def add_user(
    session: Session,
    name: str,
    role: Role,
    password: Password,
    unit: str | None = None,
    areas: Sequence[str] = (),
) -> User:
    """Makes an account.

    Args:
        session: An open write transaction.
        name: The account's name, as it will stand under verdicts.
        role: One of the roles of people.
        password: What lets them in.
        unit: The person's department, as it will stand beside their name in records.
        areas: Areas whose cameras they may see; none: all.

    Raises:
        ApiError: The name is taken or empty, the unit is not printable, an area is none, or the role is not a person's.
    """
    name = name.strip()
    if not name or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise ApiError(f"user name {name!r}: allowed are 1 to {NAME_CHARACTERS} printable characters")
    _check(role, unit)
    if session.scalar(select(User.id).where(User.name == name)):
        raise ApiError(f"user {name!r} is there already")
    user = User(
        name=name,
        unit=unit,
        role=role.value,
        password_hash=password.kept,
        must_change_password=password.is_one_time,
        created_at=now(),
    )
    session.add(user)
    session.flush()
    _write_areas(session, user, areas)
    return user


def find_user(session: Session, name: str) -> User | None:
    """The account of that name."""
    return session.scalar(select(User).where(User.name == name))


def areas_of(session: Session, user: User) -> list[str]:
    """The areas whose cameras a person may see; none: all."""
    return list(session.scalars(select(UserArea.area).where(UserArea.user_id == user.id).order_by(UserArea.area)))


def set_areas(session: Session, user: User, areas: Sequence[str]) -> None:
    """Sets them.

    Raises:
        ApiError: One is none, or nobody who sees all would be left to administrate.
    """
    if areas and not areas_of(session, user):
        _require_other_administrator(session, user)
    _write_areas(session, user, areas)


def _write_areas(session: Session, user: User, areas: Sequence[str]) -> None:
    names = checked("area", areas)
    session.execute(delete(UserArea).where(UserArea.user_id == user.id))
    session.add_all(UserArea(user_id=user.id, area=area) for area in names)
    session.flush()


def set_role(session: Session, user: User, role: Role, unit: str | None) -> None:
    """Sets what a person may do and where they belong; their sessions end.

    Raises:
        ApiError: The role is not a person's, the unit is not printable, or nobody would be left to administrate.
    """
    _check(role, unit)
    if role is not Role.ADMINISTRATOR:
        _require_other_administrator(session, user)
    user.role, user.unit = role.value, unit
    end_sessions(session, user.id)


def set_disabled(session: Session, user: User, moment: datetime | None) -> None:
    """Closes an account, or opens it again (None); its sessions end, and its tokens are good for nothing meanwhile.

    Raises:
        ApiError: Nobody would be left to administrate.
    """
    if moment is not None:
        _require_other_administrator(session, user)
    user.disabled_at = moment
    end_sessions(session, user.id)


def reset_password(session: Session, user: User, password: Password) -> None:
    """Gives an account another password; its sessions end.

    Raises:
        ApiError: The person signs in at the city's own provider.
    """
    if user.subject is not None:
        raise ApiError(f"user {user.name!r} signs in at the city's own provider, and has no password here")
    user.password_hash, user.must_change_password = password.kept, password.is_one_time
    end_sessions(session, user.id)


def _check(role: Role, unit: str | None) -> None:
    if unit is not None and not (0 < len(unit) <= NAME_CHARACTERS and unit.isprintable()):
        raise ApiError(f"unit {unit!r}: allowed are 1 to {NAME_CHARACTERS} printable characters")
    if role not in PERSONS:
        raise ApiError(f"role {role.value!r} is not a person's: allowed are {', '.join(PERSONS)}")


def _require_other_administrator(session: Session, user: User) -> None:
    """That an administrator who sees all is left besides this account, if it is one itself."""
    if user.role != Role.ADMINISTRATOR or user.disabled_at is not None:
        return
    restricted = select(UserArea.user_id)
    others = select(func.count()).where(
        User.role == Role.ADMINISTRATOR.value,
        User.disabled_at.is_(None),
        User.id != user.id,
        User.id.not_in(restricted),
    )
    if not session.scalar(others):
        raise ApiError(f"user {user.name!r} is the last administrator who sees all; make another one first")
