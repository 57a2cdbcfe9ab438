"""Errors as RFC 9457 problem documents."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ApiError, StoreUnavailableError

MEDIA_TYPE = "application/problem+json"

IS_REFUSAL = "streetwarden.refusal"
"""In the scope of a request: its answer is a refusal, although its status does not say so."""

_LOG = logging.getLogger(__name__)


class ProblemDocument(BaseModel):
    """The body of every error (RFC 9457); further members say more about the one at hand."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str | None = None


class Problem(HTTPException):
    """Raised anywhere in a request; answered as a problem document.

    Args:
        status: HTTP status code.
        detail: One sentence for a person: what is wrong and what is allowed.
        headers: Further response headers.
        members: Further members of the document.
    """

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(status_code=status, detail=detail, headers=headers)
        self.members = members


class Refusal(Problem):
    """A refusal for the audit log, although its status does not say so: a wrong code, say."""


class Hidden(Refusal):
    """404 of what is there, but not for whoever asks: to them like what is not there."""

    def __init__(self, detail: str) -> None:
        super().__init__(404, detail)


def outage(error: Exception) -> Problem:
    """The answer while the database or the evidence store is away, or a lock is held for too long; written to the log."""
    what = "The evidence store" if isinstance(error, StoreUnavailableError) else "The database"
    _LOG.error("%s can't be used: %s", what, " ".join(str(getattr(error, "orig", None) or error).split()))
    return Problem(503, f"{what} can't be used at the moment. Try again.", headers={"Retry-After": "5"})


def problem_response(problem: HTTPException, instance: str) -> JSONResponse:
    """Writes a problem document."""
    members = problem.members if isinstance(problem, Problem) else {}
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "detail": str(problem.detail),
        "instance": instance,
        **members,
    }
    return JSONResponse(body, status_code=problem.status_code, headers=problem.headers, media_type=MEDIA_TYPE)


def invalid(errors: Sequence[Mapping[str, Any]], where: str = "") -> Problem:
    """One 422 from pydantic's list of errors; each says where it is, what is wrong and what came."""
    listed = [
        {"where": ".".join(str(part) for part in (*([where] if where else ()), *error["loc"])), "what": error["msg"]}
        for error in errors
    ]
    return Problem(422, "; ".join(f"{item['where']}: {item['what']}" for item in listed[:5]), errors=listed)


@contextmanager
def refused_as_422() -> Iterator[None]:
    """Answers what a part of the application refuses in words with a 422 of the same words."""
    try:
        yield
    except ApiError as error:
        raise Problem(422, str(error)) from None


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries of the errors that a route can answer."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Makes every error of the application a problem document."""

    @app.exception_handler(HTTPException)
    async def _on_http(request: Request, error: HTTPException) -> Response:
        if isinstance(error, Refusal):
            request.scope[IS_REFUSAL] = True
        if isinstance(error, Problem):
            return problem_response(error, request.url.path)
        if error.status_code == HTTPStatus.BAD_REQUEST and isinstance(error.__cause__, ValueError | RecursionError):
            # Bytes that are no text, or nested a thousand deep: as wrong as any other body that can't be read.
            return problem_response(Problem(422, "body: allowed is JSON in UTF-8."), request.url.path)
        detail = _plain_detail(request, error)
        return problem_response(Problem(error.status_code, detail, headers=error.headers), request.url.path)

    @app.exception_handler(RequestValidationError)
    async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
        return problem_response(invalid(error.errors()), request.url.path)

    @app.exception_handler(DataError)
    async def _on_unstorable(request: Request, _error: Exception) -> Response:
        # PostgreSQL keeps no NUL in a text and no number beyond a column's; SQLite is less strict.
        detail = "A text or number in the request can't be kept: allowed are texts without NUL and numbers below 2^31."
        return problem_response(Problem(422, detail), request.url.path)

    @app.exception_handler(OperationalError)
    @app.exception_handler(PoolTimeoutError)
    @app.exception_handler(StoreUnavailableError)
    async def _on_outage(request: Request, error: Exception) -> Response:
        return problem_response(outage(error), request.url.path)


class AnswerBugs:
    """Answers what nobody has caught; inside of what counts and names requests, where the framework's own handler is not.

    Args:
        app: What comes next.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except ClientDisconnect:
            raise  # no bug, and nobody is there to be answered
        except Exception:
            if begun:
                raise  # the server breaks the connection off, so that nobody takes a part for the whole
            # The traceback goes to the server's log; the outside learns nothing about the inside.
            path = scope["path"]
            _LOG.exception("%s %s broke", scope["method"], path)
            answer = problem_response(Problem(500, "Something broke here. It has been logged."), path)
            await answer(scope, receive, send)


def _plain_detail(request: Request, error: HTTPException) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return f"There is nothing at {request.url.path}."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "")
        return f"{request.method} is not allowed here; allowed: {allowed or 'see /openapi.json'}."
    return str(error.detail)
