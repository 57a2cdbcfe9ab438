"""Pages for signing in and out, and for what somebody signs in with."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from api.clock import now
from api.console.shell import inside, page, person, plain, to
from api.identity.cookies import clear_session_cookie, session_secret, set_session_cookie
from api.identity.gate import check_csrf_token
from api.identity.password_change import PASSWORD_CHARACTERS, change_password
from api.identity.second_factor import anybody_has_one
from api.identity.sessions import sign_out
from api.identity.sign_in import Given
from api.parts import CurrentParts, Parts
from api.problems import Problem, refused_as_422
from api.records.audit import Deed, actor_of, append
from api.routers.identity import open_session_or_refuse

router = APIRouter()


@router.get("/sign-in")
def sign_in_form(request: Request, parts: CurrentParts, next: str = "/queue") -> Response:  # noqa: A002  # the name in the address
    """Asks for name and password."""
    if person(request):
        return to(inside(next))
    return sign_in_page(request, parts, {"next": inside(next)})


@router.post("/sign-in")
def sign_in(
    request: Request,
    parts: CurrentParts,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/queue",  # noqa: A002
) -> Response:
    """Checks them."""
    try:
        given = Given(name, password, code or None)
        secret = open_session_or_refuse(parts, given, request.client.host if request.client else None)
    except Problem as problem:
        told = {"next": inside(next), "name": name, "error": problem.detail}
        return sign_in_page(request, parts, told, problem.status_code, problem.headers)
    response = to(inside(next))
    set_session_cookie(response, request, secret, parts.settings.limits)
    return response


@router.post("/sign-out")
def sign_out_of(request: Request, parts: CurrentParts, csrf: Annotated[str, Form()] = "") -> Response:
    """Ends the session."""
    principal = person(request)
    if principal:
        check_csrf_token(principal, csrf)
        with parts.database.write() as session:
            sign_out(session, session_secret(request.headers) or "")
            append(session, actor_of(principal, request), Deed("session.close", "/v1/session"), now())
    response = to("/sign-in")
    clear_session_cookie(response)
    return response


@router.get("/password")
def password_form(request: Request) -> Response:
    """Asks for a password of one's own."""
    return page(request, "password.html", shortest=PASSWORD_CHARACTERS[0])


@router.post("/password")
def password(
    request: Request,
    parts: CurrentParts,
    *,
    old: Annotated[str, Form()] = "",
    new: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Sets it."""
    principal = person(request)
    if principal is None or principal.user_id is None:
        return to("/sign-in")
    check_csrf_token(principal, csrf)
    wrong = None if new == again else Problem(422, "The two new passwords differ.")
    secret = ""
    if wrong is None:
        try:
            with refused_as_422():
                secret = change_password(parts.database, actor_of(principal, request), old, new, parts.settings.limits)
        except Problem as problem:
            wrong = problem
    if wrong is not None:
        told = {"principal": principal, "error": wrong.detail, "shortest": PASSWORD_CHARACTERS[0]}
        return plain(request, "password.html", told, wrong.status_code, wrong.headers)
    response = to("/queue")
    set_session_cookie(response, request, secret, parts.settings.limits)
    return response


@router.get("/second-factor")
def second_factor_form(request: Request, parts: CurrentParts) -> Response:
    """Shows whether there is a second factor, and what can be done about it."""
    principal = person(request)
    needed = principal is not None and principal.role in parts.settings.second_factor_for
    return page(request, "second_factor.html", needed=needed)


def sign_in_page(
    request: Request,
    parts: Parts,
    told: dict[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The page that asks for name and password; for a code as well, once anybody has a second factor."""
    with parts.database.read() as session:
        asks_code = anybody_has_one(session)
    outside = parts.settings.oidc.label if parts.settings.oidc else None
    return plain(request, "sign_in.html", {**told, "asks_code": asks_code, "outside": outside}, status, headers)
