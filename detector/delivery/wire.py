"""An incident as it leaves the worker: as a row of `incidents.json`, or as a revision for the event system."""

from typing import Any

from api.schema import Clock, EvidenceItem, IncidentRevision, IncidentState, Subject, as_utc_text
from detector.lifecycle.incidents import EvidenceFile, Incident
from detector.zoning.cameras_file import Camera
from detector.zoning.zones import Zone
from models.plates.reading import Colour
from streams.clock import CaptureClock

SCHEMA = 1


def recorded(incident: Incident) -> dict[str, Any]:
    """A row of `incidents.json`: times in seconds of media time, boxes in fractions."""
    return {
        "id": incident.id,
        "camera": incident.camera,
        "zone": incident.zone,
        "type": incident.type,
        "onset_s": _seconds(incident.onset_s),
        "confirmed_s": _seconds(incident.confirmed_s),
        "ended_s": _seconds(incident.ended_s),
        "box": [round(value, 4) for value in incident.box],
        "score": incident.score,
        "why": incident.why,
        "subjects": _subjects(incident),
        "evidence": [_recorded_file(file) for file in incident.evidence],
    }


def _subjects(incident: Incident) -> list[dict[str, Any]]:
    """What it is about, and who did it where that was seen; of a plate only what is legible is told."""
    actor = incident.actor
    doer = [] if actor is None else [{"role": f"actor_{actor.role}", "class": actor.class_name, "plate": None}]
    return [_subject(incident), *doer]


def _subject(incident: Incident) -> dict[str, Any]:
    subject: dict[str, Any] = {"role": incident.role, "class": incident.class_name, "plate": None}
    plate = incident.plate
    if plate is not None and plate.text is not None:
        subject |= {"plate": plate.text, "plate_confidence": round(plate.confidence, 3)}
    if plate is not None and plate.colour is not Colour.UNKNOWN:
        subject["plate_colour"] = plate.colour.value
    return subject


def _recorded_file(file: EvidenceFile) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": file.name,
        "kind": file.kind,
        "sha256": file.sha256,
        "start_s": _seconds(file.start_s),
        "end_s": _seconds(file.end_s),
    }
    if file.derived_from is not None:
        row["derived_from"] = file.derived_from
    return row


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def revision(camera: Camera, zone: Zone, clock: CaptureClock, incident: Incident) -> IncidentRevision:
    """The same for a live camera: wall-clock times by the camera's clock, and where they come from."""

    def at(time_s: float | None) -> Any:
        return None if time_s is None else as_utc_text(clock.wall(time_s))

    return IncidentRevision(
        id=incident.id,
        revision=max(1, incident.revision),
        state=IncidentState(incident.state.value),
        camera=incident.camera,
        zone=incident.zone,
        type=incident.type,
        onset_at=at(incident.onset_s),
        seen_from_at=at(incident.since_s),
        confirmed_at=at(incident.confirmed_s),
        ended_at=at(incident.ended_s),
        box=tuple(round(value, 4) for value in incident.box),
        score=incident.score,
        why=incident.why,
        subjects=tuple(Subject.model_validate(subject) for subject in _subjects(incident)),
        evidence=tuple(
            EvidenceItem(
                name=file.name,
                kind=file.kind,
                sha256=file.sha256,
                start_at=at(file.start_s),
                end_at=at(file.end_s),
                derived_from=file.derived_from,
            )
            for file in incident.evidence
        ),
        zone_kind=zone.kind.value,
        dwell_s=zone.dwell_s,
        place=camera.place,
        direction=camera.direction,
        grid_code=zone.grid_code or camera.grid_code,
        event_code=zone.event_code,
        clock=Clock(source=clock.source, error_s=clock.error_s),
    )


def revision_json(camera: Camera, zone: Zone, clock: CaptureClock, incident: Incident) -> dict[str, Any]:
    """`revision` as plain JSON, with the names of the wire."""
    return revision(camera, zone, clock, incident).model_dump(mode="json", by_alias=True)
