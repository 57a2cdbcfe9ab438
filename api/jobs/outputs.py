"""Files that workers send for a job: checked, kept, and made evidence of the case once the job is done."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.clock import now
from api.identity.principals import Principal
from api.intake.media_types import recognise
from api.intake.staging import take_in
from api.jobs import queue
from api.jobs.kinds import RULES, JobKind
from api.jobs.planning import spec_of
from api.parts import Parts
from api.problems import Problem
from api.storage.evidence_store import EvidenceStore, StagedFile
from api.storage.leftovers import remove_unused
from api.storage.tables import DerivedFile, EvidenceFile, Job, JobFile

KIND_OF_COPY = {JobKind.VIEWING_COPY: "clip", JobKind.REDACTION: "redacted"}
"""What the file is in the case's list of evidence."""


@dataclass(frozen=True)
class Sent:
    """What a worker says about a file before its bytes are read."""

    job_id: str
    attempt: int
    name: str
    sha256: str


async def receive(parts: Parts, principal: Principal, sent: Sent, chunks: AsyncIterator[bytes]) -> bool:
    """Keeps a file of a job that the worker holds; it is nobody else's to see until the job is done.

    Returns:
        True when it is new, False when it was there already.

    Raises:
        Problem: 404 for an unknown job, or a name that this job makes no file of; 409 when the worker does not hold it; 413
            too large; 415 when it is not what its name says; 400 when its content is not what the digest says; 503.
    """
    media_type, limit_bytes = await run_in_threadpool(_expected, parts, principal, sent)

    def keep(staged: StagedFile) -> bool:
        if recognise(sent.name, staged.head) != media_type:
            raise Problem(415, f"{sent.name} has to be {media_type}, and its bytes are not.")
        return _store(parts, principal, sent, staged)

    return await take_in(parts.store, sent.name, sent.sha256, chunks, limit_bytes, keep)


def publish(
    session: Session,
    store: EvidenceStore,
    job: Job,
    names: Mapping[str, str],
    about: Mapping[str, Any],
    moment: datetime,
) -> None:
    """Makes the files of a job that is done what they are for.

    Args:
        session: The transaction in which the job ends; about its incident, if it has one.
        store: Where the files lie.
        job: Held.
        names: Digests by name, as the worker says it has sent them.
        about: What the job says about how it was made.
        moment: Now.

    Raises:
        Problem: 409: a file is missing or another one; the original is not there any more.
        StoreUnavailableError: Nobody can tell whether the files are there.
    """
    wanted = {str(output["name"]) for output in spec_of(job.spec)["outputs"]}
    files = {
        file.name: file
        for file in session.scalars(select(JobFile).where(JobFile.job_id == job.id, JobFile.attempt == job.attempt))
    }
    if wanted != set(names) or any(name not in files or files[name].sha256 != names[name] for name in names):
        shown = ", ".join(sorted(wanted)) or "none"
        raise Problem(409, f"Job {job.id} has to send these files before its result: {shown}; what came is not that.")
    # A database that was restored from a copy may know of files that came after the copy of the evidence.
    if lost := [name for name, file in files.items() if store.size_bytes(file.sha256) != file.size_bytes]:
        raise Problem(
            409, f"Job {job.id} has to send {', '.join(sorted(lost))} again: the bytes are not there any more."
        )
    kind = JobKind(job.kind)
    if not RULES[kind].makes_evidence or job.incident_id is None:
        return
    source = spec_of(job.spec)["source"]
    original = session.get(EvidenceFile, (job.incident_id, source["name"]))
    if original is None or original.deleted_at is not None or original.sha256 != source["sha256"]:
        raise Problem(409, f"{source['name']} is not there any more: nothing made from it is kept.")
    for file in files.values():
        _become_evidence(session, job, file, source, about, moment)


def _become_evidence(
    session: Session,
    job: Job,
    file: JobFile,
    source: Mapping[str, str],
    about: Mapping[str, Any],
    moment: datetime,
) -> None:
    if job.incident_id is None:
        return
    if session.get(EvidenceFile, (job.incident_id, file.name)) is not None:
        raise Problem(409, f"{file.name} is there already.")
    session.add(
        EvidenceFile(
            incident_id=job.incident_id,
            name=file.name,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            media_type=file.media_type,
            received_at=moment,
            token_id=job.leased_token_id,
        )
    )
    session.add(
        DerivedFile(
            incident_id=job.incident_id,
            name=file.name,
            kind=KIND_OF_COPY[JobKind(job.kind)],
            derived_from=source["name"],
            source_sha256=source["sha256"],
            job_id=job.id,
            requested_by=job.requested_by,
            made_at=moment,
            about=json.dumps(about, ensure_ascii=False),
        )
    )
    session.delete(file)


def forget(session: Session, store: EvidenceStore, job_ids: Iterable[str]) -> int:
    """Removes the files of some jobs, and their bytes where nobody else has the same; gives how many.

    Call it in a transaction that is about everything.
    """
    files = session.scalars(select(JobFile).where(JobFile.job_id.in_(list(job_ids)))).all()
    digests = {file.sha256 for file in files}
    for file in files:
        session.delete(file)
    remove_unused(session, store, digests)
    return len(files)


def _output(job: Job, name: str) -> dict[str, str]:
    outputs: list[dict[str, str]] = spec_of(job.spec)["outputs"]
    for output in outputs:
        if output["name"] == name:
            return output
    allowed = ", ".join(output["name"] for output in outputs) or "none"
    raise Problem(404, f"Job {job.id} makes no file {name}; its files are: {allowed}.")


def _expected(parts: Parts, principal: Principal, sent: Sent) -> tuple[str, int]:
    """What the file has to be, and how large it may be."""
    with parts.database.write(about=f"job {sent.job_id}") as session:
        job = queue.held(session, sent.job_id, sent.attempt, principal.token_id)
        media_type = _output(job, sent.name)["media_type"]
        if RULES[JobKind(job.kind)].makes_evidence:
            return media_type, parts.settings.limits.evidence_file_bytes
        return media_type, parts.settings.jobs.result_bytes


def _store(parts: Parts, principal: Principal, sent: Sent, staged: StagedFile) -> bool:
    staged.sync()
    with parts.database.write() as session:
        job = queue.held(session, sent.job_id, sent.attempt, principal.token_id)
        media_type = _output(job, sent.name)["media_type"]
        known = session.get(JobFile, (sent.job_id, sent.name))
        is_same = known is not None and (known.sha256, known.attempt) == (sent.sha256, sent.attempt)
        if is_same and parts.store.size_bytes(sent.sha256) == staged.size_bytes:
            return False
        parts.store.publish(staged)
        before = known.sha256 if known is not None else None
        if known is not None:
            session.execute(delete(JobFile).where(JobFile.job_id == sent.job_id, JobFile.name == sent.name))
            session.expunge(known)
        session.add(
            JobFile(
                job_id=sent.job_id,
                name=sent.name,
                attempt=sent.attempt,
                sha256=sent.sha256,
                size_bytes=staged.size_bytes,
                media_type=media_type,
                received_at=now(),
            )
        )
        session.flush()
        if before is not None and before != sent.sha256:
            remove_unused(session, parts.store, {before})
    return True
