"""Many incidents in one request: for a worker that has much to tell, as after an outage."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError
from starlette.concurrency import run_in_threadpool

from api.clock import now
from api.fleet.documents import EPOCH_MAX
from api.identity.principals import Principal, WorkerPrincipal
from api.intake.arrivals import revision_arrived
from api.intake.bodies import read_json, read_revision
from api.intake.ingest import Ingested, ingest
from api.parts import CurrentParts, Parts
from api.problems import Problem, documented
from api.records.audit import Actor, Deed, actor_of, append_once
from api.records.refusals import REFUSALS
from api.schema import IncidentRevision, unknown_keys

router = APIRouter(tags=["ingest"])

BATCH_MAX = 100
"""So many wait for each other in one transaction: a fifth of a second."""


class BatchResult(BaseModel):
    """What became of one incident: as if it had come alone."""

    id: str | None = Field(description="null: it said none")
    status: int = Field(description="What `PUT /v1/incidents/{id}` would have answered")
    revision: int | None = None
    outcome: str | None = None
    digest: str | None = None
    detail: str | None = Field(default=None, description="What is wrong, and what is allowed")


class BatchReceipt(BaseModel):
    """One result for each incident, in the order of the request."""

    results: list[BatchResult]


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["incidents"],
                    "additionalProperties": False,
                    "properties": {
                        "incidents": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": BATCH_MAX,
                            "items": {"type": "object"},
                        },
                        "epochs": {
                            "type": "object",
                            "description": "Of the leases, by camera",
                            "maxProperties": BATCH_MAX,
                            "additionalProperties": {"type": "integer", "minimum": 1, "maximum": EPOCH_MAX},
                        },
                    },
                }
            }
        },
    }
}


@router.post("/v1/incidents/batch", openapi_extra=_BODY, responses=documented(401, 403, 413, 422))
async def post_batch(request: Request, parts: CurrentParts, principal: WorkerPrincipal) -> BatchReceipt:
    """Stores revisions of several incidents, each for itself: what is wrong with one does not hold up the others."""
    body = read_json(await request.body())
    documents, epochs = body.pop("incidents", None), body.pop("epochs", {})
    if not isinstance(documents, list) or not 1 <= len(documents) <= BATCH_MAX or body or not _are_epochs(epochs):
        raise Problem(
            422, f'Allowed is {{"incidents": […], "epochs": {{CAMERA: EPOCH}}}} with 1 to {BATCH_MAX} of the first.'
        )
    results = await run_in_threadpool(_take_in, parts, principal, actor_of(principal, request), documents, epochs)
    return BatchReceipt(results=results)


def _are_epochs(epochs: Any) -> bool:
    return (
        isinstance(epochs, dict)
        and len(epochs) <= BATCH_MAX
        and all(type(epoch) is int and 1 <= epoch <= EPOCH_MAX for epoch in epochs.values())
    )


def _take_in(
    parts: Parts, principal: Principal, actor: Actor, documents: list[Any], epochs: dict[str, int]
) -> list[BatchResult]:
    results: list[BatchResult] = []
    taken: list[tuple[IncidentRevision, Ingested]] = []
    with parts.database.write() as session:
        for place, document in enumerate(documents):
            try:
                revision = read_revision(document, f"incidents.{place}")
                with session.begin_nested():
                    epoch = epochs.get(revision.camera)
                    done = ingest(session, principal, revision, document, parts.settings, epoch)
                    revision_arrived(session, parts.settings, actor, revision.id, done, now())
            except Problem as problem:
                if problem.status_code in REFUSALS:
                    append_once(session, actor, _refusal(revision, problem), now())
                results.append(_refused(document, problem.status_code, str(problem.detail)))
            except DataError:
                results.append(_refused(document, 422, "A text or number in it can't be kept."))
            else:
                taken.append((revision, done))
                status = 201 if done.outcome == "created" else 200
                results.append(
                    BatchResult(
                        id=revision.id,
                        status=status,
                        revision=revision.revision,
                        outcome=done.outcome,
                        digest=done.digest,
                    )
                )
    for revision, done in taken:
        parts.metrics.incidents.labels(revision.type, done.outcome).inc()
        if done.outcome != "unchanged":
            parts.metrics.unknown_keys.inc(unknown_keys(revision))
    return results


def _refusal(revision: IncidentRevision, problem: Problem) -> Deed:
    """As if it had come alone."""
    return Deed(
        f"refused.{problem.status_code}", f"PUT /v1/incidents/{revision.id}", revision.id, reason=str(problem.detail)
    )


def _refused(document: Any, status: int, detail: str) -> BatchResult:
    name = document.get("id") if isinstance(document, dict) else None
    return BatchResult(id=name if isinstance(name, str) else None, status=status, detail=detail)
