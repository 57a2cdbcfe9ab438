"""The console's pages. They are shells: what they show, their scripts fetch from `/v1`."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.templating import Jinja2Templates

from api.casework.workflow import Step
from api.clock import now
from api.errors import ApiError
from api.identity.accounts import PASSWORD_CHARACTERS, change_password
from api.identity.cookies import clear_session_cookie, session_secret, set_session_cookie
from api.identity.gate import check_csrf_token
from api.identity.principals import JUDGES, Principal
from api.identity.sessions import sign_out
from api.parts import CurrentParts
from api.problems import Problem
from api.records.audit import Deed, actor_of, append
from api.routers.identity import open_session_or_refuse
from api.schema import IncidentState, IncidentType

router = APIRouter()

_PAGES = Jinja2Templates(
    env=Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(default=True)
    )
)


@router.get("/")
def home() -> Response:
    """The queue is where work begins."""
    return _to("/queue")


@router.get("/queue")
def queue(request: Request) -> Response:
    """Cases that wait for a person."""
    return _page(request, "queue.html", types=list(IncidentType), states=list(IncidentState), steps=list(Step))


@router.get("/cases/{incident_id}")
def case(request: Request, incident_id: str) -> Response:
    """One case."""
    return _page(request, "case.html", incident_id=incident_id)


@router.get("/sign-in")
def sign_in_form(request: Request, next: str = "/queue") -> Response:  # noqa: A002  # the name in the address
    """Asks for name and password."""
    if _person(request):
        return _to(_inside(next))
    return _PAGES.TemplateResponse(request, "sign_in.html", {"next": _inside(next)})


@router.post("/sign-in")
def sign_in(
    request: Request,
    parts: CurrentParts,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/queue",  # noqa: A002
) -> Response:
    """Checks them."""
    try:
        secret = open_session_or_refuse(parts, name, password, request.client.host if request.client else None)
    except Problem as problem:
        told = {"next": _inside(next), "name": name, "error": problem.detail}
        return _PAGES.TemplateResponse(request, "sign_in.html", told, problem.status_code, problem.headers)
    response = _to(_inside(next))
    set_session_cookie(response, request, secret, parts.settings.limits)
    return response


@router.post("/sign-out")
def sign_out_of(request: Request, parts: CurrentParts, csrf: Annotated[str, Form()] = "") -> Response:
    """Ends the session."""
    principal = _person(request)
    if principal:
        check_csrf_token(principal, csrf)
        with parts.database.write() as session:
            sign_out(session, session_secret(request.headers) or "")
            append(session, actor_of(principal, request), Deed("session.close", "/v1/session"), now())
    response = _to("/sign-in")
    clear_session_cookie(response)
    return response


@router.get("/password")
def password_form(request: Request) -> Response:
    """Asks for a password of one's own."""
    return _page(request, "password.html", shortest=PASSWORD_CHARACTERS[0])


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
    principal = _person(request)
    if principal is None or principal.user_id is None:
        return _to("/sign-in")
    check_csrf_token(principal, csrf)
    wrong = None if new == again else "The two new passwords differ."
    secret = ""
    if wrong is None:
        try:
            with parts.database.write() as session:
                secret = change_password(session, principal.user_id, old, new, parts.settings.limits)
                append(session, actor_of(principal, request), Deed("password.change", "/v1/account/password"), now())
        except ApiError as error:
            wrong = str(error)
    if wrong is not None:
        told = {"principal": principal, "error": wrong, "shortest": PASSWORD_CHARACTERS[0]}
        return _PAGES.TemplateResponse(request, "password.html", told, 422)
    response = _to("/queue")
    set_session_cookie(response, request, secret, parts.settings.limits)
    return response


def _page(request: Request, template: str, **told: Any) -> Response:
    """A page for somebody signed in; others are sent to sign in, and beginners to choose a password first."""
    principal = _person(request)
    if principal is None:
        return _to(f"/sign-in?next={quote(request.url.path)}")
    if principal.must_change_password and template != "password.html":
        return _to("/password")
    told |= {"principal": principal, "may_review": principal.role in JUDGES}
    return _PAGES.TemplateResponse(request, template, told)


def _person(request: Request) -> Principal | None:
    principal = request.scope.get("principal")
    return principal if isinstance(principal, Principal) and principal.csrf_token else None


def _inside(address: str) -> str:
    """Keeps an address that leads to one of our own pages; anything else leads to the queue."""
    parts = urlsplit(address)
    is_ours = (
        not parts.scheme and not parts.netloc and address.startswith("/") and not address.startswith(("//", "/\\"))
    )
    return address if is_ours and address.isprintable() else "/queue"


def _to(address: str) -> Response:
    return RedirectResponse(address, status_code=303)
