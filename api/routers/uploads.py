"""Large files of evidence in several requests: tus 1.0 (https://tus.io), core, creation, termination and expiration.

A connection that breaks costs a few seconds: whoever sends asks how much has arrived, and goes on there. The plain
`PUT` of a file stays, and is simpler for small ones.
"""

from datetime import datetime
from email.utils import format_datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from api.identity.principals import WorkerPrincipal
from api.intake import resumable
from api.intake.digests import sha256_of_header
from api.intake.media_types import check_name
from api.intake.resumable import Progress
from api.intake.uploads import Upload
from api.parts import CurrentParts
from api.problems import Problem, documented
from api.records.audit import actor_of
from api.routers.ingest import evidence_has_arrived
from api.routers.parameters import IncidentInPath
from api.schema import EvidenceName

router = APIRouter(tags=["ingest"])

VERSION = "1.0.0"
MEDIA_TYPE = "application/offset+octet-stream"
LENGTH_MAX = 2**53

UploadInPath = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$", description="The upload's id, from its `Location`")]
Repr = Annotated[str | None, Header(description="`sha-256=:BASE64:` (RFC 9530) of the whole file")]
_BODY = {
    "requestBody": {
        "required": True,
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


def _version(tus_resumable: Annotated[str | None, Header(description=VERSION)] = None) -> None:
    """Raises 412 for another version of tus, as it asks for."""
    if tus_resumable != VERSION:
        raise Problem(412, f"Tus-Resumable: allowed is {VERSION}.", headers={"Tus-Version": VERSION})


_TUS = [Depends(_version)]


@router.post(
    "/v1/incidents/{incident_id}/evidence/{name}/uploads",
    status_code=201,
    dependencies=_TUS,
    response_class=Response,
    responses={
        201: {"description": "`Location`: where to send it; `Upload-Offset`: from where on"},
        200: {"description": "The file is there already"},
        **documented(400, 401, 403, 404, 409, 412, 413, 415, 422, 429),
    },
)
def post_upload(
    request: Request,
    *,
    incident_id: IncidentInPath,
    name: EvidenceName,
    parts: CurrentParts,
    principal: WorkerPrincipal,
    upload_length: Annotated[int, Header(ge=1, le=LENGTH_MAX, description="Of the whole file")],
    repr_digest: Repr = None,
) -> Response:
    """Begins a file; asked again for the same one, it tells where to go on."""
    check_name(name)
    file = Upload(incident_id, name, sha256_of_header(repr_digest))
    actor = actor_of(principal, request)
    begun = resumable.begin(parts, principal, actor, file, upload_length)
    if begun is None:
        # Its last request may have broken off between storing it and following it up.
        evidence_has_arrived(parts, actor, file)
        return Response(status_code=200, headers={"Tus-Resumable": VERSION})
    return Response(status_code=201, headers={"Location": f"/v1/uploads/{begun.id}", **_told(begun)})


@router.head(
    "/v1/uploads/{upload_id}",
    dependencies=_TUS,
    response_class=Response,
    responses={
        200: {"description": "`Upload-Offset`, `Upload-Length`, `Upload-Expires`"},
        **documented(401, 403, 404, 412, 422),
    },
)
def head_upload(upload_id: UploadInPath, parts: CurrentParts, principal: WorkerPrincipal) -> Response:
    """How much has arrived."""
    return Response(status_code=200, headers=_told(resumable.progress(parts, principal, upload_id)))


@router.patch(
    "/v1/uploads/{upload_id}",
    status_code=204,
    dependencies=_TUS,
    response_class=Response,
    openapi_extra=_BODY,
    responses={
        204: {"description": "Kept; at the end, the file is stored"},
        **documented(400, 401, 403, 404, 409, 412, 413, 415, 422, 503),
    },
)
async def patch_upload(
    request: Request,
    upload_id: UploadInPath,
    parts: CurrentParts,
    principal: WorkerPrincipal,
    upload_offset: Annotated[int, Header(ge=0, le=LENGTH_MAX, description="Where it begins: what has arrived")],
) -> Response:
    """Goes on with a file. With the last byte it is checked and stored; if it is not what its digest says, it is gone."""
    if request.headers.get("content-type") != MEDIA_TYPE:
        raise Problem(415, f"Content-Type: allowed is {MEDIA_TYPE}.")
    try:
        reached = await resumable.append(parts, principal, upload_id, upload_offset, request.stream())
        if reached.offset_bytes == reached.length_bytes:
            file, _ = await run_in_threadpool(resumable.finish, parts, principal, upload_id)
            await run_in_threadpool(evidence_has_arrived, parts, actor_of(principal, request), file)
    except Problem as problem:
        parts.metrics.evidence_refused.labels(problem.status_code).inc()
        raise
    return Response(status_code=204, headers=_told(reached))


@router.delete(
    "/v1/uploads/{upload_id}",
    status_code=204,
    dependencies=_TUS,
    response_class=Response,
    responses=documented(401, 403, 404, 412, 422),
)
def delete_upload(
    request: Request, upload_id: UploadInPath, parts: CurrentParts, principal: WorkerPrincipal
) -> Response:
    """Gives it up; nothing is kept."""
    resumable.cancel(parts, principal, actor_of(principal, request), upload_id)
    return Response(status_code=204, headers={"Tus-Resumable": VERSION})


def _told(reached: Progress) -> dict[str, str]:
    return {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(reached.offset_bytes),
        "Upload-Length": str(reached.length_bytes),
        "Upload-Expires": _http_date(reached.expires_at),
    }


def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)
