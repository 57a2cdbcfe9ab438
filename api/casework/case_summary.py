"""Where people have got with a case: its step, limit, assignee, tags, lock, photos, and what it is merged with."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.casework.working_hours import WorkingCalendar, worked_s
from api.schema import as_utc_text
from api.storage.tables import CaseEvent, CaseLock, CasePhoto, CaseTag, EvidenceFile, Incident, User


def summaries(session: Session, incidents: Sequence[Incident], moment: datetime) -> dict[str, dict[str, Any]]:
    """Builds the summaries of some cases with one query per table, by the id of their incident.

    Args:
        session: A transaction.
        incidents: Whose cases.
        moment: Now: what is overdue, and which locks still hold.
    """
    ids = [incident.id for incident in incidents]
    people = {incident.assignee_id for incident in incidents if incident.assignee_id is not None}
    names: dict[int, str] = dict(session.execute(select(User.id, User.name).where(User.id.in_(people))).all())
    tags: dict[str, list[str]] = defaultdict(list)
    for tag in session.scalars(select(CaseTag).where(CaseTag.incident_id.in_(ids)).order_by(CaseTag.tag)):
        tags[tag.incident_id].append(tag.tag)
    held = select(CaseLock).where(CaseLock.incident_id.in_(ids), CaseLock.expires_at > moment)
    locks = {lock.incident_id: lock for lock in session.scalars(held)}
    parts: dict[str, list[str]] = defaultdict(list)
    merged = select(Incident.merged_into, Incident.id).where(Incident.merged_into.in_(ids)).order_by(Incident.id)
    for lead, part in session.execute(merged):
        parts[lead or ""].append(part)
    return {
        incident.id: {
            "step": incident.step,
            "step_at": as_utc_text(incident.step_at),
            "due_at": as_utc_text(incident.due_at) if incident.due_at else None,
            "overdue": incident.due_at is not None and incident.due_at < moment,
            "assignee": names.get(incident.assignee_id) if incident.assignee_id is not None else None,
            "tags": tags[incident.id],
            "lock": lock_document(locks.get(incident.id)),
            "hold": incident.hold_reason,
            "merged_into": incident.merged_into,
            "merged": parts[incident.id],
            "footage_deleted_at": as_utc_text(incident.footage_deleted_at) if incident.footage_deleted_at else None,
        }
        for incident in incidents
    }


def lock_document(lock: CaseLock | None) -> dict[str, Any] | None:
    """A lock, as it travels."""
    return {"by": lock.user_name, "until": as_utc_text(lock.expires_at)} if lock else None


def event_document(event: CaseEvent) -> dict[str, Any]:
    """Something that was done to a case, as it travels."""
    return {
        "at": as_utc_text(event.at),
        "action": event.action,
        "from": event.from_step,
        "to": event.to_step,
        "who": event.who,
        "unit": event.unit,
        "role": event.role,
        "reason": event.reason,
        "note": event.note,
        "value": event.value,
    }


def events_of(session: Session, incident_id: str) -> Sequence[CaseEvent]:
    """Everything that people, and the camera, did to a case, oldest first."""
    return session.scalars(select(CaseEvent).where(CaseEvent.incident_id == incident_id).order_by(CaseEvent.id)).all()


def worked_at_steps(
    events: Sequence[CaseEvent], incident: Incident, calendar: WorkingCalendar, moment: datetime
) -> dict[str, float]:
    """How much working time a case has spent at each step so far, in seconds: what it is appraised by.

    Args:
        events: What was done to it, oldest first.
        incident: Whose case.
        calendar: The department's.
        moment: Now, up to which the step counts that it is at.
    """
    spent: dict[str, float] = defaultdict(float)
    step, since = "discovered", incident.received_at
    for event in events:
        if event.to_step is None or event.from_step is None:
            continue
        spent[event.from_step] += worked_s(since, event.at, calendar)
        step, since = event.to_step, event.at
    spent[step] += worked_s(since, moment, calendar)
    return dict(spent)


def photo_documents(session: Session, incident_id: str) -> list[dict[str, Any]]:
    """The pictures that people took of what was done, oldest first."""
    rows = session.execute(
        select(CasePhoto, EvidenceFile)
        .join(EvidenceFile, (EvidenceFile.incident_id == CasePhoto.incident_id) & (EvidenceFile.name == CasePhoto.name))
        .where(CasePhoto.incident_id == incident_id)
        .order_by(CasePhoto.added_at, CasePhoto.name)
    )
    return [
        {
            "name": photo.name,
            "kind": "photo",
            "sha256": file.sha256,
            "size_bytes": file.size_bytes,
            "media_type": file.media_type,
            "by": photo.user_name,
            "added_at": as_utc_text(photo.added_at),
            "stored": file.deleted_at is None,
            "deleted_at": as_utc_text(file.deleted_at) if file.deleted_at else None,
            "href": f"/v1/incidents/{incident_id}/evidence/{photo.name}",
        }
        for photo, file in rows
    ]
