"""What is told when: each function is called in the transaction of what it tells."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.map_place import place_on_map
from api.notices.kinds import CameraData, CaseData, EvidenceData, IncidentData, kind, kind_of_case_event
from api.notices.log import append
from api.schema import IncidentState, as_utc_text, content_digest
from api.storage.tables import CaseEvent, EvidenceFile, Incident, Notice, Review

CAMERA_CONDITIONS = ("down", "moved", "covered", "dark", "frozen", "blurred", "misconfigured", "recovered")

_VALUES_TOLD = ("photo", "merge", "split")
"""Actions whose value is a file or a case; that of others may be somebody's name."""


def tell_revision(
    session: Session, incident: Incident, document: Mapping[str, Any], before: str | None, moment: datetime
) -> None:
    """Tells of a stored revision what is new in it.

    Args:
        session: Its transaction.
        incident: As it is now.
        document: The revision as it came.
        before: The state of the revision before; None for a new incident.
        moment: Now.
    """
    over, confirmed = IncidentState.ENDED.value, IncidentState.CONFIRMED.value
    news: list[str] = ["created"] if before is None else []
    if before not in (confirmed, over) and incident.state in (confirmed, over) and document.get("confirmed_at"):
        news.append("confirmed")
    if before != over and incident.state == over:
        news.append("ended")
    if not news:
        return
    kinds = [kind(f"incident.{name}") for name in news]
    append(session, kinds, _subject(incident), incident.camera_id, _incident_data(incident, document), moment)


def tell_evidence(session: Session, incident: Incident, document: Mapping[str, Any], moment: datetime) -> None:
    """Tells that all files that the latest revision names have arrived; of the same files once.

    Args:
        session: The transaction in which a file or a revision has come.
        incident: Whose.
        document: The latest revision as it came.
        moment: Now.
    """
    wanted = {item["name"]: item["sha256"] for item in document.get("evidence") or ()}
    if not wanted or incident.state == IncidentState.CANDIDATE:
        return
    files = select(EvidenceFile.name, EvidenceFile.sha256).where(EvidenceFile.incident_id == incident.id)
    stored: dict[str, str] = dict(session.execute(files).all())
    if not wanted.items() <= stored.items():
        return
    data = EvidenceData(
        incident=incident.id,
        revision=incident.revision,
        camera=incident.camera_id,
        zone=incident.zone,
        type=incident.type,
        files=len(wanted),
        files_sha256=content_digest(wanted),
    )
    complete = kind("evidence.complete")
    told = select(Notice.data).where(Notice.subject == _subject(incident), Notice.type == complete)
    if any(data.files_sha256 in text for text in session.scalars(told)):
        return
    append(session, [complete], _subject(incident), incident.camera_id, data, moment)


def tell_event(session: Session, incident: Incident, event: CaseEvent) -> None:
    """Tells what somebody did to a case."""
    name = kind_of_case_event(event.action, event.to_step)
    if name is None:
        return
    value = (event.value if event.action in _VALUES_TOLD else None) or incident.merged_into
    if value is not None and event.action != "photo":
        # Whoever may see this camera need not see the other: of another camera's case no id is told.
        other = session.get(Incident, value)
        value = value if other is not None and other.camera_id == incident.camera_id else None
    data = _case_data(
        incident,
        action=event.action,
        from_step=event.from_step,
        to_step=event.to_step,
        reason=event.reason,
        role=event.role,
        unit=event.unit,
        value=value,
    )
    append(session, [name], _subject(incident), incident.camera_id, data, event.at)


def tell_verdict(session: Session, incident: Incident, review: Review, role: str, unit: str | None) -> None:
    """Tells a person's verdict; `role` and `unit` are theirs, and their name is not told."""
    name = "case.confirmed" if review.verdict == "confirm" else "case.rejected"
    data = _case_data(incident, action=review.verdict, reason=review.reason, role=role, unit=unit)
    append(session, [kind(name)], _subject(incident), incident.camera_id, data, review.reviewed_at)


def tell_camera(
    session: Session, camera_id: str, condition: str, since: datetime, moment: datetime, detail: str | None = None
) -> None:
    """Tells how a camera does.

    Args:
        session: The transaction in which it was found.
        camera_id: Which one.
        condition: One of `CAMERA_CONDITIONS`.
        since: Since when.
        moment: Now.
        detail: One sentence, without an address or a credential.
    """
    if condition not in CAMERA_CONDITIONS:
        raise ValueError(f"condition {condition!r}: allowed are {', '.join(CAMERA_CONDITIONS)}")
    data = CameraData(camera=camera_id, condition=condition, since=as_utc_text(since), detail=detail)
    append(session, [kind(f"camera.{condition}")], f"cameras/{camera_id}", camera_id, data, moment)


def _subject(incident: Incident) -> str:
    return f"incidents/{incident.id}"


def _incident_data(incident: Incident, document: Mapping[str, Any]) -> IncidentData:
    latitude, longitude = place_on_map(document.get("why") or {}) or (None, None)
    said = ("place", "grid_code", "event_code", "onset_at", "confirmed_at", "ended_at")
    return IncidentData(
        incident=incident.id,
        revision=incident.revision,
        state=incident.state,
        camera=incident.camera_id,
        zone=incident.zone,
        type=incident.type,
        score=document["score"],
        latitude=latitude,
        longitude=longitude,
        **{key: document.get(key) for key in said},
    )


def _case_data(incident: Incident, **said: Any) -> CaseData:
    return CaseData(
        incident=incident.id,
        camera=incident.camera_id,
        zone=incident.zone,
        type=incident.type,
        step=incident.step,
        verdict=incident.verdict,
        **said,
    )
