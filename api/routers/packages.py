"""Handing out evidence packs."""

import json
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.casework.case_summary import photo_documents
from api.casework.cases import (
    case_documents,
    find_incident,
    history_documents,
    latest_document,
    revision_document,
)
from api.clock import now
from api.handout.pack_readme import write_readme
from api.handout.packing import Pack, PackedFile, stream_zip
from api.identity.principals import JudgePrincipal
from api.parts import CurrentParts
from api.problems import Problem, documented
from api.records.access_log import checked_purpose, download_of
from api.records.audit import actor_of, append, documents
from api.routers.parameters import IncidentInPath
from api.storage.tables import EvidenceFile

router = APIRouter(tags=["packages"])


@router.get(
    "/v1/incidents/{incident_id}/package",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The evidence pack", "content": {"application/zip": {}}},
        **documented(401, 403, 404, 409, 422),
    },
)
def get_package(
    request: Request,
    incident_id: IncidentInPath,
    parts: CurrentParts,
    principal: JudgePrincipal,
    purpose: Annotated[str | None, Query(description="What the evidence is needed for; registered")] = None,
) -> StreamingResponse:
    """One case's evidence as a ZIP, once a person has confirmed it. The download is registered."""
    reason = checked_purpose(purpose)
    if principal.user_id is None:
        raise Problem(403, "Only a person can take evidence away: this token acts for nobody.")
    moment = now()
    with parts.database.write() as session:
        incident = find_incident(session, principal, incident_id)
        actor = actor_of(principal, request)
        if incident.verdict != "confirm":
            raise Problem(409, f"{incident_id} is not evidence: no person has confirmed it.")
        case = case_documents(session, [incident], principal.cameras, moment)[0]
        files = session.scalars(
            select(EvidenceFile)
            .where(EvidenceFile.incident_id == incident_id, EvidenceFile.deleted_at.is_(None))
            .order_by(EvidenceFile.name)
        ).all()
        digests = {file.name: file.sha256 for file in files}
        append(session, actor, download_of(incident_id, reason, digests), moment)
        photos = photo_documents(session, incident_id)
        pack = Pack(
            folder=incident_id,
            documents={
                "incident.json": latest_document(session, incident),
                "review.json": case["review"],
                "history.json": history_documents(session, incident, principal.cameras),
            },
            texts={"audit.jsonl": _audit_of(session, incident_id)},
            readme=write_readme(
                case,
                revision_document(session, incident_id, case["review"]["revision"]),
                who=principal.name,
                role=principal.role,
                purpose=reason,
                at=moment,
                photos=photos,
            ),
            files=tuple(PackedFile(file.name, file.sha256) for file in files),
            made_at=moment,
        )
    if missing := [file.name for file in pack.files if parts.store.size_bytes(file.sha256) is None]:
        raise Problem(500, f"{', '.join(missing)}: lost from the evidence store.")
    parts.metrics.packages.inc()
    return StreamingResponse(
        stream_zip(pack, parts.store),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{incident_id}.zip"'},
    )


def _audit_of(session: Session, incident_id: str) -> str:
    """Everything that the audit log has about a case, this download included; each line has its place in the chain."""
    entries = documents(session, incident_id=incident_id)
    return "".join(json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n" for entry in entries)
