"""What follows from something that a worker has sent: the camera verifies, the audit log says so."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.casework.case_flow import verify_by_camera
from api.casework.cases import latest_document
from api.casework.workflow import PROOF_STILL
from api.intake.ingest import Ingested
from api.notices.telling import tell_evidence, tell_revision
from api.records.audit import Actor, Deed, append
from api.settings import Settings
from api.storage.tables import AuditEntry, EvidenceFile, Incident


def revision_arrived(
    session: Session, settings: Settings, actor: Actor, incident_id: str, done: Ingested, moment: datetime
) -> None:
    """Follows up a stored revision, within its transaction; nothing follows from the same one once more."""
    if done.outcome == "unchanged":
        return
    incident = session.get_one(Incident, incident_id)
    tell_revision(session, incident, done.document, done.before, moment)
    if done.outcome == "updated":  # before an incident is there, none of its files is
        tell_evidence(session, incident, done.document, moment)
        verify_by_camera(session, settings, incident, moment)
    deed = Deed("revision", f"/v1/incidents/{incident_id}", incident_id, content_sha256=done.digest)
    append(session, actor, deed, moment)


def evidence_arrived(
    session: Session, settings: Settings, actor: Actor, incident_id: str, name: str, moment: datetime
) -> None:
    """Follows up a stored file; doing so twice does no harm, so a worker that repeats itself mends what a crash cut off."""
    incident = session.get(Incident, incident_id, with_for_update=True)
    file = session.get(EvidenceFile, (incident_id, name))
    if incident is None or file is None or file.deleted_at is not None:
        return
    if name == PROOF_STILL:
        verify_by_camera(session, settings, incident, moment)
    tell_evidence(session, incident, latest_document(session, incident), moment)
    path = f"/v1/incidents/{incident_id}/evidence/{name}"
    known = select(AuditEntry.sequence).where(AuditEntry.object == path, AuditEntry.action == "evidence").limit(1)
    if session.scalar(known) is None:
        append(session, actor, Deed("evidence", path, incident_id, content_sha256=file.sha256), moment)


def was_deleted(session: Session, incident_id: str, name: str, sha256: str) -> bool:
    """Whether this very file was here and its time is over: a worker that sends it again does not bring it back."""
    file = session.get(EvidenceFile, (incident_id, name))
    return file is not None and file.sha256 == sha256 and file.deleted_at is not None
