"""What the page and the server tell each other, and how it lies on disk: NAME.camera.yaml, NAME.truth.json, dataset.yaml."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field

from detector.errors import ConfigError
from detector.zoning.cameras_file import Camera, read_cameras
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind
from evaluation.datasets.checks import TYPES_OF_KIND, impossible
from evaluation.datasets.document import read_document
from evaluation.datasets.files import SCHEMA_VERSION
from evaluation.datasets.timeline import Timeline
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Truth

DATASET: Final = "dataset.yaml"
_DIGITS: Final = 4  # a ten-thousandth of the frame: a fifth of a pixel of 1080p

Fraction = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Told(BaseModel):
    """Base of what the page sends. Keys that it does not know came from the files, and go back there."""

    model_config = ConfigDict(extra="allow", frozen=True)


class DrawnZone(_Told):
    """A zone on the picture."""

    id: str
    kind: ZoneKind
    polygon: list[tuple[Fraction, Fraction]]
    dwell_s: float


class MarkedIncident(_Told):
    """An incident; `alarm_s` may lie after onset and dwell (rubbish: whoever put it there went later), never before."""

    zone: str
    onset_s: Seconds | None = None
    end_s: Seconds | None = None
    box: tuple[Fraction, Fraction, Fraction, Fraction] | None = None
    alarm_s: Seconds | None = None


class Labels(_Told):
    """All that is said about one clip."""

    zones: list[DrawnZone]
    incidents: list[MarkedIncident]


@dataclass(frozen=True)
class LabelledClip:
    """A clip and the files that hold what is known of it.

    Attributes:
        name: name of the clip without its ending; the files are called after it.
        timeline: when its pictures are shown.
        folder: where the files are.
    """

    name: str
    timeline: Timeline
    folder: Path

    @property
    def cameras(self) -> Path:
        """The cameras file, with the zones."""
        return self.folder / f"{self.name}.camera.yaml"

    @property
    def truth(self) -> Path:
        """The truth file, with the incidents."""
        return self.folder / f"{self.name}.truth.json"


def load(clip: LabelledClip) -> dict[str, Any]:
    """What the files say so far; nothing if there are none.

    Raises:
        EvaluationError: a file is there, but wrong: it is not overwritten.
    """
    zones: list[dict[str, Any]] = []
    incidents: list[dict[str, Any]] = []
    if clip.cameras.exists():
        camera = _checked(clip.cameras)
        raw = _camera_entry(clip)["zones"]
        # What is written stays, and defaults are made plain.
        zones = [{**entry, "dwell_s": zone.dwell_s} for entry, zone in zip(raw, camera.zones, strict=True)]
    if clip.truth.exists():
        content = read_document(clip.truth).content
        if not isinstance(content, dict) or not isinstance(content.get("incidents"), list):
            raise EvaluationError(f"{clip.truth}: is no truth file: allowed is one with incidents")
        for index, incident in enumerate(content["incidents"]):
            try:
                incidents.append(MarkedIncident.model_validate(incident).model_dump(mode="json"))
            except ValueError as error:
                raise EvaluationError(f"{clip.truth}: incidents.{index}: {' '.join(str(error).split())}") from error
    return {"zones": zones, "incidents": incidents}


def save(clip: LabelledClip, labels: Labels) -> tuple[Truth, ...]:
    """Check, and write all three files; each is replaced whole or not at all.

    Raises:
        EvaluationError: something is missing or can't be true, a line each; nothing is written.
    """
    clip.folder.mkdir(parents=True, exist_ok=True)
    part = clip.folder / f".{clip.name}.camera.yaml"
    part.write_text(yaml.safe_dump(_cameras_content(clip, labels), sort_keys=False, allow_unicode=True), "utf-8")
    try:
        camera = _checked(part, said_as=clip.cameras)
        truths = _truths(clip, labels, camera.zones)
        part.replace(clip.cameras)
    finally:
        part.unlink(missing_ok=True)
    _write(clip.truth, json.dumps(_truth_content(clip, labels, truths), ensure_ascii=False, indent=1) + "\n")
    _list(clip)
    return truths


def _truths(clip: LabelledClip, labels: Labels, zones: Sequence[Zone]) -> tuple[Truth, ...]:
    known = {zone.id: zone for zone in zones}
    truths: list[Truth] = []
    problems: list[str] = []
    for number, incident in enumerate(labels.incidents, start=1):
        zone = known.get(incident.zone)
        if zone is None:
            problems.append(f"incident {number}: its zone {incident.zone!r} is not there")
        elif incident.box is None:
            problems.append(f"incident {number}: has no box yet")
        else:
            due_s = round((incident.onset_s or 0.0) + zone.dwell_s, 6)
            kind, alarm_s = TYPES_OF_KIND[zone.kind], max(due_s, incident.alarm_s or 0.0)
            box = Box(*(round(value, _DIGITS) for value in incident.box))
            truths.append(Truth(kind, zone.id, incident.onset_s, alarm_s, box, incident.end_s))
            if box.left >= box.right or box.top >= box.bottom:
                problems.append(f"incident {number}: its box is empty")
    if problems:
        raise EvaluationError("\n".join(problems))
    length_s = clip.timeline.length_s
    wrong = impossible(dict(enumerate(truths)), duration_s=length_s, length_s=length_s, zones=zones)
    if wrong:
        lines = [f"incident {index + 1}: {_for_people(reason)}" for index, reason in wrong.items()]
        raise EvaluationError("\n".join(lines))
    return tuple(truths)


def _for_people(reason: str) -> str:
    """The page counts incidents from 1."""
    return re.sub(r"incidents\.(\d+)", lambda found: f"incident {int(found[1]) + 1}", reason)


def _checked(path: Path, said_as: Path | None = None) -> Camera:
    try:
        cameras = read_cameras(path)
    except ConfigError as error:
        lines = [line.replace(f"{path}: ", f"{said_as or path}: ") for line in str(error).splitlines()]
        raise EvaluationError("\n".join(lines)) from error
    if len(cameras) != 1:
        raise EvaluationError(f"{said_as or path}: has {len(cameras)} cameras: a clip has one")
    return cameras[0]


def _camera_entry(clip: LabelledClip) -> dict[str, Any]:
    """The camera as its file has it, with all that the page does not know of; a new one if there is no file."""
    if clip.cameras.exists():
        content: Any = read_document(clip.cameras).content
        entry: dict[str, Any] = content["cameras"][0]
        return entry
    name = re.sub(r"[^a-z0-9_-]+", "-", clip.name.lower()).strip("-") or "clip"
    source = os.path.relpath(clip.timeline.path.resolve(), clip.folder.resolve())
    return {"id": name[:100], "source": source}


def _cameras_content(clip: LabelledClip, labels: Labels) -> dict[str, Any]:
    zones = []
    for zone in labels.zones:
        polygon = [[round(x, _DIGITS), round(y, _DIGITS)] for x, y in zone.polygon]
        zones.append({**zone.model_dump(mode="json"), "polygon": polygon})
    return {"cameras": [{**_camera_entry(clip), "zones": zones}]}


def _truth_content(clip: LabelledClip, labels: Labels, truths: Sequence[Truth]) -> dict[str, Any]:
    incidents = [
        {
            "type": truth.type,
            "zone": truth.zone,
            "onset_s": truth.onset_s,
            "alarm_s": truth.alarm_s,
            "end_s": truth.end_s,
            "box": list(truth.box),
            **{key: value for key, value in (marked.model_extra or {}).items() if key != "type"},
        }
        for marked, truth in zip(labels.incidents, truths, strict=True)
    ]
    before: Any = read_document(clip.truth).content if clip.truth.exists() else {"schema": SCHEMA_VERSION}
    return {**before, "duration_s": round(clip.timeline.length_s, 3), "incidents": incidents}


def _list(clip: LabelledClip) -> None:
    """Adds the clip to the dataset, unless it is there."""
    path = clip.folder / DATASET
    content: Any = read_document(path).content if path.exists() else {"schema": SCHEMA_VERSION, "clips": []}
    if not isinstance(content, dict) or not isinstance(content.get("clips"), list):
        raise EvaluationError(f"{path}: is no dataset: allowed is one with clips")
    entry = {"cameras": clip.cameras.name, "truth": clip.truth.name}
    listed = [known.get("cameras") for known in content["clips"] if isinstance(known, dict)]
    if entry["cameras"] not in listed:
        content = {**content, "clips": [*content["clips"], entry]}
        _write(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
