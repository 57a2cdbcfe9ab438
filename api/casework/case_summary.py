"""Where people have got with a case: its step, limit, assignee, tags, lock, photos, and what it is merged with."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.casework.working_hours import WorkingCalendar, worked_s
from api.identity.scope import Scope
from api.schema import as_utc_text
from api.storage.tables import CaseEvent, CaseLock, CasePhoto, CaseTag, EvidenceFile, Incident, User

JOINING = ("merge", "split")
"""Actions that name another case, which may lie where a reader sees nothing."""


def within(session: Session, cameras: Scope, ids: Collection[str]) -> frozenset[str]:
    """Those of some cases that lie in a scope; the others are named to nobody who may not see them."""
    if cameras is None or not ids:
        return frozenset(ids)
    rows = session.execute(select(Incident.id, Incident.camera_id).where(Incident.id.in_(ids)))
    return frozenset(incident_id for incident_id, camera in rows if camera in cameras)


def summaries(
    session: Session, incidents: Sequence[Incident], cameras: Scope, moment: datetime
) -> dict[str, dict[str, Any]]:
    """Builds the summaries of some cases with one query per table, by the id of their incident.

    Args:
        session: A transaction.
        incidents: Whose cases.
        cameras: What the reader may see: cases elsewhere that these are merged with are not named.
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
    pairs = session.execute(merged).all()
    leads = {incident.merged_into for incident in incidents if incident.merged_into is not None}
    seen = within(session, cameras, {*leads, *(part for _, part in pairs)})
    for lead, part in pairs:
        if part in seen:
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
            "merged_into": incident.merged_into if incident.merged_into in seen else None,
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


def event_documents(
    session: Session, events: Sequence[CaseEvent], incident: Incident, cameras: Scope
) -> list[dict[str, Any]]:
    """What was done to a case, as a reader may see it.

    Where it was merged with, or split from, a case outside of `cameras`, that case and what was said about it are left
    out. A part's own event does not name its lead: what it is a part of now stands for it.
    """
    others = {event.id: event.value or incident.merged_into for event in events if event.action in JOINING}
    seen = within(session, cameras, {other for other in others.values() if other is not None})
    unseen = {key for key, other in others.items() if cameras is not None and other not in seen}
    hidden = {"note": None, "value": None}
    return [event_document(event) | (hidden if event.id in unseen else {}) for event in events]


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
