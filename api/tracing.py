"""What a request belongs to: its own id, and the trace of whoever sent it (OpenTelemetry).

Spans cost next to nothing while nobody has asked for traces. They carry routes, statuses and ids of cases; no names of people.
"""

import logging
import re
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID = "X-Request-Id"
SERVER_ERRORS = 500

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACER = trace.get_tracer("streetwarden.api")
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class TraceRequests:
    """Gives every request an id, answers it, and opens a span that goes on with the sender's trace.

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
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID, "")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        token = _request_id.set(request_id)
        method = scope["method"]
        with _TRACER.start_as_current_span(method, propagate.extract(dict(headers)), SpanKind.SERVER) as span:
            span.set_attributes({"http.request.method": method, "streetwarden.request_id": request_id})

            async def send_with_id(message: Message) -> None:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message)[REQUEST_ID] = request_id
                    route = getattr(scope.get("route"), "path", None)
                    if route is not None:
                        span.update_name(f"{method} {route}")
                        span.set_attribute("http.route", route)
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= SERVER_ERRORS:
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            try:
                await self._app(scope, receive, send_with_id)
            finally:
                _request_id.reset(token)


@contextmanager
def part(name: str, **about: str | int) -> Generator[None]:
    """A part of a request that takes its time, as a span of its own.

    Args:
        name: What is done.
        about: What with.
    """
    with _TRACER.start_as_current_span(name, attributes=about):
        yield


def log_request_ids() -> None:
    """From here on, every line of the log that is written for a request carries its id and its trace."""
    make = logging.getLogRecordFactory()

    def made(*args: Any, **more: Any) -> logging.LogRecord:
        record = make(*args, **more)
        request_id = _request_id.get()
        if request_id is not None:
            record.request_id = request_id
            context = trace.get_current_span().get_span_context()
            if context.is_valid:
                record.trace_id = trace.format_trace_id(context.trace_id)
        return record

    logging.setLogRecordFactory(made)
