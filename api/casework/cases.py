"""A case as the outside sees it: the latest revision, the latest verdict, and which evidence has arrived."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.casework.case_summary import event_documents, events_of, photo_documents, summaries
from api.identity.principals import Principal
from api.identity.scope import Scope
from api.jobs.derived import derived_items
from api.problems import Hidden, Problem
from api.schema import as_utc_text
from api.storage.tables import DerivedFile, EvidenceFile, Incident, IncidentRevisionRow, Review


def find_incident(session: Session, principal: Principal, incident_id: str, *, for_change: bool = False) -> Incident:
    """Finds an incident that the principal may see; `for_change` holds its row until the transaction ends.

    Raises:
        Problem: 404, also when it lies outside the principal's cameras: what is there is nobody else's business.
    """
    incident = session.get(Incident, incident_id, with_for_update=for_change)
    nothing = f"There is no incident {incident_id}."
    if incident is None:
        raise Problem(404, nothing)
    if not principal.covers(incident.camera_id):
        raise Hidden(nothing)
    return incident


def latest_document(session: Session, incident: Incident) -> dict[str, Any]:
    """The latest revision as it came."""
    return revision_document(session, incident.id, incident.revision)


def revision_document(session: Session, incident_id: str, revision: int) -> dict[str, Any]:
    """A revision as it came."""
    row = session.get_one(IncidentRevisionRow, (incident_id, revision))
    document: dict[str, Any] = json.loads(row.body)
    return document


def review_document(review: Review) -> dict[str, Any]:
    """A verdict, as it travels."""
    return {
        "verdict": review.verdict,
        "reason": review.reason,
        "note": review.note,
        "reviewer": review.user_name,
        "reviewed_at": as_utc_text(review.reviewed_at),
        "revision": review.revision,
    }


def case_documents(
    session: Session, incidents: Sequence[Incident], cameras: Scope, moment: datetime
) -> list[dict[str, Any]]:
    """Builds the cases of some incidents with one query per table, in their order, as `summaries` does."""
    ids = [incident.id for incident in incidents]
    # Joined: a list of pairs to look for would be a scan of the whole table on SQLite.
    is_latest = (IncidentRevisionRow.incident_id == Incident.id) & (IncidentRevisionRow.revision == Incident.revision)
    rows = session.scalars(select(IncidentRevisionRow).join(Incident, is_latest).where(Incident.id.in_(ids)))
    bodies: dict[str, dict[str, Any]] = {row.incident_id: json.loads(row.body) for row in rows}
    newest = select(func.max(Review.id)).where(Review.incident_id.in_(ids)).group_by(Review.incident_id)
    reviews = {row.incident_id: row for row in session.scalars(select(Review).where(Review.id.in_(newest)))}
    files: dict[str, dict[str, EvidenceFile]] = defaultdict(dict)
    for file in session.scalars(select(EvidenceFile).where(EvidenceFile.incident_id.in_(ids))):
        files[file.incident_id][file.name] = file
    derived: dict[str, list[DerivedFile]] = defaultdict(list)
    for made in session.scalars(select(DerivedFile).where(DerivedFile.incident_id.in_(ids)).order_by(DerivedFile.name)):
        derived[made.incident_id].append(made)
    summary = summaries(session, incidents, cameras, moment)
    return [
        _case(incident, bodies[incident.id], reviews.get(incident.id), files[incident.id], derived[incident.id])
        | {"case": summary[incident.id]}
        for incident in incidents
    ]


def history_documents(session: Session, incident: Incident, cameras: Scope) -> list[dict[str, Any]]:
    """Everything that happened to a case, oldest first: revisions, files, verdicts, and what people did to it.

    Other cases outside of `cameras` are not named.
    """
    events: list[dict[str, Any]] = []
    for row in session.scalars(select(IncidentRevisionRow).where(IncidentRevisionRow.incident_id == incident.id)):
        state = json.loads(row.body).get("state")
        events.append(
            {
                "at": as_utc_text(row.received_at),
                "event": "revision",
                "revision": row.revision,
                "state": state,
                "digest": row.digest,
            }
        )
    photos = {photo["name"] for photo in photo_documents(session, incident.id)}
    events.extend(
        {"at": as_utc_text(file.received_at), "event": "evidence", "name": file.name, "sha256": file.sha256}
        for file in session.scalars(select(EvidenceFile).where(EvidenceFile.incident_id == incident.id))
        if file.name not in photos
    )
    events.extend(
        {"at": as_utc_text(review.reviewed_at), "event": "review", **review_document(review)}
        for review in session.scalars(select(Review).where(Review.incident_id == incident.id).order_by(Review.id))
    )
    deeds = event_documents(session, events_of(session, incident.id), incident, cameras)
    events.extend({"event": "case", **deed} for deed in deeds)
    return sorted(events, key=lambda event: event["at"])


def _case(
    incident: Incident,
    body: dict[str, Any],
    review: Review | None,
    files: dict[str, EvidenceFile],
    derived: Sequence[DerivedFile],
) -> dict[str, Any]:
    items = [*body.get("evidence", ()), *derived_items(derived, body.get("evidence", ()), files)]
    return {
        **body,
        "revision": incident.revision,
        "received_at": as_utc_text(incident.received_at),
        "updated_at": as_utc_text(incident.updated_at),
        # A case that was reopened has to be judged anew.
        "review": review_document(review) if review and incident.verdict else None,
        "evidence": [_evidence(incident.id, item, files.get(item["name"])) for item in items],
    }


def _evidence(incident_id: str, item: dict[str, Any], file: EvidenceFile | None) -> dict[str, Any]:
    known = file is not None and file.sha256 == item["sha256"]
    deleted_at = file.deleted_at if file and known else None
    stored = known and deleted_at is None
    return {
        **item,
        "stored": stored,
        **({"deleted_at": as_utc_text(deleted_at)} if deleted_at else {}),
        "size_bytes": file.size_bytes if file and stored else None,
        "media_type": file.media_type if file and stored else None,
        "href": f"/v1/incidents/{incident_id}/evidence/{item['name']}",
    }
