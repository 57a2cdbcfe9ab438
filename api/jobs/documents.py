"""Jobs as they travel: to people, who see how far one has got, and to workers, who see what there is to do."""

import json
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints
from sqlalchemy.orm import Session

from api.jobs.kinds import RULES, JobKind, JobState
from api.jobs.planning import spec_of
from api.jobs.queue import REASON_CHARACTERS, Ending, failure_documents
from api.jobs.settings import JobSettings
from api.schema import EvidenceName, Identifier, Sha256Hex, as_utc_text
from api.storage.tables import Job

LEASE_WAIT_MAX_S = 20.0
CAMERAS_MAX = 2000
"""So many cameras of a worker are asked for at once; it has some hundred at most."""

STAGE_CHARACTERS = 200
ATTEMPT_MAX = 2**31 - 1


class JobFailureDocument(BaseModel):
    """Why an attempt came to nothing."""

    attempt: int
    at: str
    worker: str | None
    reason: str


class JobFileDocument(BaseModel):
    """A file that a job makes, and where it is once the job is done."""

    name: str
    media_type: str
    href: str | None


class JobDocument(BaseModel):
    """A job."""

    id: str
    kind: JobKind
    state: JobState
    camera: str | None
    incident: str | None
    source: str | None = Field(description="The file of evidence that it starts from")
    address: str | None
    requested_by: str
    requested_at: str
    attempt: int
    attempts_max: int
    progress: float = Field(ge=0, le=1)
    stage: str | None
    finished_at: str | None
    result: dict[str, JsonValue] | None
    files: list[JobFileDocument]
    failures: list[JobFailureDocument]


class JobPage(BaseModel):
    """One page of a list, newest first; `next` is the cursor of the following one."""

    jobs: list[JobDocument]
    next: str | None


class _FromWorker(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LeaseBody(_FromWorker):
    """What a worker can do."""

    kinds: list[JobKind] = Field(min_length=1, max_length=20)
    cameras: list[Identifier] = Field(
        default_factory=list, max_length=CAMERAS_MAX, description="Cameras whose address the worker has"
    )
    wait_s: float = Field(default=0.0, ge=0, le=LEASE_WAIT_MAX_S, description="For how long to wait for a job")


class OutputDocument(BaseModel):
    """A file that the worker has to send."""

    name: str
    media_type: str
    max_bytes: int


class LeasedJob(BaseModel):
    """What there is to do. Files of evidence are fetched from their `href` with the worker's token."""

    id: str
    kind: JobKind
    attempt: int
    lease_s: float = Field(description="A sign of life is due within this time")
    camera: str | None
    incident: str | None
    spec: dict[str, JsonValue]
    outputs: list[OutputDocument]


Attempt = Annotated[int, Field(ge=1, le=ATTEMPT_MAX, description="The number of the worker's lease")]


class ProgressBody(_FromWorker):
    """A sign of life."""

    attempt: Attempt
    progress: float = Field(default=0.0, ge=0, le=1)
    stage: Annotated[str, StringConstraints(max_length=STAGE_CHARACTERS)] | None = None


class ResultBody(_FromWorker):
    """What came of it. Its files have been sent before."""

    attempt: Attempt
    result: dict[str, JsonValue]
    files: dict[EvidenceName, Sha256Hex] = Field(default_factory=dict, max_length=10)


class FailureBody(_FromWorker):
    """Why it came to nothing, and whether it may be tried again."""

    attempt: Attempt
    reason: Annotated[str, StringConstraints(min_length=1, max_length=REASON_CHARACTERS)]
    ending: Ending = Ending.RETRY


class Kept(BaseModel):
    """How the job stands after what the worker has told."""

    id: str
    state: JobState
    leased_until: str | None = None


class JobFileReceipt(BaseModel):
    """The file that is now kept."""

    name: str
    sha256: str


State = Literal["waiting", "leased", "done", "failed", "cancelled"]


def document_of(session: Session, job: Job) -> JobDocument:
    """A job as people see it: no login is in it, since none is kept."""
    spec = spec_of(job.spec)
    source = spec.get("source") or {}
    return JobDocument(
        id=job.id,
        kind=JobKind(job.kind),
        state=JobState(job.state),
        camera=job.camera_id,
        incident=job.incident_id,
        source=source.get("name"),
        address=spec.get("address"),
        requested_by=job.requested_by,
        requested_at=as_utc_text(job.requested_at),
        attempt=job.attempt,
        attempts_max=job.attempts_max,
        progress=job.progress,
        stage=job.stage,
        finished_at=as_utc_text(job.finished_at) if job.finished_at else None,
        result=json.loads(job.result) if job.result else None,
        files=[_file(job, output) for output in spec["outputs"]],
        failures=[JobFailureDocument(**row) for row in failure_documents(session, job.id)],
    )


def leased_document(job: Job, settings: JobSettings, evidence_file_bytes: int) -> LeasedJob:
    """A job as its worker sees it."""
    spec = spec_of(job.spec)
    limit = evidence_file_bytes if RULES[JobKind(job.kind)].makes_evidence else settings.result_bytes
    return LeasedJob(
        id=job.id,
        kind=JobKind(job.kind),
        attempt=job.attempt,
        lease_s=settings.lease_s,
        camera=job.camera_id,
        incident=job.incident_id,
        spec={key: value for key, value in spec.items() if key not in ("outputs", "key")},
        outputs=[OutputDocument(**output, max_bytes=limit) for output in spec["outputs"]],
    )


def kept_document(job: Job) -> Kept:
    """What a worker is told."""
    until = as_utc_text(job.leased_until) if job.leased_until else None
    return Kept(id=job.id, state=JobState(job.state), leased_until=until)


def result_lasts(settings: JobSettings) -> timedelta:
    """For how long a file is kept that is no evidence."""
    return timedelta(hours=settings.result_hours)


def _file(job: Job, output: dict[str, Any]) -> JobFileDocument:
    is_evidence = RULES[JobKind(job.kind)].makes_evidence
    where = f"/v1/incidents/{job.incident_id}/evidence" if is_evidence else f"/v1/jobs/{job.id}/files"
    href = f"{where}/{output['name']}" if job.state == JobState.DONE else None
    return JobFileDocument(name=output["name"], media_type=output["media_type"], href=href)
