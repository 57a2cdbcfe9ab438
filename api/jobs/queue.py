"""The queue itself. Time is handed in; every function is called within a write transaction of its own.

waiting → leased → done. An attempt that fails, or whose worker gives no sign of life, leads back to waiting; the last one
to failed, where the job stays with all its reasons until an administrator lets it be tried again.
"""

import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from api.jobs.counters import JobMetrics
from api.jobs.kinds import OPEN, RULES, JobKind, JobState
from api.jobs.planning import PlannedJob, spec_of
from api.jobs.settings import JobSettings
from api.problems import Problem
from api.schema import as_utc_text, canonical_json
from api.storage.tables import Job, JobFailure

RETRY_FIRST_S = 5.0
RETRY_FACTOR = 4.0
"""Waits before the next attempt: 5 s, 20 s, 80 s."""

ATTEMPTS_EVER = 100
"""A job that is given back again and again ends, too."""

EXPIRED_AT_ONCE = 50
REASON_CHARACTERS = 1000


class Ending(StrEnum):
    """How an attempt ended that came to nothing."""

    RETRY = "retry"
    FINAL = "final"
    GIVEN_BACK = "given_back"


@dataclass(frozen=True)
class Requester:
    """Who asked for a job: what they are counted by, and what they are called."""

    id: str
    name: str


@dataclass(frozen=True)
class Claim:
    """What a worker can do.

    Attributes:
        kinds: Kinds of jobs.
        cameras: Cameras whose address it has.
        scope: Cameras that its token covers; None: all.
        worker: Its token's name.
        token_id: Its token.
    """

    kinds: Collection[str]
    cameras: Collection[str]
    scope: Collection[str] | None
    worker: str
    token_id: int | None


def add(
    session: Session, planned: PlannedJob, requester: Requester, moment: datetime, settings: JobSettings
) -> tuple[Job, bool]:
    """Puts a job into the queue, or finds the one that does the same already; tells whether it is new.

    Args:
        session: A transaction about "jobs", so that of two that ask for the same at once the second finds the first's.
        planned: From `api.jobs.planning`.
        requester: Who asks.
        moment: Now.
        settings: The bounds.

    Raises:
        Problem: 429: they have asked for too much at once.
    """
    known = session.scalar(select(Job).where(Job.active_key == planned.key))
    if known is not None:
        return known, False
    is_open = Job.state.in_(OPEN)
    count = session.scalar(select(func.count()).select_from(Job).where(Job.requester == requester.id, is_open)) or 0
    if count >= settings.active_per_requester:
        raise Problem(
            429,
            f"{requester.name} has {count} jobs under way; allowed are {settings.active_per_requester} at once.",
            headers={"Retry-After": "30"},
        )
    job = Job(
        id=str(uuid.uuid4()),
        kind=planned.kind.value,
        state=JobState.WAITING.value,
        priority=RULES[planned.kind].priority,
        camera_id=planned.camera_id,
        incident_id=planned.incident_id,
        spec=canonical_json({**planned.spec, "key": planned.key}).decode(),
        active_key=planned.key,
        needs_camera=planned.needs_camera,
        requester=requester.id,
        requested_by=requester.name,
        requested_at=moment,
        due_at=moment,
        attempt=0,
        attempts_max=settings.attempts,
        progress=0.0,
    )
    session.add(job)
    session.flush()
    return job, True


def has_work(session: Session, claim: Claim, moment: datetime) -> bool:
    """Whether a lease would find something, or a lease has run out; a look that locks nothing."""
    expired = select(Job.id).where(Job.state == JobState.LEASED, Job.leased_until <= moment).limit(1)
    waiting = select(Job.id).where(*_fitting(claim, moment)).limit(1)
    return session.scalar(expired) is not None or session.scalar(waiting) is not None


