"""What all pages of the console share: who sees them, and where a person is led to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.templating import Jinja2Templates

from api.identity.gate import lacks_second_factor
from api.identity.principals import JUDGES, Principal
from api.parts import Parts

_PAGES = Jinja2Templates(
    env=Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(default=True)
    )
)
FOR_BEGINNERS = ("password.html", "second_factor.html")
"""Pages on which somebody sets up what they sign in with."""


def plain(
    request: Request,
    template: str,
    told: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A page as it is."""
    return _PAGES.TemplateResponse(request, template, dict(told), status, headers)


def page(request: Request, template: str, **told: Any) -> Response:
    """A page for somebody signed in; others are sent to sign in, and beginners to set up what they sign in with."""
    principal = person(request)
    if principal is None:
        return to(f"/sign-in?next={quote(request.url.path)}")
    if principal.must_change_password and template not in FOR_BEGINNERS:
        return to("/password")
    parts: Parts = request.app.state.parts
    if lacks_second_factor(principal, parts.settings.second_factor_for) and template not in FOR_BEGINNERS:
        return to("/second-factor")
    told |= {"principal": principal, "may_review": principal.role in JUDGES}
    return plain(request, template, told)


def person(request: Request) -> Principal | None:
    """Whoever is signed in in this browser."""
    principal = request.scope.get("principal")
    return principal if isinstance(principal, Principal) and principal.csrf_token else None


def inside(address: str) -> str:
    """Keeps an address that leads to one of our own pages; anything else leads to the queue."""
    parts = urlsplit(address)
    is_ours = (
        not parts.scheme and not parts.netloc and address.startswith("/") and not address.startswith(("//", "/\\"))
    )
    return address if is_ours and address.isprintable() else "/queue"


def to(address: str) -> Response:
    """Leads to another page."""
    return RedirectResponse(address, status_code=303)
