"""What stands before the routes: who is asking, how much they may send, and headers that every answer carries."""

import hmac
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.identity.asking import carries_something, who_asks
from api.identity.principals import Principal, Role
from api.problems import Problem, outage, problem_response
from api.storage.database import Database

SIGN_IN_ROUTE = ("POST", "/v1/session")
"""The one door under `/v1` that opens without a key: it answers 401 itself."""

BEGINNERS_MAY = ("/v1/session", "/v1/whoami", "/v1/account/")
"""Where somebody may go who has to set up a second factor first."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

DRAIN_BYTES = 64 * 1024 * 1024
"""A refused request is read to its end up to here: closing earlier would reset the connection under the answer."""

_UPLOADS = {
    "PUT": re.compile(r"/v1/(?:incidents/[^/]+/evidence|cases/[^/]+/photos|worker/jobs/[^/]+/files)/[^/]+"),
    "PATCH": re.compile(r"/v1/uploads/[^/]+"),
}
"""The routes that take files, and count for themselves. Whole paths: a case may be called `evidence`."""

_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityHeaders:
    """Adds the headers that keep a browser from doing what nobody asked for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class BodyGuard:
    """Bounds the size of request bodies, and reads what a refusal has left unread.

    Args:
        app: What comes next.
        limit_bytes: For everything but files of evidence, whose route counts for itself.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, None if _is_upload(scope) else self._limit_bytes)
        continues = "expect" in Headers(scope=scope)

        async def send_after_draining(message: Message) -> None:
            # A client that waits for "100 Continue" has sent nothing yet and must not be told to.
            if message["type"] == "http.response.start" and (body.received_bytes or not continues):
                await body.drain()
                if not body.complete:
                    MutableHeaders(scope=message)["Connection"] = "close"  # or it would be read for ever
            await send(message)

        await self._app(scope, body.receive, send_after_draining)


class _Body:
    """What comes with one request; `complete` is True once all of it has."""

    def __init__(self, receive: Receive, limit_bytes: int | None) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        self.complete = False
        self.received_bytes = 0

    async def receive(self) -> Message:
        message = await self._receive_counted()
        if self._limit_bytes is not None and self.received_bytes > self._limit_bytes:
            raise Problem(413, f"The request is too large; allowed are {self._limit_bytes} bytes.")
        return message

    async def drain(self) -> None:
        while not self.complete and self.received_bytes < DRAIN_BYTES:
            await self._receive_counted()

    async def _receive_counted(self) -> Message:
        message = await self._receive()
        self.received_bytes += len(message.get("body", b""))
        self.complete = message["type"] != "http.request" or not message.get("more_body", False)
        return message


def _is_upload(scope: Scope) -> bool:
    pattern = _UPLOADS.get(scope["method"])
    return pattern is not None and pattern.fullmatch(scope["path"]) is not None


class Gate:
    """Finds out who is asking. Nobody unknown gets further under `/v1`, not even to learn what is there.

    Args:
        app: What comes next.
        database: Where tokens and sessions are kept.
        second_factor_for: Roles of people that need a second factor.
    """

    def __init__(self, app: ASGIApp, database: Database, second_factor_for: Collection[Role] = ()) -> None:
        self._app = app
        self._database = database
        self._second_factor_for = second_factor_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 401 or 403, or 503 when nobody can tell who asks."""
        if scope["type"] != "http" or scope["path"].startswith("/static/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            principal = await run_in_threadpool(self._identify, request.headers)
        except (OperationalError, PoolTimeoutError) as error:
            await problem_response(outage(error), scope["path"])(scope, receive, send)
            return
        scope["principal"] = principal
        try:
            _check(request, principal)
            if principal is not None and lacks_second_factor(principal, self._second_factor_for):
                _check_beginner(request, principal)
        except Problem as problem:
            await problem_response(problem, scope["path"])(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _identify(self, headers: Headers) -> Principal | None:
        if not carries_something(headers):
            return None
        with self._database.read() as session:
            return who_asks(session, headers)


def _check(request: Request, principal: Principal | None) -> None:
    """Lets a request through or not.

    Raises:
        Problem: 401 or 403.
    """
    changes_something = request.method not in SAFE_METHODS
    # A token is sent on purpose; a cookie goes along with whatever page made the browser send the request.
    if changes_something and "authorization" not in request.headers:
        _check_origin(request)
    if not _is_api(request.url.path) or (request.method, request.url.path) == SIGN_IN_ROUTE:
        return
    if principal is None:
        raise Problem(401, "A valid token or session is needed.", headers={"WWW-Authenticate": "Bearer"})
    if changes_something and principal.csrf_token:
        check_csrf_token(principal, request.headers.get("x-csrf-token"))


def lacks_second_factor(principal: Principal, needed_for: Collection[Role]) -> bool:
    """Whether a person with a session needs a second factor and has none yet."""
    return bool(principal.csrf_token) and principal.role in needed_for and not principal.second_factor


def _check_beginner(request: Request, principal: Principal) -> None:
    """Until there is a second factor, there is nothing but setting it up.

    Raises:
        Problem: 403.
    """
    if _is_api(request.url.path) and not request.url.path.startswith(BEGINNERS_MAY):
        raise Problem(403, f"A {principal.role} needs a second factor; set it up at /second-factor first.")


def check_csrf_token(principal: Principal, given: str | None) -> None:
    """Checks what a page has sent back.

    Raises:
        Problem: 403.
    """
    if not hmac.compare_digest((given or "").encode(), (principal.csrf_token or "").encode()):
        raise Problem(403, "With a session the header X-CSRF-Token is needed; GET /v1/whoami tells its value.")


def _check_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Problem(403, f"A request from {origin} is not taken here.")


def _is_api(path: str) -> bool:
    return path == "/v1" or path.startswith("/v1/")
