"""Photos that officers take of what they did: evidence of a kind of its own, put beside the camera's."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.casework.case_upkeep import add_photo, require_photo
from api.casework.cases import find_incident, latest_document
from api.casework.desk import Desk
from api.clock import now
from api.identity.principals import CurrentPrincipal, Principal
from api.intake import uploads
from api.intake.digests import sha256_of_header
from api.intake.media_types import HEAD_BYTES, recognise
from api.parts import CurrentParts, Parts
from api.problems import Problem, documented
from api.records.audit import Actor, actor_of
from api.routers.parameters import FILE_BODY, IncidentInPath
from api.schema import header_of_sha256

router = APIRouter(tags=["cases"])

PhotoName = Annotated[
    str, Path(pattern=r"^photo-[A-Za-z0-9._-]{1,80}\.(jpg|jpeg|png)$", description="`photo-…`, a JPEG or PNG")
]


SIGNATURE_BYTES = 8
"""The longest signature of a picture, PNG's: so many bytes tell."""


class PhotoReceipt(BaseModel):
    """The photo that is now stored."""

    name: str
    sha256: str


@router.put(
    "/v1/cases/{incident_id}/photos/{name}",
    status_code=201,
    openapi_extra=FILE_BODY,
    responses={
        200: {"model": PhotoReceipt, "description": "The same again"},
        201: {"description": "Stored"},
        **documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
)
async def put_photo(
    request: Request,
    response: Response,
    *,
    incident_id: IncidentInPath,
    name: PhotoName,
    parts: CurrentParts,
    principal: CurrentPrincipal,
    repr_digest: Annotated[str | None, Header(description="`sha-256=:BASE64:` (RFC 9530)")] = None,
) -> PhotoReceipt:
    """Stores a photo of what was done, while the case is dispatched or handled; then it is served like other evidence."""
    actor = actor_of(principal, request)
    upload = uploads.Upload(incident_id, name, sha256_of_header(repr_digest))
    await run_in_threadpool(_check_before, parts, principal, actor, upload)
    upload = replace(upload, along=partial(_write_down, parts=parts, principal=principal, actor=actor, upload=upload))
    is_new = await uploads.receive(parts, principal, upload, _pictures_only(name, request.stream()))
    response.status_code = 201 if is_new else 200
    response.headers["Repr-Digest"] = header_of_sha256(upload.sha256)
    return PhotoReceipt(name=name, sha256=upload.sha256)


def _check_before(parts: Parts, principal: Principal, actor: Actor, upload: uploads.Upload) -> None:
    with parts.database.read() as session:
        incident = find_incident(session, principal, upload.incident_id)
        _require(Desk(session, parts.settings, actor, incident, now(), principal.cameras), upload)


def _write_down(session: Session, parts: Parts, principal: Principal, actor: Actor, upload: uploads.Upload) -> None:
    incident = find_incident(session, principal, upload.incident_id, for_change=True)
    desk = Desk(session, parts.settings, actor, incident, now(), principal.cameras)
    _require(desk, upload)  # once more: the case may have moved on while the photo came
    add_photo(desk, upload.name, upload.sha256)


def _require(desk: Desk, upload: uploads.Upload) -> None:
    declared = {item["name"] for item in latest_document(desk.session, desk.incident).get("evidence", ())}
    require_photo(desk, upload.name, declared=upload.name in declared)


async def _pictures_only(name: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Passes a picture on, and stops at once what is none.

    Raises:
        Problem: 415.
    """
    head = b""
    async for chunk in chunks:
        if len(head) < SIGNATURE_BYTES:
            head += chunk[:HEAD_BYTES]
            if len(head) >= SIGNATURE_BYTES:
                _require_picture(name, head)
        yield chunk
    _require_picture(name, head)


def _require_picture(name: str, head: bytes) -> None:
    if not recognise(name, head).startswith("image/"):
        raise Problem(415, f"{name} is not the picture that its name says; allowed are JPEG and PNG.")
