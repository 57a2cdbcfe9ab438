"""Brings truth in from other tools, and takes truth and reports out to them: from file to file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from detector.lifecycle.incidents import incident_id
from detector.zoning.cameras_file import Camera
from detector.zoning.geometry import Box
from evaluation.datasets.convert import Imported, to_annotations, to_incidents
from evaluation.datasets.document import Document, read_document
from evaluation.datasets.files import SCHEMA_VERSION, IncidentEntry, TruthFile, first_mistake
from evaluation.datasets.formats.layout import ClipFacts, Format, save_json
from evaluation.datasets.timeline import Timeline, read_timeline
from evaluation.datasets.truth import clip_of, only_camera
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Prediction, Truth
from evaluation.metrics.scoring import confirmed


@dataclass(frozen=True)
class Transferred:
    """What was written, and what was left out: a line for each reason, with a count."""

    incidents: int
    problems: tuple[str, ...]


def bring_in(
    format_: Format,
    source: Path,
    cameras: Path,
    out: Path,
    *,
    types: Mapping[str, str],
    zone: str | None = None,
    first_frame: int | None = None,
    as_report: bool = False,
) -> Transferred:
    """Write a truth file (or an incidents.json) from a file of another tool.

    Args:
        format_: how `source` is written.
        source: file or folder.
        cameras: cameras file of the clip; its zones say where an incident is, and when its alarm is due.
        out: what to write.
        types: what categories mean, beside what the format says: category to incident type.
        zone: id of the zone that all belongs to; None finds the zone by place.
        first_frame: what the file calls the first picture; None: as the format says.
        as_report: write an incidents.json, so that what another system reported can be scored like ours.

    Raises:
        EvaluationError: something can't be read, or `source` is not of this format.
    """
    camera, timeline = _clip(cameras)
    start = format_.first_frame if first_frame is None else first_frame
    annotations = format_.read(source, _facts(timeline), start)
    imported = to_incidents(annotations, timeline, camera.zones, {**format_.types, **types}, zone=zone)
    save_json(out, _report(camera, timeline, imported) if as_report else truth_content(timeline, imported.incidents))
    return Transferred(len(imported.incidents), imported.problems)


def take_out(
    format_: Format,
    source: Path,
    cameras: Path,
    out: Path,
    *,
    types: Mapping[str, str],
    first_frame: int | None = None,
) -> Transferred:
    """Write a file of another tool from a truth file or an incidents.json.

    Args:
        format_: how to write.
        source: truth file, or incidents.json: of that the confirmed incidents of this camera are taken.
        cameras: cameras file of the clip.
        out: file or folder, as the format has it.
        types: categories to write: category to incident type; before those of the format.
        first_frame: what to call the first picture; None: as the format says.

    Raises:
        EvaluationError: something can't be read, or the format is for reading only.
    """
    if format_.write is None:
        raise EvaluationError(f"{format_.name} is only read: it is not for incidents")
    camera, timeline = _clip(cameras)
    incidents = _incidents(read_document(source), camera)
    annotations = to_annotations(incidents, timeline, {**types, **format_.types})
    format_.write(out, _facts(timeline), format_.first_frame if first_frame is None else first_frame, annotations)
    return Transferred(len(annotations.events), annotations.problems)


def truth_content(timeline: Timeline, incidents: tuple[Truth, ...]) -> dict[str, Any]:
    """The content of a truth file."""
    return {
        "schema": SCHEMA_VERSION,
        "duration_s": round(timeline.length_s, 3),
        "incidents": [
            {
                "type": incident.type,
                "zone": incident.zone,
                "onset_s": incident.onset_s,
                "alarm_s": incident.alarm_s,
                "end_s": incident.end_s,
                "box": [round(value, 6) for value in incident.box],
            }
            for incident in incidents
        ],
    }


def _report(camera: Camera, timeline: Timeline, imported: Imported) -> dict[str, Any]:
    incidents: list[dict[str, Any]] = [
        {
            "id": incident_id(camera.id, truth.zone, truth.type, str(truth.onset_s), Box(*truth.box)),
            "camera": camera.id,
            "zone": truth.zone,
            "type": truth.type,
            "onset_s": truth.onset_s,
            "confirmed_s": truth.alarm_s,
            "ended_s": truth.end_s,
            "box": [round(value, 6) for value in truth.box],
            "score": 1.0 if score is None else score,
            "why": {},
            "subjects": [],
            "evidence": [],
        }
        for truth, score in zip(imported.incidents, imported.scores, strict=True)
    ]
    source = {"camera": camera.id, "status": "ok", "read_s": round(timeline.length_s, 3)}
    return {"schema": SCHEMA_VERSION, "sources": [source], "incidents": incidents}


def _clip(cameras: Path) -> tuple[Camera, Timeline]:
    camera = only_camera(cameras)
    return camera, read_timeline(clip_of(camera))


def _facts(timeline: Timeline) -> ClipFacts:
    size_px = timeline.width_px, timeline.height_px
    return ClipFacts(timeline.path.name, size_px, len(timeline), round(timeline.fps or 0.0, 3))


def _incidents(document: Document, camera: Camera) -> list[Truth] | list[Prediction]:
    content = document.content
    if isinstance(content, dict) and "sources" in content:
        try:
            return confirmed([item for item in content["incidents"] if item["camera"] == camera.id])
        except (KeyError, TypeError, ValueError) as error:
            raise EvaluationError(f"{document.path}: is not an incidents.json: {error!r}") from error
    try:
        file = TruthFile.model_validate(content)
    except ValidationError as error:
        place, reason = first_mistake(error)
        raise EvaluationError(document.said((), f"is neither truth nor incidents.json: {reason}")) from error
    truths = []
    for index, raw in enumerate(file.incidents):
        try:
            truths.append(IncidentEntry.model_validate(raw).truth())
        except ValidationError as error:
            place, reason = first_mistake(error)
            raise EvaluationError(document.said(("incidents", index, *place), reason)) from error
    return truths
