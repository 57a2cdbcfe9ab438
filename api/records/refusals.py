"""Refusals belong into the audit log, too: who was not let do what, and why."""

import json
import logging
from dataclasses import replace
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.clock import now
from api.identity.principals import Principal
from api.problems import IS_REFUSAL
from api.records.audit import Actor, Deed, actor_of, append, is_known
from api.storage.database import Database

REFUSALS = frozenset({401, 403, 409})
"""Not known (any more), not allowed, not now."""

_LOG = logging.getLogger(__name__)


class AuditRefusals:
    """Writes down every refusal of somebody known, before its answer goes out.

    Args:
        app: What comes next; it finds out who is asking.
        database: Where the log is kept.
    """

    def __init__(self, app: ASGIApp, database: Database) -> None:
        self._app = app
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held: Message | None = None

        async def send_after_writing(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _is_refusal(scope, message["status"]):
                held = message  # until the body has said why
                return
            if held is not None:
                await run_in_threadpool(self._write, Request(scope), held["status"], message.get("body", b""))
                await send(held)
                held = None
            await send(message)

        await self._app(scope, receive, send_after_writing)

    def _write(self, request: Request, status: int, body: bytes) -> None:
        principal = request.scope["principal"]
        refusal = Deed(
            f"refused.{status}",
            f"{request.method} {request.scope['path']}",
            reason=_detail(body),
            incident_id=request.path_params.get("incident_id"),
        )
        write_once(self._database, actor_of(principal, request), refusal)


def write_once(database: Database, actor: Actor, deed: Deed) -> None:
    """Writes something down, unless it stands there from a moment ago. A refusal is answered even if this fails."""
    moment = now()
    actor, deed = replace(actor, name=_storable(actor.name)), _storable_deed(deed)
    try:
        with database.read() as session:
            if is_known(session, actor, deed, moment):
                return
        with database.write(about=deed.object) as session:
            append(session, actor, deed, moment)
    except SQLAlchemyError:
        _LOG.exception("not in the audit log: %s %s by %s", deed.action, deed.object, actor.name)


def _is_refusal(scope: Scope, status: int) -> bool:
    """Whether somebody known was not let do something."""
    return isinstance(scope.get("principal"), Principal) and (status in REFUSALS or IS_REFUSAL in scope)


def _storable_deed(deed: Deed) -> Deed:
    return replace(
        deed,
        object=_storable(deed.object),
        incident_id=deed.incident_id and _storable(deed.incident_id),
        reason=deed.reason and _storable(deed.reason),
    )


def _storable(text: str) -> str:
    """What somebody has sent, as every database keeps it: PostgreSQL takes no NUL, and none takes half a sign."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _detail(body: bytes) -> str | None:
    try:
        document: Any = json.loads(body)
    except ValueError:
        return None
    detail = document.get("detail") if isinstance(document, dict) else None
    return detail if isinstance(detail, str) else None
