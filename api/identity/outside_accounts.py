"""Accounts of people who sign in at the city's own provider: made at their first sign-in, and kept as the provider says."""

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.errors import ApiError
from api.identity import accounts
from api.identity.credentials import NO_PASSWORD
from api.identity.oidc_settings import OidcSettings
from api.identity.principals import PERSONS, Role
from api.storage.tables import User

SUBJECT_CHARACTERS = 200
NOWHERE = "-"
"""An area without cameras: of somebody to whom the provider gives none."""


def account_of(
    session: Session, claims: Mapping[str, Any], settings: OidcSettings
) -> tuple[User, Literal["create", "change"] | None]:
    """The account that belongs to a person's claims, and what has become of it by them.

    Raises:
        ApiError: They have no role here, the account is closed, or the name is another one's.
    """
    subject = f"{settings.issuer} {claims['sub']}"
    if len(subject) > SUBJECT_CHARACTERS:
        raise ApiError(f"issuer and subject have {len(subject)} characters; allowed are {SUBJECT_CHARACTERS}")
    role, unit = _role(claims, settings), _text(claims, settings.unit_claim)
    areas = [] if settings.area_claim is None else _texts(claims, settings.area_claim) or [NOWHERE]
    user = session.scalar(select(User).where(User.subject == subject))
    if user is None:
        name = name_of(claims, settings)
        if accounts.find_user(session, name.strip()) is not None:
            raise ApiError(f"there is an account {name!r} already, with a password of its own")
        # Such an account is entered by the provider's door alone.
        user = accounts.add_user(session, name, role, NO_PASSWORD, unit, areas)
        user.subject = subject
        return user, "create"
    if user.disabled_at is not None:
        raise ApiError(f"the account {user.name!r} is closed")
    is_other = (user.role, user.unit) != (role.value, unit)
    if is_other:
        accounts.set_role(session, user, role, unit)
    if settings.area_claim is not None and sorted(set(areas)) != accounts.areas_of(session, user):
        accounts.set_areas(session, user, areas)
        is_other = True
    return user, "change" if is_other else None


def name_of(claims: Mapping[str, Any], settings: OidcSettings) -> str:
    """What somebody is called at the provider."""
    return _text(claims, settings.name_claim) or str(claims["sub"])


def _role(claims: Mapping[str, Any], settings: OidcSettings) -> Role:
    found = [settings.roles[value] for value in _texts(claims, settings.role_claim) if value in settings.roles]
    if not found:
        raise ApiError(f"none of what the provider says in {settings.role_claim!r} is a role here")
    return max(found, key=PERSONS.index)


def _texts(claims: Mapping[str, Any], claim: str) -> list[str]:
    said = claims.get(claim)
    return [value for value in (said if isinstance(said, list) else [said]) if isinstance(value, str)]


def _text(claims: Mapping[str, Any], claim: str | None) -> str | None:
    said = claims.get(claim) if claim is not None else None
    return said if isinstance(said, str) and said else None
