"""Jobs for people: asking for work that needs pictures, seeing how far it has got, taking it back."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from api.clock import now
from api.handout.sending import SentFile, answer_with_file
from api.identity.principals import PERSONS, AdministratorPrincipal, CurrentPrincipal, Principal, Role
from api.jobs import queue
from api.jobs.documents import JobDocument, JobPage, State, document_of, result_lasts
from api.jobs.kinds import AskedJob, JobKind, JobState
from api.jobs.outputs import forget
from api.jobs.planning import check, plan
from api.parts import CurrentParts, Parts
from api.problems import Problem, documented
from api.records.audit import Actor, Deed, actor_of, append, is_known
from api.schema import EvidenceName, Identifier, IncidentId
from api.storage.tables import Job, JobFile

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

JobInPath = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$", description="The job's id")]

_ERRORS = documented(401, 403, 404, 409, 422)


@router.post(
    "",
    status_code=201,
    responses={
        200: {"model": JobDocument, "description": "The same has been asked for already: this is that job"},
        201: {"description": "A new job"},
        **documented(401, 403, 404, 409, 410, 413, 415, 422, 429),
    },
)
def post_job(
    request: Request,
    response: Response,
    body: Annotated[AskedJob, Body()],
    parts: CurrentParts,
    principal: CurrentPrincipal,
) -> JobDocument:
    """Asks for work that needs pictures. The same asked twice is one job."""
    _require_person(principal)
    check(principal, body, parts.settings.camera_networks)
    moment = now()
    with parts.database.write(about="jobs") as session:
        planned = plan(session, principal, body)
        job, is_new = queue.add(session, planned, _requester(principal), moment, parts.settings.jobs)
        document = document_of(session, job)
        if is_new:
            _log(session, actor_of(principal, request), "job.ask", job, moment)
    response.status_code = 201 if is_new else 200
    return document


@router.get("", responses=documented(401, 403, 422))
def get_jobs(  # noqa: PLR0917 - one for each filter
    parts: CurrentParts,
    principal: CurrentPrincipal,
    kind: Annotated[JobKind | None, Query()] = None,
    state: Annotated[State | None, Query()] = None,
    incident: Annotated[IncidentId | None, Query()] = None,
    camera: Annotated[Identifier | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=36, description="`next` of the page before")] = None,
) -> JobPage:
    """Jobs, newest first; with `state=failed` the dead letters, each with its reasons."""
    _require_person(principal)
    chosen = select(Job).order_by(Job.requested_at.desc(), Job.id.desc()).limit(limit + 1)
    if principal.cameras is not None:
        chosen = chosen.where(Job.camera_id.in_(sorted(principal.cameras)))
    for column, value in ((Job.kind, kind), (Job.state, state), (Job.incident_id, incident), (Job.camera_id, camera)):
        if value is not None:
            chosen = chosen.where(column == value)
    with parts.database.read() as session:
        if cursor is not None:
            last = session.get(Job, cursor)
            if last is None or not _sees(principal, last):
                raise Problem(422, "cursor: allowed is what `next` of a page said.")
            older = Job.requested_at < last.requested_at
            chosen = chosen.where(or_(older, and_(Job.requested_at == last.requested_at, Job.id < last.id)))
        jobs = session.scalars(chosen).all()
        page = [document_of(session, job) for job in jobs[:limit]]
    return JobPage(jobs=page, next=page[-1].id if len(jobs) > limit else None)


@router.get("/{job_id}", responses=documented(401, 403, 404, 422))
def get_job(job_id: JobInPath, parts: CurrentParts, principal: CurrentPrincipal) -> JobDocument:
    """One job: its state, how far it has got, and where what it made is."""
    with parts.database.read() as session:
        return document_of(session, _find(session, principal, job_id))


@router.post("/{job_id}/cancel", responses=_ERRORS)
def post_cancel(request: Request, job_id: JobInPath, parts: CurrentParts, principal: CurrentPrincipal) -> JobDocument:
    """Takes a job back: whoever asked for it may, and administrators."""
    moment = now()
    with parts.database.write() as session:
        job = _find(session, principal, job_id, for_change=True)
        if principal.role is not Role.ADMINISTRATOR and job.requester != _requester(principal).id:
            raise Problem(403, f"{job.requested_by} has asked for this job; they can cancel it, and administrators.")
        queue.cancel(job, moment)
        forget(session, parts.store, [job.id])
        document = document_of(session, job)
        _log(session, actor_of(principal, request), "job.cancel", job, moment)
    return document


@router.post("/{job_id}/retry", responses=_ERRORS)
def post_retry(
    request: Request, job_id: JobInPath, parts: CurrentParts, principal: AdministratorPrincipal
) -> JobDocument:
    """Lets a job be tried again that has failed or was cancelled."""
    moment = now()
    with parts.database.write(about="jobs") as session:
        job = _find(session, principal, job_id, for_change=True)
        queue.retry(session, job, moment, parts.settings.jobs)
        session.flush()
        document = document_of(session, job)
        _log(session, actor_of(principal, request), "job.retry", job, moment)
    return document


@router.get(
    "/{job_id}/files/{name}",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The file", "content": {"image/jpeg": {}}},
        206: {"description": "The part that `Range` asks for", "content": {"image/jpeg": {}}},
        304: {"description": "Not changed"},
        **documented(401, 403, 404, 410, 416, 422, 503),
    },
)
def get_file(
    request: Request, job_id: JobInPath, name: EvidenceName, parts: CurrentParts, principal: CurrentPrincipal
) -> Response:
    """A file that a job has made and that is no evidence: for some hours, then 410. Every access is registered."""
    moment = now()
    with parts.database.read() as session:
        job = _find(session, principal, job_id)
        file = session.get(JobFile, (job_id, name))
        made = [output.name for output in document_of(session, job).files if output.href == request.url.path]
    if job.state != JobState.DONE or name not in made:
        raise Problem(404, f"Job {job_id} has made no file {name}.")
    is_over = job.finished_at is None or job.finished_at < moment - result_lasts(parts.settings.jobs)
    if is_over or file is None or parts.store.size_bytes(file.sha256) is None:
        raise Problem(410, f"{name} is gone: results are kept for {parts.settings.jobs.result_hours:g} h.")
    _register(parts, actor_of(principal, request), job, file)
    sent = SentFile(file.sha256, file.size_bytes, file.media_type, f"{job.camera_id or job_id}-{name}")
    return answer_with_file(request, parts.store, sent, parts.settings.storage.accel_redirect)


def _register(parts: Parts, actor: Actor, job: Job, file: JobFile) -> None:
    deed = Deed("view", f"/v1/jobs/{job.id}/files/{file.name}", job.incident_id, None, file.sha256)
    moment = now()
    with parts.database.read() as session:
        if is_known(session, actor, deed, moment):
            return
    with parts.database.write(about=f"job {job.id}") as session:
        append(session, actor, deed, moment)


def _require_person(principal: Principal) -> None:
    if principal.role not in PERSONS:
        raise Problem(403, f"{principal.name} is a {principal.role}; this takes one of: {', '.join(PERSONS)}.")


def _sees(principal: Principal, job: Job) -> bool:
    if job.camera_id is None:
        return principal.cameras is None
    return principal.covers(job.camera_id)


def _find(session: Session, principal: Principal, job_id: str, *, for_change: bool = False) -> Job:
    """A job that the principal may see.

    Raises:
        Problem: 403, 404.
    """
    _require_person(principal)
    job = session.get(Job, job_id, with_for_update=for_change)
    if job is None or not _sees(principal, job):
        raise Problem(404, f"There is no job {job_id}.")
    return job


def _requester(principal: Principal) -> queue.Requester:
    who = f"user {principal.user_id}" if principal.user_id is not None else f"token {principal.token_id}"
    return queue.Requester(who, principal.name)


def _log(session: Session, actor: Actor, action: str, job: Job, moment: datetime) -> None:
    append(session, actor, Deed(action, f"/v1/jobs/{job.id}", job.incident_id, job.kind), moment)
