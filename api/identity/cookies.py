"""The session cookie."""

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import Response

from api.settings import Limits

SESSION_COOKIE = "streetwarden_session"


def session_secret(headers: Headers) -> str | None:
    """The secret in the session cookie, if there is one."""
    # As browsers write them: others may set cookies for our host, and one with an odd name must not shut us out.
    return cookie_parser(headers.get("cookie", "")).get(SESSION_COOKIE)


def set_session_cookie(response: Response, request: Request, secret: str, limits: Limits) -> None:
    """Hands a browser its session: out of reach of scripts, never sent along from other sites."""
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=int(limits.session_hours * 3600),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def clear_session_cookie(response: Response) -> None:
    """Takes it back."""
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