def lease(session: Session, claim: Claim, moment: datetime, settings: JobSettings) -> Job | None:
    """Gives a worker the next job that it can do and may do; two that ask at once get two different ones.

    The row is locked and rows that others have locked are passed over (on SQLite there is one writer at a time anyway).
    """
    job = session.scalar(
        select(Job)
        .where(*_fitting(claim, moment))
        .order_by(Job.priority, Job.due_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if job is None:
        return None
    job.state = JobState.LEASED.value
    job.attempt += 1
    job.leased_until = moment + timedelta(seconds=settings.lease_s)
    job.leased_by, job.leased_token_id = claim.worker, claim.token_id
    job.progress, job.stage = 0.0, None
    session.flush()
    return job


def expire(session: Session, moment: datetime, metrics: JobMetrics) -> int:
    """Takes jobs back from workers that gave no sign of life; gives how many."""
    rows = session.scalars(
        select(Job)
        .where(Job.state == JobState.LEASED, Job.leased_until <= moment)
        .limit(EXPIRED_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for job in rows:
        _end_attempt(session, job, Ending.RETRY, f"No sign of life from {job.leased_by} any more.", moment, metrics)
    return len(rows)


def held(session: Session, job_id: str, attempt: int, token_id: int | None, *, or_ended: bool = False) -> Job:
    """The job that a worker holds, its row locked. A lease that has run out still counts until somebody takes over.

    Args:
        session: The transaction.
        job_id: The job.
        attempt: The number of the worker's lease.
        token_id: The worker's token.
        or_ended: Also one of which this was the latest attempt: what is told twice is found out by the caller.

    Raises:
        Problem: 404; 409: somebody else has it by now, or it was cancelled.
    """
    job = session.get(Job, job_id, with_for_update=True)
    if job is None:
        raise Problem(404, f"There is no job {job_id}.")
    is_theirs = job.attempt == attempt and job.leased_token_id == token_id and attempt > 0
    if is_theirs and (job.state == JobState.LEASED or or_ended):
        return job
    raise not_held(job, attempt)


def not_held(job: Job, attempt: int) -> Problem:
    """The answer to a worker that does not hold a job any more."""
    what = f"it is {job.state}" if job.attempt == attempt else f"it is {job.state}, at attempt {job.attempt}"
    return Problem(409, f"Attempt {attempt} does not hold job {job.id} any more: {what}.", state=job.state)


def renew(job: Job, progress: float, stage: str | None, moment: datetime, settings: JobSettings) -> None:
    """Notes how far a held job has got, and lets its worker keep it on."""
    job.progress, job.stage = progress, stage
    job.leased_until = moment + timedelta(seconds=settings.lease_s)


def is_told_again(job: Job, attempt: int, digest: str) -> bool:
    """Whether a held or ended job has this very result already.

    Raises:
        Problem: 409: it is over in another way, or has another result.
    """
    if job.state == JobState.LEASED:
        return False
    if job.state == JobState.DONE and job.result_digest == digest:
        return True
    raise not_held(job, attempt)


def finish(job: Job, result: Mapping[str, Any], digest: str, moment: datetime, metrics: JobMetrics) -> None:
    """Ends a held job well; `digest` is that of what its worker said."""
    job.state, job.finished_at, job.leased_until = JobState.DONE.value, moment, None
    job.result, job.result_digest = json.dumps(result, ensure_ascii=False), digest
    job.progress, job.stage = 1.0, None
    if not RULES[JobKind(job.kind)].lasts:
        job.active_key = None
    metrics.done.labels(job.kind).inc()


def fail(session: Session, job: Job, ending: Ending, reason: str, moment: datetime, metrics: JobMetrics) -> bool:
    """Ends an attempt that came to nothing; telling it once more changes nothing. Gives whether it was news.

    Raises:
        Problem: 409: the attempt has ended in another way.
    """
    if session.get(JobFailure, (job.id, job.attempt)) is not None:
        return False
    if job.state != JobState.LEASED:
        raise not_held(job, job.attempt)
    _end_attempt(session, job, ending, reason, moment, metrics)
    return True


def cancel(job: Job, moment: datetime) -> None:
    """Takes a job back; a worker that is at it learns of it with its next sign of life.

    Raises:
        Problem: 409: it is over already.
    """
    if job.state not in OPEN:
        raise Problem(409, f"Job {job.id} is {job.state}; cancelled are jobs that are waiting or leased.")
    job.state, job.active_key, job.finished_at, job.leased_until = JobState.CANCELLED.value, None, moment, None


def retry(session: Session, job: Job, moment: datetime, settings: JobSettings) -> None:
    """Lets a job that failed, or was cancelled, be tried again.

    Raises:
        Problem: 409: it did neither, or another one does the same by now.
    """
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise Problem(409, f"Job {job.id} is {job.state}; tried again are jobs that are failed or cancelled.")
    key = str(spec_of(job.spec)["key"])
    other = session.scalar(select(Job.id).where(Job.active_key == key))
    if other is not None:
        raise Problem(409, f"Job {other} does the same.", job=other)
    job.state, job.active_key, job.due_at, job.finished_at = JobState.WAITING.value, key, moment, None
    job.attempts_max = job.attempt + settings.attempts
    job.progress, job.stage = 0.0, None


def failure_documents(session: Session, job_id: str) -> list[dict[str, Any]]:
    """Why attempts came to nothing, oldest first."""
    rows = session.scalars(select(JobFailure).where(JobFailure.job_id == job_id).order_by(JobFailure.attempt))
    return [
        {"attempt": row.attempt, "at": as_utc_text(row.at), "worker": row.worker, "reason": row.reason} for row in rows
    ]


def _fitting(claim: Claim, moment: datetime) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        Job.state == JobState.WAITING,
        Job.due_at <= moment,
        Job.kind.in_(sorted(claim.kinds)),
        or_(Job.needs_camera.is_(False), Job.camera_id.in_(sorted(claim.cameras))),
    ]
    if claim.scope is not None:
        conditions.append(Job.camera_id.in_(sorted(claim.scope)))
    return conditions


def _end_attempt(
    session: Session, job: Job, ending: Ending, reason: str, moment: datetime, metrics: JobMetrics
) -> None:
    session.add(
        JobFailure(
            job_id=job.id, attempt=job.attempt, at=moment, worker=job.leased_by, reason=reason[:REASON_CHARACTERS]
        )
    )
    if ending is Ending.GIVEN_BACK:
        job.attempts_max = min(job.attempts_max + 1, ATTEMPTS_EVER)
    else:
        metrics.attempts_failed.labels(job.kind).inc()
    job.leased_until, job.stage, job.progress = None, None, 0.0
    if ending is Ending.FINAL or job.attempt >= job.attempts_max:
        job.state, job.active_key, job.finished_at = JobState.FAILED.value, None, moment
        metrics.failed.labels(job.kind).inc()
        return
    job.state = JobState.WAITING.value
    tries = max(0, job.attempt - 1) if ending is Ending.RETRY else 0
    wait_s = RETRY_FIRST_S * RETRY_FACTOR ** min(tries, 3) if ending is Ending.RETRY else 0.0
    job.due_at = moment + timedelta(seconds=wait_s)
