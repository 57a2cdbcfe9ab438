"""Taking in incidents: every revision is kept, the newest one counts, the same one twice does no harm."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.casework.case_flow import limit_of
from api.casework.urgency import urgency_of
from api.casework.workflow import Step
from api.clock import now
from api.fleet.leases import check_epoch
from api.identity.principals import Principal
from api.problems import Problem
from api.registry.known_cameras import make_known
from api.schema import IncidentRevision, canonical_json, content_digest
from api.settings import Settings
from api.storage.tables import Incident, IncidentRevisionRow


@dataclass(frozen=True)
class Ingested:
    """What became of a revision.

    Attributes:
        outcome: `created` for a new incident, `updated` for a new revision, `unchanged` for the same again.
        digest: SHA-256 (hex) of the canonical JSON that is now stored.
        document: The revision as it came.
        before: The incident's state until then; None for a new one.
    """

    outcome: Literal["created", "updated", "unchanged"]
    digest: str
    document: Mapping[str, Any]
    before: str | None = None


def ingest(
    session: Session,
    principal: Principal,
    revision: IncidentRevision,
    document: dict[str, Any],
    settings: Settings,
    epoch: int | None = None,
) -> Ingested:
    """Stores one revision.

    Args:
        session: A write transaction: of two that race, one sees what the other has stored.
        principal: Whoever sent it.
        revision: The incident as this version understands it.
        document: The same as it came, with whatever it does not.
        settings: The department's: until when a new case waits for its review.
        epoch: Of the lease under which the sender watches the camera, if it says.

    Raises:
        Problem: 403 outside the principal's cameras; 409 for an older revision, for the same number with other content,
            for an incident that is another camera's, or a camera that is another worker's by now.
    """
    principal.require_camera(revision.camera)
    digest = content_digest(document)
    moment = now()
    incident = session.get(Incident, revision.id, with_for_update=True)
    before = incident.state if incident is not None else None
    if incident is None:
        check_epoch(session, revision.camera, epoch, principal.token_id, revision.confirmed_at, moment)
        make_known(session, [revision.camera], moment)
        incident = Incident(
            id=revision.id,
            received_at=moment,
            camera_id=revision.camera,
            verdict=None,
            step=Step.DISCOVERED.value,
            step_at=moment,
        )
        _update(incident, revision, moment, settings)
        session.add(incident)
        session.flush()
        outcome: Literal["created", "updated"] = "created"
    else:
        principal.require_camera(incident.camera_id)
        if _is_stored(session, incident, revision, digest):
            return Ingested("unchanged", digest, document)
        check_epoch(session, revision.camera, epoch, principal.token_id, None, moment)
        _update(incident, revision, moment, settings)
        outcome = "updated"
    session.add(
        IncidentRevisionRow(
            incident_id=revision.id,
            revision=revision.revision,
            digest=digest,
            body=canonical_json(document).decode(),
            received_at=moment,
            token_id=principal.token_id,
        )
    )
    return Ingested(outcome, digest, document, before)


def _is_stored(session: Session, incident: Incident, revision: IncidentRevision, digest: str) -> bool:
    """Whether this is the latest revision once more.

    Raises:
        Problem: 409.
    """
    stored = session.scalar(
        select(IncidentRevisionRow.digest).where(
            IncidentRevisionRow.incident_id == incident.id, IncidentRevisionRow.revision == revision.revision
        )
    )
    if revision.revision == incident.revision and stored == digest:
        return True
    if revision.revision <= incident.revision:
        what = "has other content" if revision.revision == incident.revision else "is older"
        raise Problem(
            409,
            f"Revision {revision.revision} of {incident.id} {what}; stored is revision {incident.revision}.",
            latest_revision=incident.revision,
            stored_digest=stored,
        )
    if revision.camera != incident.camera_id:
        raise Problem(409, f"{incident.id} belongs to camera {incident.camera_id!r}, not {revision.camera!r}.")
    return False


def _update(incident: Incident, revision: IncidentRevision, moment: datetime, settings: Settings) -> None:
    incident.zone = revision.zone
    incident.type = revision.type
    incident.state = revision.state
    incident.revision = revision.revision
    incident.listed_at = revision.confirmed_at or revision.onset_at or revision.seen_from_at or incident.received_at
    incident.urgency = urgency_of(revision)
    incident.updated_at = moment
    # A candidate has no limit: its clock starts when a worker has confirmed it.
    if incident.step == Step.DISCOVERED and incident.due_at is None:
        incident.due_at = limit_of(settings, incident, moment)
