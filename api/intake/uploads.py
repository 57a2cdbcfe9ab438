"""Taking in files of evidence: streamed to where they are kept, checked, and only then visible."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.casework.cases import latest_document
from api.clock import now
from api.identity.principals import Principal
from api.intake.media_types import UNRECOGNISED, recognise, require_evidence
from api.intake.staging import take_in
from api.parts import Parts
from api.problems import Problem
from api.storage.evidence_store import StagedFile
from api.storage.tables import EvidenceFile, Incident
from api.tracing import part


@dataclass(frozen=True)
class Upload:
    """What a sender says about a file before its bytes are read."""

    incident_id: str
    name: str
    sha256: str
    along: Callable[[Session], None] | None = None
    """Checks and writes down what belongs to a new file, in its transaction: both are there, or neither is."""


async def receive(parts: Parts, principal: Principal, upload: Upload, chunks: AsyncIterator[bytes]) -> bool:
    """Stores a file of evidence.

    Returns:
        True when it is new, False when it was there already.

    Raises:
        Problem: 403, 404 or 409 as `check` says; as `store`; and as `staging.take_in`.
    """
    await run_in_threadpool(_check_before, parts, principal, upload)
    limit_bytes = parts.settings.limits.evidence_file_bytes
    keep = partial(store, parts, principal, upload)
    return await take_in(parts.store, upload.name, upload.sha256, chunks, limit_bytes, keep)


def _check_before(parts: Parts, principal: Principal, upload: Upload) -> None:
    with parts.database.read() as session:
        check(session, principal, upload)


def check(session: Session, principal: Principal, upload: Upload) -> EvidenceFile | None:
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


def store(parts: Parts, principal: Principal, upload: Upload, staged: StagedFile) -> bool:
    """Makes a file evidence, once its digest has been checked.

    Returns:
        True when it is new, False when it was there already.

    Raises:
        Problem: As `check`; 415 for an archive, a program or a page; and whatever `along` raises.
        StoreUnavailableError: It can't be kept at the moment.
    """
    with parts.database.read() as session:
        # What is there already, or was and has been deleted by a rule, is not stored once more.
        if check(session, principal, upload) is not None:
            return False
    require_evidence(upload.name, staged.head)
    with part("evidence.sync", bytes=staged.size_bytes):
        staged.sync()
    media_type = recognise(upload.name, staged.head)
    # The bytes first, then the row: a crash between leaves a file that nobody sees, never a row without its file.
    # And within the transaction, so that of two that race the second sees the first. (In a bucket the object of the second
    # lies there by then, under a digest that no row names.)
    with parts.database.write(about=upload.incident_id) as session:
        if check(session, principal, upload) is not None:
            return False
        with part("evidence.publish", bytes=staged.size_bytes):
            parts.store.publish(staged)
        if upload.along is not None:
            # Behind the bytes: an entry in the log makes all other writers wait until the commit.
            upload.along(session)
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
