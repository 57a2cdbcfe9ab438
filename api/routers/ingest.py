"""What workers send: incidents and their evidence."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from api.clock import now
from api.fleet.documents import EPOCH_MAX
from api.identity.principals import Principal, WorkerPrincipal
from api.intake import uploads
from api.intake.arrivals import evidence_arrived, revision_arrived, was_deleted
from api.intake.bodies import read_json, read_revision
from api.intake.digests import sha256_of_header
from api.intake.ingest import Ingested, ingest
from api.intake.media_types import check_name
from api.parts import CurrentParts, Parts
from api.problems import Problem, documented
from api.records.audit import Actor, actor_of
from api.routers.parameters import FILE_BODY, IncidentInPath
from api.schema import EvidenceName, IncidentRevision, header_of_sha256, unknown_keys
from api.storage.tables import Incident

router = APIRouter(tags=["ingest"])


class IncidentReceipt(BaseModel):
    """What has been stored; the sender may free its copy when the digest is that of what it sent."""

    id: str
    revision: int
    outcome: str
    digest: str


class EvidenceReceipt(BaseModel):
    """The file that is now stored."""

    name: str
    sha256: str


_INCIDENT_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": IncidentRevision.model_json_schema(mode="validation")}},
    }
}


@router.put(
    "/v1/incidents/{incident_id}",
    status_code=201,
    openapi_extra=_INCIDENT_BODY,
    responses={
        200: {"model": IncidentReceipt, "description": "A new revision, or the same again"},
        201: {"description": "A new incident"},
        **documented(401, 403, 409, 413, 422),
    },
)
async def put_incident(
    request: Request,
    response: Response,
    *,
    incident_id: IncidentInPath,
    parts: CurrentParts,
    principal: WorkerPrincipal,
    lease_epoch: Annotated[int | None, Header(ge=1, le=EPOCH_MAX, description="Of the camera's lease")] = None,
) -> IncidentReceipt:
    """Stores one revision of an incident. Unknown keys are kept. A camera that is another worker's by now is answered 409."""
    document = read_json(await request.body())
    revision = read_revision(document)
    if revision.id != incident_id:
        raise Problem(422, f"The body is about {revision.id}, the path about {incident_id}.")
    actor = actor_of(principal, request)
    done = await run_in_threadpool(_ingest, parts, principal, actor, revision, document, lease_epoch)
    response.status_code = 201 if done.outcome == "created" else 200
    return IncidentReceipt(id=incident_id, revision=revision.revision, outcome=done.outcome, digest=done.digest)


@router.put(
    "/v1/incidents/{incident_id}/evidence/{name}",
    status_code=201,
    openapi_extra=FILE_BODY,
    responses={
        200: {"model": EvidenceReceipt, "description": "The same again"},
        201: {"description": "Stored"},
        **documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
)
async def put_evidence(
    request: Request,
    response: Response,
    *,
    incident_id: IncidentInPath,
    name: EvidenceName,
    parts: CurrentParts,
    principal: WorkerPrincipal,
    repr_digest: Annotated[str | None, Header(description="`sha-256=:BASE64:` (RFC 9530)")] = None,
) -> EvidenceReceipt:
    """Stores one file of evidence, if its content is what `Repr-Digest` says. A ZIP by the name of a clip is 415."""
    try:
        check_name(name)
        upload = uploads.Upload(incident_id, name, sha256_of_header(repr_digest))
        is_new = False
        if not await run_in_threadpool(_was_deleted, parts, principal, upload):
            is_new = await uploads.receive(parts, principal, upload, request.stream())
            await run_in_threadpool(evidence_has_arrived, parts, actor_of(principal, request), upload)
    except Problem as problem:
        parts.metrics.evidence_refused.labels(problem.status_code).inc()
        raise
    response.status_code = 201 if is_new else 200
    response.headers["Repr-Digest"] = header_of_sha256(upload.sha256)
    return EvidenceReceipt(name=name, sha256=upload.sha256)


def _ingest(
    parts: Parts,
    principal: Principal,
    actor: Actor,
    revision: IncidentRevision,
    document: dict[str, Any],
    epoch: int | None,
) -> Ingested:
    with parts.database.write(about=revision.id) as session:
        done = ingest(session, principal, revision, document, parts.settings, epoch)
        revision_arrived(session, parts.settings, actor, revision.id, done, now())
    parts.metrics.incidents.labels(revision.type, done.outcome).inc()
    if done.outcome != "unchanged":
        parts.metrics.unknown_keys.inc(unknown_keys(revision))
    return done


def _was_deleted(parts: Parts, principal: Principal, upload: uploads.Upload) -> bool:
    with parts.database.read() as session:
        incident = session.get(Incident, upload.incident_id)
        if incident is None or not principal.covers(incident.camera_id):
            return False
        return was_deleted(session, upload.incident_id, upload.name, upload.sha256)


def evidence_has_arrived(parts: Parts, actor: Actor, upload: uploads.Upload) -> None:
    """Follows up a file that is stored."""
    with parts.database.write(about=upload.incident_id) as session:
        evidence_arrived(session, parts.settings, actor, upload.incident_id, upload.name, now())
