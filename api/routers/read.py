"""Reading: lists of cases, one case, its history, its evidence."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel
from sqlalchemy import func, select

from api.access_log import register_view
from api.cases import case_documents, find_incident, history_documents
from api.digests import header_of_sha256
from api.media_types import is_shown
from api.parts import CurrentParts
from api.principals import CurrentPrincipal
from api.problems import Problem, documented
from api.queries import Filters, cursor_after, list_query
from api.routers.paths import IncidentInPath
from api.schema import EvidenceName, IncidentPage
from api.settings import Name
from api.tables import EvidenceFile, Incident

router = APIRouter(tags=["read"])


_RANGE = re.compile(r"^bytes=\s*(\d{0,18})-(\d{0,18})$")


class CodeName(BaseModel):
    """A code of a table, with its name per language."""

    code: str
    name: Name


class CodeTables(BaseModel):
    """The city's tables."""

    event_codes: list[CodeName]
    reject_reasons: list[CodeName]


class Summary(BaseModel):
    """How many cases there are, by what people said about them, and from which cameras."""

    unreviewed: int
    confirmed: int
    rejected: int
    cameras: list[str]


class History(BaseModel):
    """Everything that happened to a case, oldest first."""

    history: list[dict[str, Any]]


@router.get("/v1/incidents", responses=documented(401, 422))
def list_incidents(
    parts: CurrentParts, principal: CurrentPrincipal, filters: Annotated[Filters, Query()]
) -> IncidentPage:
    """Lists cases."""
    with parts.database.read() as session:
        incidents = session.scalars(list_query(principal, filters)).all()
        page = incidents[: filters.limit]
        more = len(incidents) > filters.limit
        return IncidentPage(
            incidents=case_documents(session, page), next=cursor_after(page[-1], filters.order) if more else None
        )


@router.get("/v1/incidents/{incident_id}", responses=documented(401, 404, 422))
def get_incident(incident_id: IncidentInPath, parts: CurrentParts, principal: CurrentPrincipal) -> dict[str, Any]:
    """One case: its latest revision, verdict, and which evidence has arrived."""
    with parts.database.read() as session:
        return case_documents(session, [find_incident(session, principal, incident_id)])[0]


@router.get("/v1/incidents/{incident_id}/history", responses=documented(401, 404, 422))
def get_history(incident_id: IncidentInPath, parts: CurrentParts, principal: CurrentPrincipal) -> History:
    """Everything that happened to a case."""
    with parts.database.read() as session:
        return History(history=history_documents(session, find_incident(session, principal, incident_id)))


@router.get(
    "/v1/incidents/{incident_id}/evidence/{name}",
    response_class=FileResponse,
    responses={
        200: {"description": "The file", "content": {"application/octet-stream": {}}},
        206: {"description": "The part that `Range` asks for", "content": {"application/octet-stream": {}}},
        304: {"description": "Not changed"},
        **documented(401, 404, 416, 422),
    },
)
def get_evidence(
    request: Request,
    incident_id: IncidentInPath,
    name: EvidenceName,
    parts: CurrentParts,
    principal: CurrentPrincipal,
    purpose: Annotated[str, Query(max_length=500, description="Registered with the access")] = "review",
) -> Response:
    """One file of evidence, whole or in part. Every access is registered."""
    with parts.database.write() as session:
        find_incident(session, principal, incident_id)
        file = session.get(EvidenceFile, (incident_id, name))
        if file is None:
            raise Problem(404, f"{incident_id} has no evidence {name}.")
        register_view(session, principal, request, incident_id=incident_id, name=name, purpose=purpose)
    etag = f'"{file.sha256}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    _settle_range(request, file.size_bytes)
    return FileResponse(
        parts.store.path(file.sha256),
        media_type=file.media_type,
        filename=f"{incident_id}-{name}",
        content_disposition_type="inline" if is_shown(file.media_type) else "attachment",
        headers={
            "ETag": etag,
            "Repr-Digest": header_of_sha256(file.sha256),
            # A browser may keep it, but asks each time, so that each view is registered.
            "Cache-Control": "private, no-cache",
            # Whatever it is, it runs nothing and loads nothing.
            "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; sandbox",
        },
    )


@router.get("/v1/tables", responses=documented(401))
def get_tables(parts: CurrentParts, _principal: CurrentPrincipal) -> CodeTables:
    """The city's tables of codes, in their order."""
    return CodeTables(
        event_codes=[CodeName(code=code, name=name) for code, name in parts.settings.event_codes.items()],
        reject_reasons=[CodeName(code=code, name=name) for code, name in parts.settings.reject_reasons.items()],
    )


@router.get("/v1/summary", responses=documented(401))
def get_summary(parts: CurrentParts, principal: CurrentPrincipal) -> Summary:
    """Counts for the console; candidates, which no worker has confirmed yet, don't count."""
    visible = [] if principal.cameras is None else [Incident.camera_id.in_(sorted(principal.cameras))]
    with parts.database.read() as session:
        counted = session.execute(
            select(Incident.verdict, func.count())
            .where(Incident.state != "candidate", *visible)
            .group_by(Incident.verdict)
        )
        by_verdict: dict[str | None, int] = dict(counted.all())
        cameras = session.scalars(select(Incident.camera_id).where(*visible).distinct().order_by(Incident.camera_id))
        return Summary(
            unreviewed=by_verdict.get(None, 0),
            confirmed=by_verdict.get("confirm", 0),
            rejected=by_verdict.get("reject", 0),
            cameras=list(cameras),
        )


def _settle_range(request: Request, size_bytes: int) -> None:
    """Leaves one satisfiable range for the file response, or none.

    Several ranges and units that we don't know are passed over, as RFC 9110 section 14.2 allows: the whole file answers.

    Raises:
        Problem: 416.
    """
    given = request.headers.get("range")
    if given is None:
        return
    found = _RANGE.match(given.strip())
    first, last = (found[1], found[2]) if found else ("", "")
    if not first and not last:
        request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
        return
    beyond = int(first) >= size_bytes if first else int(last) == 0
    if beyond or (first and last and int(last) < int(first)):
        raise Problem(
            416,
            f"Range is {given!r}; the file has {size_bytes} bytes.",
            headers={"Content-Range": f"bytes */{size_bytes}"},
        )
