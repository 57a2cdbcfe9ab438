"""One's own second factor: begun, confirmed, taken off; an administrator can take off one that is lost."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from api.clock import now
from api.identity import accounts, second_factor
from api.identity.principals import ChiefPrincipal, CurrentPrincipal, Principal
from api.identity.sessions import end_sessions
from api.identity.sign_in import count_guess, forgive
from api.parts import CurrentParts, Parts
from api.problems import Problem, Refusal, documented, refused_as_422
from api.records.audit import Deed, actor_of, append
from api.routers.users import UserInPath
from api.storage.tables import User

router = APIRouter(tags=["people"])

PATH = "/v1/account/second-factor"


class Begun(BaseModel):
    """What the authenticator app needs; it counts once a code has been given."""

    secret: str
    uri: str = Field(description="`otpauth://…`, what the QR code says")
    svg: str = Field(description="The QR code")


class Code(BaseModel):
    """What the app shows."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, max_length=40)


class Confirmed(BaseModel):
    """It counts; each of these codes is good once, when the app is lost. Shown this once."""

    recovery_codes: list[str]


@router.post(PATH, status_code=201, responses=documented(401, 403, 422))
def post_second_factor(request: Request, parts: CurrentParts, principal: CurrentPrincipal) -> Begun:
    """Begins a second factor, with a fresh secret."""
    with parts.database.write() as session, refused_as_422():
        begun = second_factor.enrol(session, _own(session, principal), now())
        append(session, actor_of(principal, request), Deed("second_factor.begin", PATH), now())
    return Begun(secret=begun.secret, uri=begun.uri, svg=begun.svg)


@router.put(PATH, responses=documented(401, 403, 413, 422, 429))
def put_second_factor(request: Request, body: Code, parts: CurrentParts, principal: CurrentPrincipal) -> Confirmed:
    """Confirms it by a code; from then on each sign-in needs one."""
    _count(parts, principal)
    with parts.database.write() as session, refused_as_422():
        codes = second_factor.confirm(session, _own(session, principal), body.code, now())
        forgive(session, principal.name)
        append(session, actor_of(principal, request), Deed("second_factor.confirm", PATH), now())
    return Confirmed(recovery_codes=codes)


@router.delete(PATH, status_code=204, responses=documented(401, 403, 413, 422, 429))
def delete_second_factor(request: Request, body: Code, parts: CurrentParts, principal: CurrentPrincipal) -> Response:
    """Takes it off; a code is needed for that, so that a browser left open is not enough."""
    _count(parts, principal)
    with parts.database.write() as session:
        user = _own(session, principal)
        if not second_factor.has_one(session, user.id):
            raise Problem(422, "There is no second factor.")
        if not second_factor.passes(session, user.id, body.code, now()):
            raise Refusal(422, "The code is wrong.")
        second_factor.take_off(session, user)
        forgive(session, principal.name)
        session.flush()
        append(session, actor_of(principal, request), Deed("second_factor.remove", PATH), now())
    return Response(status_code=204)


@router.delete("/v1/users/{name}/second-factor", status_code=204, responses=documented(401, 403, 404, 422))
def delete_of_other(request: Request, name: UserInPath, parts: CurrentParts, principal: ChiefPrincipal) -> Response:
    """Takes off somebody's second factor that is lost; their sessions end."""
    with parts.database.write() as session:
        user = accounts.find_user(session, name)
        if user is None:
            raise Problem(404, f"There is no account {name!r}.")
        second_factor.take_off(session, user)
        end_sessions(session, user.id)
        session.flush()
        deed = Deed("second_factor.remove", f"/v1/users/{user.name}/second-factor")
        append(session, actor_of(principal, request), deed, now())
    return Response(status_code=204)


def _count(parts: Parts, principal: Principal) -> None:
    if principal.user_id is not None and principal.csrf_token is not None:  # else there is none, and they are told so
        count_guess(parts.database, principal.name, parts.settings.limits, "codes")


def _own(session: Session, principal: Principal) -> User:
    if principal.user_id is None or principal.csrf_token is None:
        raise Problem(403, "Only a person with a session has a second factor.")
    user = session.get_one(User, principal.user_id)
    if user.subject is not None:
        raise Problem(403, "You sign in at the city's own provider, which sees to that.")
    return user
