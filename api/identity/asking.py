"""Who is asking, by what a request carries."""

from sqlalchemy.orm import Session
from starlette.datastructures import Headers

from api.identity.cookies import session_secret
from api.identity.principals import Principal
from api.identity.sessions import principal_of_session
from api.identity.tokens import principal_of_token


def carries_something(headers: Headers) -> bool:
    """Whether there is anything to look up."""
    return bearer_of(headers) is not None or session_secret(headers) is not None


def who_asks(session: Session, headers: Headers) -> Principal | None:
    """Whoever has sent a request with these headers; a token goes before a cookie."""
    token = bearer_of(headers)
    if token is not None:
        return principal_of_token(session, token)
    secret = session_secret(headers)
    return principal_of_session(session, secret) if secret else None


def bearer_of(headers: Headers) -> str | None:
    """The bearer token that a request carries."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
