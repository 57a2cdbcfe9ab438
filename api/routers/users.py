"""Accounts of people, for administrators who see all."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.clock import now
from api.identity import accounts
from api.identity.credentials import one_time_password
from api.identity.principals import ChiefPrincipal, Principal, Role
from api.parts import CurrentParts
from api.problems import Problem, documented, refused_as_422
from api.records.audit import Deed, actor_of, append
from api.routers.parameters import Name, Names
from api.schema import as_utc_text
from api.storage.tables import User

router = APIRouter(tags=["people"])

UserInPath = Annotated[str, Path(min_length=1, max_length=accounts.NAME_CHARACTERS, description="The account's name")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewUser(_Body):
    """An account to make."""

    name: Name
    role: Role
    unit: Name | None = None
    areas: Names = Field(default=[], description="Areas whose cameras they may see; none: all")


class UserChange(_Body):
    """What is to be otherwise; what is left out stays."""

    role: Role | None = None
    unit: Name | None = None
    areas: Names | None = None
    disabled: bool | None = None


class UserDocument(BaseModel):
    """An account."""

    name: str
    role: Role
    unit: str | None
    areas: list[str]
    disabled: bool
    must_change_password: bool
    created_at: str
    one_time_password: str | None = Field(default=None, description="Shown once, to be replaced at the first sign-in")


class UserList(BaseModel):
    """All accounts, by name."""

    users: list[UserDocument]


@router.get("/v1/users", responses=documented(401, 403))
def get_users(parts: CurrentParts, _principal: ChiefPrincipal) -> UserList:
    """All accounts."""
    with parts.database.read() as session:
        return UserList(users=[_user(session, user) for user in session.scalars(select(User).order_by(User.name))])


@router.post("/v1/users", status_code=201, responses=documented(401, 403, 413, 422, 503))
def post_user(request: Request, body: NewUser, parts: CurrentParts, principal: ChiefPrincipal) -> UserDocument:
    """Makes an account; the answer holds its one-time password, this once."""
    password = one_time_password()
    with parts.database.write() as session, refused_as_422():
        user = accounts.add_user(session, body.name, body.role, password, unit=body.unit, areas=body.areas)
        session.flush()
        _log(session, request, principal, "user.create", f"/v1/users/{user.name}", f"role {user.role}")
        return _user(session, user, password.shown)


@router.get("/v1/users/{name}", responses=documented(401, 403, 404, 422))
def get_user(name: UserInPath, parts: CurrentParts, _principal: ChiefPrincipal) -> UserDocument:
    """One account."""
    with parts.database.read() as session:
        return _user(session, _find_user(session, name))


@router.patch("/v1/users/{name}", responses=documented(401, 403, 404, 413, 422))
def patch_user(
    request: Request, name: UserInPath, body: UserChange, parts: CurrentParts, principal: ChiefPrincipal
) -> UserDocument:
    """Changes an account; its sessions end. Accounts are closed and not deleted: their names stand under what was done."""
    said = body.model_fields_set
    with parts.database.write() as session, refused_as_422():
        user = _find_user(session, name)
        if {"role", "unit"} & said:
            unit = body.unit if "unit" in said else user.unit
            accounts.set_role(session, user, body.role or Role(user.role), unit)
        if body.areas is not None:
            accounts.set_areas(session, user, body.areas)
        if body.disabled is not None and body.disabled != (user.disabled_at is not None):
            accounts.set_disabled(session, user, now() if body.disabled else None)
        session.flush()
        changes = body.model_dump(mode="json", exclude_unset=True)
        _log(session, request, principal, "user.change", f"/v1/users/{user.name}", str(changes))
        return _user(session, user)


@router.post("/v1/users/{name}/password", responses=documented(401, 403, 404, 422, 503))
def post_password(request: Request, name: UserInPath, parts: CurrentParts, principal: ChiefPrincipal) -> UserDocument:
    """Gives an account a one-time password; its sessions end."""
    password = one_time_password()
    with parts.database.write() as session, refused_as_422():
        user = _find_user(session, name)
        accounts.reset_password(session, user, password)
        session.flush()
        _log(session, request, principal, "user.password", f"/v1/users/{user.name}")
        return _user(session, user, password.shown)


def _find_user(session: Session, name: str) -> User:
    user = accounts.find_user(session, name)
    if user is None:
        raise Problem(404, f"There is no account {name!r}.")
    return user


def _user(session: Session, user: User, password: str | None = None) -> UserDocument:
    return UserDocument(
        name=user.name,
        role=Role(user.role),
        unit=user.unit,
        areas=accounts.areas_of(session, user),
        disabled=user.disabled_at is not None,
        must_change_password=user.must_change_password,
        created_at=as_utc_text(user.created_at),
        one_time_password=password,
    )


def _log(
    session: Session, request: Request, principal: Principal, action: str, what: str, reason: str | None = None
) -> None:
    append(session, actor_of(principal, request), Deed(action, what, reason=reason), now())
