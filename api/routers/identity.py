"""Who am I, sign in, sign out, my password: for programs. The console has its own pages for the same."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from api.clock import now
from api.identity.cookies import clear_session_cookie, session_secret, set_session_cookie
from api.identity.password_change import PASSWORD_PATH, change_password
from api.identity.principals import CurrentPrincipal, Principal, Role
from api.identity.sessions import principal_of_session, sign_out
from api.identity.sign_in import Given, Refused, sign_in, too_many
from api.parts import CurrentParts, Parts
from api.problems import Problem, documented, refused_as_422
from api.records.audit import Deed, actor_of, append

router = APIRouter(tags=["identity"])


class WhoAmI(BaseModel):
    """Whoever is asking."""

    name: str
    role: Role
    cameras: list[str] | None = Field(description="The cameras in scope; null means all")
    csrf_token: str | None = Field(description="With a session: what X-CSRF-Token must carry when something is changed")
    must_change_password: bool
    second_factor: bool = Field(description="A person who signs in with one, here or at the city's own provider")


class NewPassword(BaseModel):
    """A change of password."""

    model_config = ConfigDict(extra="forbid")

    old: str
    new: str


class Credentials(BaseModel):
    """What a person signs in with."""

    model_config = ConfigDict(extra="forbid")

    name: str
    password: str
    code: str | None = Field(default=None, max_length=40, description="Of the second factor, where there is one")


_CREDENTIALS_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": Credentials.model_json_schema()}}}
}


@router.post(
    "/v1/session", status_code=201, openapi_extra=_CREDENTIALS_BODY, responses=documented(401, 403, 413, 429, 503)
)
async def post_session(request: Request, response: Response, parts: CurrentParts) -> WhoAmI:
    """Signs a person in: sets the session cookie and tells the CSRF token. Whatever is wrong is answered 401."""
    try:
        given = Credentials.model_validate_json(await request.body())
    except ValidationError:
        raise Problem(401, 'Allowed is {"name": …, "password": …} as JSON.') from None
    client = request.client.host if request.client else None
    typed = Given(given.name, given.password, given.code)
    secret = await run_in_threadpool(open_session_or_refuse, parts, typed, client)
    set_session_cookie(response, request, secret, parts.settings.limits)
    principal = await run_in_threadpool(_principal, parts, secret)
    return _describe(principal)


@router.delete("/v1/session", status_code=204, responses=documented(401, 403))
def delete_session(request: Request, parts: CurrentParts, principal: CurrentPrincipal) -> Response:
    """Signs out."""
    with parts.database.write() as session:
        sign_out(session, session_secret(request.headers) or "")
        append(session, actor_of(principal, request), Deed("session.close", "/v1/session"), now())
    response = Response(status_code=204)
    clear_session_cookie(response)
    return response


@router.get("/v1/whoami", responses=documented(401))
def whoami(principal: CurrentPrincipal) -> WhoAmI:
    """Says who is asking, and what they may see."""
    return _describe(principal)


@router.put(PASSWORD_PATH, status_code=204, responses=documented(401, 403, 422, 429, 503))
def put_password(request: Request, parts: CurrentParts, principal: CurrentPrincipal, password: NewPassword) -> Response:
    """Sets one's own password; all other sessions end."""
    if principal.user_id is None or principal.csrf_token is None:
        raise Problem(403, "Only a person with a session has a password to change.")
    actor = actor_of(principal, request)
    with refused_as_422():
        secret = change_password(parts.database, actor, password.old, password.new, parts.settings.limits)
    response = Response(status_code=204)
    set_session_cookie(response, request, secret, parts.settings.limits)
    return response


def open_session_or_refuse(parts: Parts, given: Given, client: str | None = None) -> str:
    """Signs in, and counts it.

    Returns:
        The secret for the session cookie.

    Raises:
        Problem: 401, 429 while the account has to wait, or 503: too many are at it.
    """
    result = sign_in(parts.database, given, parts.settings.limits, client)
    if not isinstance(result, Refused):
        parts.metrics.sign_ins.labels("ok").inc()
        return result
    if result.wait_s > 0:
        parts.metrics.sign_ins.labels("waiting").inc()
        raise too_many("passwords", result.wait_s)
    parts.metrics.sign_ins.labels("refused").inc()
    raise Problem(401, "Name, password or code is wrong.")


def _principal(parts: Parts, secret: str) -> Principal:
    with parts.database.read() as session:
        principal = principal_of_session(session, secret)
    if principal is None:
        raise Problem(401, "The account has been closed.")
    return principal


def _describe(principal: Principal) -> WhoAmI:
    return WhoAmI(
        name=principal.name,
        role=principal.role,
        cameras=None if principal.cameras is None else sorted(principal.cameras),
        csrf_token=principal.csrf_token,
        must_change_password=principal.must_change_password,
        second_factor=principal.second_factor,
    )
