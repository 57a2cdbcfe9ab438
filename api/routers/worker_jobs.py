"""Jobs for workers: leasing one, saying that it goes on, sending what came of it."""

import asyncio
import json
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.clock import now
from api.identity.principals import WorkerPrincipal
from api.intake.digests import sha256_of_header
from api.jobs import outputs, queue
from api.jobs.documents import (
    ATTEMPT_MAX,
    FailureBody,
    JobFileReceipt,
    Kept,
    LeaseBody,
    LeasedJob,
    ProgressBody,
    ResultBody,
    kept_document,
    leased_document,
)
from api.parts import CurrentParts, Parts
from api.problems import Problem, documented
from api.records.audit import Actor, Deed, actor_of, append
from api.routers.jobs import JobInPath
from api.routers.parameters import FILE_BODY
from api.schema import EvidenceName, content_digest, header_of_sha256
from api.scrub import scrub, scrub_text
from api.storage.tables import Job

router = APIRouter(prefix="/v1/worker/jobs", tags=["jobs"])

POLL_S = 0.5
RESULT_BYTES = 64 * 1024
"""Of a result without its files: some numbers and words."""

_ERRORS = documented(401, 403, 404, 409, 413, 422)


@router.post(
    "/lease",
    responses={
        204: {"description": "There is nothing to do for this worker"},
        200: {"description": "A job, this worker's from now on"},
        **documented(401, 403, 413, 422),
    },
    response_model=LeasedJob,
)
async def post_lease(
    request: Request, body: LeaseBody, parts: CurrentParts, principal: WorkerPrincipal
) -> LeasedJob | Response:
    """Gives a worker the next job that its token covers and that it can do; waits for one if asked to."""
    claim = queue.Claim(body.kinds, body.cameras, principal.cameras, principal.name, principal.token_id)
    actor = actor_of(principal, request)
    await run_in_threadpool(request.app.state.job_upkeep.by_the_way, parts, now())
    until = asyncio.get_running_loop().time() + body.wait_s
    while True:
        # Asked first: a job must not be leased to a worker that has died while it waited.
        if await request.is_disconnected():
            return Response(status_code=204)
        job = await run_in_threadpool(_lease, parts, claim, actor)
        if job is not None:
            return job
        left_s = until - asyncio.get_running_loop().time()
        ending = getattr(request.app.state, "going_out", None)
        if left_s <= 0 or (ending is not None and ending.ending.is_set()):
            return Response(status_code=204)
        await asyncio.sleep(min(POLL_S, left_s))


@router.put("/{job_id}/progress", responses=_ERRORS)
def put_progress(job_id: JobInPath, body: ProgressBody, parts: CurrentParts, principal: WorkerPrincipal) -> Kept:
    """A sign of life, which keeps the job; 409 when it is the worker's no more, and then it stops."""
    with parts.database.write(about=f"job {job_id}") as session:
        job = queue.held(session, job_id, body.attempt, principal.token_id)
        stage = None if body.stage is None else scrub_text(body.stage)
        queue.renew(job, body.progress, stage, now(), parts.settings.jobs)
        return kept_document(job)


@router.put(
    "/{job_id}/files/{name}",
    status_code=201,
    openapi_extra=FILE_BODY,
    responses={
        200: {"model": JobFileReceipt, "description": "The same again"},
        201: {"description": "Kept"},
        **documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
)
async def put_file(
    request: Request,
    response: Response,
    *,
    job_id: JobInPath,
    name: EvidenceName,
    attempt: Annotated[int, Query(ge=1, le=ATTEMPT_MAX)],
    parts: CurrentParts,
    principal: WorkerPrincipal,
    repr_digest: Annotated[str | None, Header(description="`sha-256=:BASE64:` (RFC 9530)")] = None,
) -> JobFileReceipt:
    """Keeps a file of the job under one of the names that the lease told; its bytes must be what that says."""
    sent = outputs.Sent(job_id, attempt, name, sha256_of_header(repr_digest))
    is_new = await outputs.receive(parts, principal, sent, request.stream())
    response.status_code = 201 if is_new else 200
    response.headers["Repr-Digest"] = header_of_sha256(sent.sha256)
    return JobFileReceipt(name=name, sha256=sent.sha256)


@router.put("/{job_id}/result", responses=documented(401, 403, 404, 409, 413, 422, 503))
def put_result(
    request: Request, job_id: JobInPath, body: ResultBody, parts: CurrentParts, principal: WorkerPrincipal
) -> Kept:
    """Ends a job well. The same once more does no harm; a stale lease's result is refused."""
    if len(json.dumps(body.result)) > RESULT_BYTES:
        raise Problem(413, f"The result is too large; allowed are {RESULT_BYTES} bytes as JSON.")
    try:
        digest = content_digest(body.model_dump(mode="json"))
    except ValueError as error:
        raise Problem(422, f"result: {error}.") from None
    moment = now()
    with parts.database.write(about=_subject(parts, job_id)) as session:
        job = queue.held(session, job_id, body.attempt, principal.token_id, or_ended=True)
        if not queue.is_told_again(job, body.attempt, digest):
            result = scrub(body.result)
            outputs.publish(session, parts.store, job, body.files, result, moment)
            queue.finish(job, result, digest, moment, parts.metrics.jobs)
            _log(session, actor_of(principal, request), "job.done", job, moment, content_digest(body.files))
        return kept_document(job)


@router.put("/{job_id}/failure", responses=_ERRORS)
def put_failure(
    request: Request, job_id: JobInPath, body: FailureBody, parts: CurrentParts, principal: WorkerPrincipal
) -> Kept:
    """Ends an attempt that came to nothing: to be tried again, for good, or given back since the worker stops."""
    moment = now()
    with parts.database.write(about=f"job {job_id}") as session:
        job = queue.held(session, job_id, body.attempt, principal.token_id, or_ended=True)
        reason = scrub_text(body.reason)
        if queue.fail(session, job, body.ending, reason, moment, parts.metrics.jobs):
            _log(session, actor_of(principal, request), "job.fail", job, moment)
        return kept_document(job)


def _lease(parts: Parts, claim: queue.Claim, actor: Actor) -> LeasedJob | None:
    moment = now()
    with parts.database.read() as session:
        if not queue.has_work(session, claim, moment):
            return None
    # About this worker alone: two lease side by side, and each passes over the row that the other one has locked.
    with parts.database.write(about=f"lease {claim.token_id} {claim.worker}") as session:
        queue.expire(session, moment, parts.metrics.jobs)
        session.flush()
        job = queue.lease(session, claim, moment, parts.settings.jobs)
        if job is None:
            return None
        _log(session, actor, "job.lease", job, moment)
        return leased_document(job, parts.settings.jobs, parts.settings.limits.evidence_file_bytes)


def _subject(parts: Parts, job_id: str) -> str:
    """What a result is about: its case, where files of other workers arrive meanwhile, else the job itself."""
    with parts.database.read() as session:
        job = session.get(Job, job_id)
        return job.incident_id if job is not None and job.incident_id else f"job {job_id}"


def _log(session: Session, actor: Actor, action: str, job: Job, moment: datetime, digest: str | None = None) -> None:
    append(session, actor, Deed(action, f"/v1/jobs/{job.id}", job.incident_id, job.kind, digest), moment)
