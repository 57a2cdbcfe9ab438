"""Taking in files of evidence: streamed to where they are kept, checked, and only then visible."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import CancelScope
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.casework.cases import latest_document
from api.clock import now
from api.errors import StoreUnavailableError
from api.identity.principals import Principal
from api.intake.media_types import UNRECOGNISED, recognise
from api.parts import Parts
from api.problems import Problem, outage
from api.storage.evidence_store import EvidenceStore, StagedFile
from api.storage.tables import EvidenceFile, Incident


@dataclass(frozen=True)
class Upload:
    """What a sender says about a file before its bytes are read."""

    incident_id: str
    name: str
    sha256: str


async def receive(parts: Parts, principal: Principal, upload: Upload, chunks: AsyncIterator[bytes]) -> bool:
    """Stores a file of evidence.

    Returns:
        True when it is new, False when it was there already.

    Raises:
        Problem: 403, 404 or 409 as `_check` says; 400 when the content is not what the digest says; 413 too large; 503
            when it can't be kept at the moment.
    """
    await run_in_threadpool(_check_before, parts, principal, upload)
    try:
        async with _staged(parts.store, upload.sha256) as staged:
            await _write(staged, chunks, parts.settings.limits.evidence_file_bytes)
            if staged.sha256 != upload.sha256:
                raise Problem(
                    400, f"{upload.name} has the SHA-256 {staged.sha256}, not {upload.sha256}; nothing has been kept."
                )
            return await run_in_threadpool(_store, parts, principal, upload, staged)
    except StoreUnavailableError as error:
        raise outage(error) from None


@asynccontextmanager
async def _staged(store: EvidenceStore, sha256: str) -> AsyncGenerator[StagedFile]:
    """A file on its way in; giving it up may take a request to a bucket, so no part of it holds up other requests."""
    staging = store.stage(sha256)
    staged = await run_in_threadpool(staging.__enter__)
    try:
        yield staged
    finally:
        # Also when the sender's request is cancelled, and then nothing may wait in between.
        with CancelScope(shield=True):
            await run_in_threadpool(staging.__exit__, None, None, None)


async def _write(staged: StagedFile, chunks: AsyncIterator[bytes], limit_bytes: int) -> None:
    async for chunk in chunks:
        if staged.size_bytes + len(chunk) > limit_bytes:
            raise Problem(413, f"The file is too large; allowed are {limit_bytes} bytes.")
        await run_in_threadpool(staged.write, chunk)


def _check_before(parts: Parts, principal: Principal, upload: Upload) -> None:
    with parts.database.read() as session:
        _check(session, principal, upload)


def _check(session: Session, principal: Principal, upload: Upload) -> EvidenceFile | None:
    """Looks whether this file may come, and whether it is there already.

    Raises:
        Problem: 404 unknown incident; 403 outside the principal's cameras; 409 when the incident names another digest,
            or when there is another file of that name.
    """
    incident = session.get(Incident, upload.incident_id)
    if incident is None:
        raise Problem(404, f"There is no incident {upload.incident_id}.")
    principal.require_camera(incident.camera_id)
    stored = session.get(EvidenceFile, (upload.incident_id, upload.name))
    if stored is not None and stored.sha256 != upload.sha256:
        raise Problem(409, f"{upload.name} is there with other content.", stored_sha256=stored.sha256)
    for item in latest_document(session, incident).get("evidence", ()):
        if item["name"] == upload.name and item["sha256"] != upload.sha256:
            raise Problem(
                409, f"The incident says that {upload.name} has other content.", declared_sha256=item["sha256"]
            )
    return stored


def _store(parts: Parts, principal: Principal, upload: Upload, staged: StagedFile) -> bool:
    with parts.database.read() as session:
        # What is there already, or was and has been deleted by a rule, is not stored once more.
        if _check(session, principal, upload) is not None:
            return False
    staged.sync()
    media_type = recognise(upload.name, staged.head)
    # The bytes first, then the row: a crash between leaves a file that nobody sees, never a row without its file.
    # And within the transaction, so that of two that race the second sees the first. (In a bucket the object of the second
    # lies there by then, under a digest that no row names.)
    with parts.database.write(about=upload.incident_id) as session:
        if _check(session, principal, upload) is not None:
            return False
        parts.store.publish(staged)
        session.add(
            EvidenceFile(
                incident_id=upload.incident_id,
                name=upload.name,
                sha256=upload.sha256,
                size_bytes=staged.size_bytes,
                media_type=media_type,
                received_at=now(),
                token_id=principal.token_id,
            )
        )
    parts.metrics.evidence_files.labels("unrecognised" if media_type == UNRECOGNISED else media_type).inc()
    parts.metrics.evidence_bytes.inc(staged.size_bytes)
    return True
