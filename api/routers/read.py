"""Reading: lists of cases, one case, its history, its evidence."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlalchemy import func, select

from api.casework.cases import case_documents, find_incident, history_documents
from api.casework.queries import Filters, cursor_after, page_of
from api.clock import now
from api.handout.sending import SentFile, answer_with_file
from api.identity.principals import CurrentPrincipal
from api.intake.media_types import SERVED
from api.parts import CurrentParts
from api.problems import Problem, documented
from api.records.access_log import register_view
from api.records.audit import actor_of
from api.routers.parameters import IncidentInPath
from api.schema import EvidenceName, IncidentPage, as_utc_text
from api.settings import Name
from api.storage.tables import RANK_REVIEWED, Camera, EvidenceFile, Incident

router = APIRouter(tags=["read"])


class CodeName(BaseModel):
    """A code of a table, with its name per language."""

    code: str
    name: Name


class CodeTables(BaseModel):
    """The city's tables."""

    event_codes: list[CodeName]
    reject_reasons: list[CodeName]
    return_reasons: list[CodeName]
    grades: list[CodeName]


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
        moment = now()
        incidents = page_of(session, principal, filters, moment)
        page = incidents[: filters.limit]
        more = len(incidents) > filters.limit
        return IncidentPage(
            incidents=case_documents(session, page, principal.cameras, moment),
            next=cursor_after(page[-1], filters.order) if more else None,
        )


@router.get("/v1/incidents/{incident_id}", responses=documented(401, 404, 422))
def get_incident(incident_id: IncidentInPath, parts: CurrentParts, principal: CurrentPrincipal) -> dict[str, Any]:
    """One case: its latest revision, verdict, and which evidence has arrived."""
    with parts.database.read() as session:
        incident = find_incident(session, principal, incident_id)
        return case_documents(session, [incident], principal.cameras, now())[0]


@router.get("/v1/incidents/{incident_id}/history", responses=documented(401, 404, 422))
def get_history(incident_id: IncidentInPath, parts: CurrentParts, principal: CurrentPrincipal) -> History:
    """Everything that happened to a case."""
    with parts.database.read() as session:
        incident = find_incident(session, principal, incident_id)
        return History(history=history_documents(session, incident, principal.cameras))


@router.get(
    "/v1/incidents/{incident_id}/evidence/{name}",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The file", "content": {key: {} for key in SERVED}},
        206: {"description": "The part that `Range` asks for", "content": {key: {} for key in SERVED}},
        304: {"description": "Not changed"},
        **documented(401, 404, 410, 416, 422, 503),
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
    with parts.database.read() as session:
        find_incident(session, principal, incident_id)
        file = session.get(EvidenceFile, (incident_id, name))
        if file is None:
            raise Problem(404, f"{incident_id} has no evidence {name}.")
        if file.deleted_at is not None:
            raise Problem(410, f"{name} was deleted by the retention rule on {as_utc_text(file.deleted_at)}.")
    actor = actor_of(principal, request)
    register_view(parts.database, actor, incident_id=incident_id, name=name, sha256=file.sha256, purpose=purpose)
    sent = SentFile(file.sha256, file.size_bytes, file.media_type, f"{incident_id}-{name}")
    return answer_with_file(request, parts.store, sent, parts.settings.storage.accel_redirect)


@router.get("/v1/tables", responses=documented(401))
def get_tables(parts: CurrentParts, _principal: CurrentPrincipal) -> CodeTables:
    """The city's tables of codes, in their order."""
    settings = parts.settings
    return CodeTables(
        event_codes=_listed(settings.event_codes),
        reject_reasons=_listed(settings.reject_reasons),
        return_reasons=_listed(settings.return_reasons),
        grades=_listed(settings.grades),
    )


@router.get("/v1/summary", responses=documented(401))
def get_summary(parts: CurrentParts, principal: CurrentPrincipal) -> Summary:
    """Counts for the console; candidates, which no worker has confirmed yet, and parts of other cases don't count."""
    visible = [] if principal.cameras is None else [Incident.camera_id.in_(sorted(principal.cameras))]
    with parts.database.read() as session:
        counted = session.execute(
            select(Incident.verdict, func.count())
            .where(Incident.queue_rank >= RANK_REVIEWED, *visible)
            .group_by(Incident.verdict)
        )
        by_verdict: dict[str | None, int] = dict(counted.all())
        known = [] if principal.cameras is None else [Camera.id.in_(sorted(principal.cameras))]
        cameras = session.scalars(select(Camera.id).where(*known).order_by(Camera.id))
        return Summary(
            unreviewed=by_verdict.get(None, 0),
            confirmed=by_verdict.get("confirm", 0),
            rejected=by_verdict.get("reject", 0),
            cameras=list(cameras),
        )


def _listed(table: Mapping[str, Name]) -> list[CodeName]:
    return [CodeName(code=code, name=name) for code, name in table.items()]
