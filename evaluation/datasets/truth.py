"""Reads what is known to be true of recorded clips: the dataset file and its truth files.

One bad entry must not cost the others: what is wrong is left out, named in a line, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from detector.errors import ConfigError
from detector.zoning.cameras_file import Camera, read_cameras
from detector.zoning.zones import Zone
from evaluation.datasets.checks import impossible
from evaluation.datasets.document import Document, read_document
from evaluation.datasets.files import ClipEntry, DatasetFile, IncidentEntry, TruthFile, first_mistake, unknown_keys
from evaluation.datasets.timeline import Timeline, read_timeline
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Truth


@dataclass(frozen=True)
class ClipTruth:
    """One clip of a dataset.

    Attributes:
        name: what the dataset calls its cameras file.
        cameras: that file, resolved.
        duration_s: length of the clip, as the truth file says.
        incidents: what happens in it.
        truth: the truth file, resolved.
        timeline: when its pictures are shown; None if the clip can't be read, which is for whoever analyses it to say.
    """

    name: str
    cameras: Path
    duration_s: float
    incidents: tuple[Truth, ...]
    truth: Path | None = None
    timeline: Timeline | None = None


@dataclass(frozen=True)
class Dataset:
    """What can be scored, and what was left out.

    Attributes:
        clips: in the order of the file.
        problems: a line for each clip or incident that was left out: file, line, place, what is wrong.
        unknown_keys: how many keys this version does not know, over all files.
    """

    clips: tuple[ClipTruth, ...]
    problems: tuple[str, ...]
    unknown_keys: int


def read_dataset(path: Path) -> Dataset:
    """Read DATASET.yaml and the truth of all its clips; paths in it are relative to it.

    Each incident is held against the zones of its camera and the real length of its clip, where these can be read.

    Raises:
        EvaluationError: the dataset itself can't be read, or none of its clips is usable.
    """
    dataset = survey(path)
    if not dataset.clips:
        raise EvaluationError("\n".join([f"{path}: no clip can be scored", *dataset.problems]))
    return dataset


def survey(path: Path) -> Dataset:
    """As `read_dataset`, but a dataset without a usable clip is one with problems.

    Raises:
        EvaluationError: the dataset itself can't be read.
    """
    document = read_document(path)
    try:
        file = DatasetFile.model_validate(document.content)
    except ValidationError as error:
        place, reason = first_mistake(error)
        raise EvaluationError(f"{path}:{document.line(place)}: {reason}") from error
    clips: list[ClipTruth] = []
    problems: list[str] = []
    unknown = unknown_keys([file])
    for index, raw in enumerate(file.clips):
        try:
            entry = ClipEntry.model_validate(raw)
            clip, found, more_unknown = _read_clip(path.parent, entry)
        except ValidationError as error:
            place, reason = first_mistake(error)
            problems.append(f"{path}:{document.line(('clips', index, *place))}: clips.{index}: {reason}")
        except EvaluationError as error:
            problems.append(str(error))
        else:
            clips.append(clip)
            problems += found
            unknown += more_unknown + unknown_keys([entry])
    return Dataset(tuple(clips), tuple(problems), unknown)


def only_camera(cameras: Path) -> Camera:
    """The camera of a clip.

    Raises:
        EvaluationError: the cameras file can't be read, is wrong (a line for each mistake), or has several.
    """
    try:
        found = read_cameras(cameras)
    except ConfigError as error:
        raise EvaluationError(str(error)) from error
    if len(found) != 1:
        raise EvaluationError(f"{cameras}: has {len(found)} cameras: a clip of a dataset has one")
    return found[0]


def clip_of(camera: Camera) -> Path:
    """The recorded file of a camera.

    Raises:
        EvaluationError: its source is live.
    """
    if camera.address.live:
        raise EvaluationError(f"camera {camera.id}: source {camera.address} is live: allowed is a recorded file")
    return Path(camera.address.target)


def _read_clip(folder: Path, entry: ClipEntry) -> tuple[ClipTruth, list[str], int]:
    cameras, truth = folder / entry.cameras, folder / entry.truth
    if not cameras.is_file():
        raise EvaluationError(f"{cameras}: no such file")
    document = read_document(truth)
    try:
        file = TruthFile.model_validate(document.content)
    except ValidationError as error:
        place, reason = first_mistake(error)
        raise EvaluationError(f"{truth}:{document.line(place)}: {reason}") from error
    entries: dict[int, IncidentEntry] = {}
    problems: dict[int, str] = {}
    for index, raw in enumerate(file.incidents):
        try:
            entries[index] = IncidentEntry.model_validate(raw)
        except ValidationError as error:
            place, reason = first_mistake(error)
            problems[index] = _said(document, index, place, reason)
    zones, timeline = _surroundings(cameras)
    truths = {index: incident.truth() for index, incident in entries.items()}
    length_s = None if timeline is None else timeline.length_s
    for index, reason in impossible(truths, duration_s=file.duration_s, length_s=length_s, zones=zones).items():
        problems[index] = _said(document, index, (), reason)
    clip = ClipTruth(
        entry.cameras,
        cameras,
        file.duration_s,
        tuple(incident for index, incident in truths.items() if index not in problems),
        truth,
        timeline,
    )
    kept = [incident for index, incident in entries.items() if index not in problems]
    return clip, [problems[index] for index in sorted(problems)], unknown_keys([file, *kept])


def _said(document: Document, index: int, place: tuple[str | int, ...], reason: str) -> str:
    line = document.line(("incidents", index, *place))
    return f"{document.path}:{line}: incidents.{index}: {reason}"


def _surroundings(cameras: Path) -> tuple[tuple[Zone, ...] | None, Timeline | None]:
    """Zones and times of a clip; None where they can't be had: the detector, which needs them, says why."""
    try:
        camera = only_camera(cameras)
    except EvaluationError:
        return None, None
    try:
        return camera.zones, read_timeline(clip_of(camera))
    except EvaluationError:
        return camera.zones, None
