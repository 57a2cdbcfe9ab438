"""Signing in at the city's own provider: there and back again."""

import hmac
import logging
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from api.clock import now
from api.console.shell import inside, plain, to
from api.console.signing_in import sign_in_page
from api.errors import ApiError
from api.identity.accounts import NAME_CHARACTERS
from api.identity.cookies import set_session_cookie
from api.identity.oidc import OidcClient, take_begun
from api.identity.outside_accounts import account_of, name_of
from api.identity.sessions import open_session
from api.parts import CurrentParts, Parts
from api.problems import Problem
from api.records.audit import Actor, Deed, append
from api.records.refusals import write_once

router = APIRouter()

STATE_COOKIE = "streetwarden_sign_in"
BACK = "/sign-in/outside/back"

SOMEBODY = "somebody"
"""Who has not said yet who they are."""
PROVIDER_SAYS = frozenset(
    {
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    }
)
"""The words that a provider has for it (RFC 6749, 4.1.2.1; OpenID Connect Core, 3.1.2.6); any other is a stranger's."""

_LOG = logging.getLogger(__name__)


@router.get("/sign-in/outside")
def leave(request: Request, parts: CurrentParts, next: str = "/queue") -> Response:  # noqa: A002
    """Sends somebody to the provider."""
    client = _client(request)
    try:
        client.meet(now())  # which may take its time, and is no reason to hold up who writes
        with parts.database.write() as session:
            address, state = client.begin(session, _back(request, parts), inside(next), now())
    except ApiError as error:
        return _failed(request, parts, error)
    response = to(address)
    # Lax, not strict: the browser has to bring it along when the provider sends it back.
    response.set_cookie(
        STATE_COOKIE,
        state,
        max_age=600,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
        path="/sign-in",
    )
    return response


@router.get(BACK)
def come_back(
    request: Request,
    parts: CurrentParts,
    code: Annotated[str, Query(max_length=4000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Takes somebody in whom the provider has sent back."""
    client = _client(request)
    who = SOMEBODY
    try:
        if not hmac.compare_digest(request.cookies.get(STATE_COOKIE, "").encode(), state.encode()) or not state:
            raise ApiError("this browser has not begun this sign-in")  # noqa: TRY301 - all reasons end in the same page
        with parts.database.write() as session:
            begun = take_begun(session, state, now())
        if begun is None:
            raise ApiError("this sign-in is over; begin anew")  # noqa: TRY301
        if error or not code:
            raise ApiError(f"the provider says {error if error in PROVIDER_SAYS else 'no'}")  # noqa: TRY301
        claims = client.redeem(begun, code, _back(request, parts), now())
        who = name_of(claims, client.settings)
        with parts.database.write() as session:
            user, became = account_of(session, claims, client.settings)
            secret = open_session(session, user.id, now(), parts.settings.limits)
            came_from = request.client.host if request.client else None
            actor = Actor(name=user.name, role=user.role, unit=user.unit, user_id=user.id, client=came_from)
            session.flush()
            if became is not None:
                append(session, actor, Deed(f"user.{became}", f"/v1/users/{user.name}", f"role {user.role}"), now())
            append(session, actor, Deed("session.open", BACK), now())
    except ApiError as refused:
        return _failed(request, parts, refused, who)
    parts.metrics.sign_ins.labels("ok").inc()
    # A page that goes on by itself: on a redirect from elsewhere, browsers leave the session's strict cookie at home.
    response = plain(request, "come_in.html", {"next": begun.leads_to})
    set_session_cookie(response, request, secret, parts.settings.limits)
    response.delete_cookie(STATE_COOKIE, path="/sign-in", httponly=True, samesite="lax")
    return response


def _client(request: Request) -> OidcClient:
    client = request.app.state.oidc
    if not isinstance(client, OidcClient):
        raise Problem(404, f"There is nothing at {request.url.path}.")
    return client


def _back(request: Request, parts: Parts) -> str:
    return f"{(parts.settings.public_url or str(request.base_url)).rstrip('/')}{quote(BACK)}"


def _failed(request: Request, parts: Parts, error: ApiError, who: str = SOMEBODY) -> Response:
    # Whoever they are to the provider, here they are nobody.
    actor = Actor(name=who[:NAME_CHARACTERS], role="nobody", client=request.client.host if request.client else None)
    write_once(parts.database, actor, Deed("refused.401", f"GET {request.url.path}", reason=str(error)))
    parts.metrics.sign_ins.labels("refused").inc()
    _LOG.warning("a sign-in at the provider came to nothing: %s", error)
    return sign_in_page(request, parts, {"next": "/queue", "error": f"Signing in there came to nothing: {error}."}, 401)
