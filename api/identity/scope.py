"""Which cameras somebody may see: those that are named, and those that lie in their areas."""

from collections.abc import Collection, Sequence

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from api.errors import ApiError
from api.schema import Identifier
from api.storage.tables import Camera, TokenArea, TokenCamera, User, UserArea

Scope = frozenset[str] | None
"""Cameras; None: all there are. Nothing at all is an empty set."""

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


def scope_of_user(session: Session, user_id: int) -> Scope:
    """A person's, by their areas."""
    areas = session.scalars(select(UserArea.area).where(UserArea.user_id == user_id)).all()
    return _within(session, areas) if areas else None


def sees_any_of(cameras: Scope) -> ColumnElement[bool]:
    """The condition on people that they may see at least one of these cameras, or that they may see all there are."""
    theirs = select(UserArea.user_id).join(Camera, Camera.area == UserArea.area)
    if cameras is not None:
        theirs = theirs.where(Camera.id.in_(cameras))
    return or_(User.id.not_in(select(UserArea.user_id)), User.id.in_(theirs))


def scope_of_token(session: Session, token_id: int) -> Scope:
    """A token's own, by its cameras and areas."""
    named = session.scalars(select(TokenCamera.camera_id).where(TokenCamera.token_id == token_id)).all()
    areas = session.scalars(select(TokenArea.area).where(TokenArea.token_id == token_id)).all()
    return frozenset(named) | _within(session, areas) if named or areas else None


def both(one: Scope, other: Scope) -> Scope:
    """What two scopes have in common.

    Examples:
        >>> both(None, frozenset({"a"})), both(frozenset({"a"}), frozenset({"b"}))
        (frozenset({'a'}), frozenset())
    """
    if one is None or other is None:
        return other if one is None else one
    return one & other


def checked(what: str, names: Sequence[str]) -> list[str]:
    """Names of cameras or areas, each once.

    Raises:
        ApiError: One is none.
    """
    for name in names:
        try:
            _IDENTIFIER.validate_python(name)
        except ValidationError:
            raise ApiError(f"{what} {name!r}: allowed are lower-case letters, digits, '-' and '_'") from None
    return list(dict.fromkeys(names))


def _within(session: Session, areas: Collection[str]) -> frozenset[str]:
    return frozenset(session.scalars(select(Camera.id).where(Camera.area.in_(areas)))) if areas else frozenset()
