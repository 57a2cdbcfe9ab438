"""The audit log: read, checked, taken away."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, StringConstraints

from api.casework.cases import find_incident
from api.clock import now
from api.identity.principals import AdministratorPrincipal, ChiefPrincipal
from api.parts import CurrentParts, Parts
from api.problems import Problem, documented
from api.records.audit import Deed, actor_of, append, documents, head_of, verify_log
from api.records.audit_chain import GENESIS, WRITTEN_HEAD, Head, written_head
from api.routers.parameters import IncidentInPath
from api.schema import Sha256Hex

router = APIRouter(tags=["audit"])

SEQUENCE_MAX = 2**63 - 1
"""What every database keeps as the number of an entry."""

KEPT_MAX = 100
"""So many heads that were written down are compared in one check."""

LINES_AT_ONCE = 1000
"""So many entries are read in one transaction of an export: none stays open while a slow client reads."""


WrittenHead = Annotated[str, StringConstraints(pattern=WRITTEN_HEAD)]


class FaultDocument(BaseModel):
    """A place where the log is not what was written."""

    sequence: int
    what: str = Field(description="`edited`, `missing`, `unchained` or `head`")
    detail: str


class Verification(BaseModel):
    """What a check of the log has found."""

    intact: bool
    checked: int
    head_sequence: int
    head_hash: str = Field(description="Keep it elsewhere with its number: later checks can `expect` it")
    fault_count: int
    faults: list[FaultDocument]


class CaseAudit(BaseModel):
    """What the log says about one case, oldest first."""

    entries: list[dict[str, Any]]


@router.get("/v1/audit/verify", responses=documented(401, 403, 422))
def get_verification(
    parts: CurrentParts,
    _principal: ChiefPrincipal,
    after: Annotated[int, Query(ge=0, le=SEQUENCE_MAX, description="Begin after this entry, whose hash is known")] = 0,
    hash: Annotated[Sha256Hex | None, Query(description="The hash of that entry")] = None,  # noqa: A002
    expect: Annotated[
        list[WrittenHead] | None,
        Query(max_length=KEPT_MAX, description="`NUMBER:HASH` that was written down earlier; may be repeated"),
    ] = None,
) -> Verification:
    """Checks every entry: an edit, a gap, a cut end and another order are each found; with `expect`, a whole new chain, too."""
    if (after > 0) != (hash is not None):
        raise Problem(422, "after and hash: allowed are both together, or neither.")
    kept = [written_head(text) for text in expect or ()]
    if after and any(head.sequence <= after for head in kept):
        raise Problem(422, f"expect: allowed is an entry after {after}: none before that one is read.")
    with parts.database.read() as session:
        found = verify_log(session, Head(after, hash or GENESIS), kept)
    faults = [FaultDocument(sequence=fault.sequence, what=fault.what, detail=fault.detail) for fault in found.faults]
    return Verification(
        intact=found.is_intact,
        checked=found.checked,
        head_sequence=found.head.sequence,
        head_hash=found.head.hash,
        fault_count=found.fault_count,
        faults=faults,
    )


@router.get(
    "/v1/audit",
    response_class=StreamingResponse,
    responses={
        200: {"description": "JSON lines", "content": {"application/jsonl": {}}},
        **documented(401, 403, 422),
    },
)
def get_audit(
    request: Request,
    parts: CurrentParts,
    principal: ChiefPrincipal,
    after: Annotated[
        int, Query(ge=0, le=SEQUENCE_MAX, description="The number of the entry before the first one wanted")
    ] = 0,
) -> StreamingResponse:
    """The log with its chain as JSON lines, up to the entry that says that it was taken."""
    moment = now()
    with parts.database.write() as session:
        append(session, actor_of(principal, request), Deed("export", "/v1/audit"), moment)
        until = head_of(session).sequence
    return StreamingResponse(
        _lines(parts, after, until),
        media_type="application/jsonl",
        headers={"Content-Disposition": f'attachment; filename="audit-{after + 1}-{until}.jsonl"'},
    )


@router.get("/v1/incidents/{incident_id}/audit", responses=documented(401, 403, 404, 422))
def get_case_audit(incident_id: IncidentInPath, parts: CurrentParts, principal: AdministratorPrincipal) -> CaseAudit:
    """Who saw, took, changed or was refused what of one case."""
    with parts.database.read() as session:
        find_incident(session, principal, incident_id)
        return CaseAudit(entries=list(documents(session, incident_id=incident_id)))


def _lines(parts: Parts, after: int, until: int) -> Iterator[str]:
    while after < until:
        last = min(after + LINES_AT_ONCE, until)
        with parts.database.read() as session:
            page = list(documents(session, after=after, until=last))
        yield "".join(json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n" for entry in page)
        after = last
