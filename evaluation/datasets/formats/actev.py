"""NIST ActEV: the JSON that its scorer reads, as reference and as system output.

`{"filesProcessed": […], "activities": [{"activity", "activityID", "presenceConf",
"localization": {FILE: {"START": 1, "END": 0}},
"objects": [{"objectType", "objectID", "localization": {FILE: {"FRAME": {"boundingBox": {"x","y","w","h"}}, "FRAME": {}}}}]}]}`

Frames count from 1. An activity goes on from START up to the picture before END; of several stretches the whole span is
taken. A box holds until the next entry, and `{}` ends it. An activity's box is what encloses its objects; one without
objects has no box.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

from pydantic import Field, TypeAdapter

from detector.zoning.geometry import Box
from evaluation.datasets.annotations import Annotations, Event, Sighting, box_of, counted, pixels_of
from evaluation.datasets.formats.layout import OWN_TYPES, ClipFacts, Foreign, Format, load_json, save_json
from evaluation.errors import EvaluationError

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
"""As the scorer's own schema has it."""


class _BoxPx(Foreign):
    x: float
    y: float
    w: float
    h: float


class _Seen(Foreign):
    boundingBox: _BoxPx | None = None  # noqa: N815 - the format's key


class _Object(Foreign):
    localization: dict[str, dict[int, _Seen]]


class _Activity(Foreign):
    activity: str
    activityID: int | str  # noqa: N815 - the format's key
    presenceConf: float | None = None  # noqa: N815 - the format's key
    localization: dict[str, dict[int, int]]
    objects: list[_Object] = Field(default_factory=list)


class _File(Foreign):
    activities: list[_Activity]


def read_actev(path: Path, clip: ClipFacts, first_frame: int) -> Annotations:
    """Read the activities of one clip; those of other files are counted.

    Raises:
        EvaluationError: it is not ActEV's JSON.
    """
    reasons = Counter[str]()
    events: list[Event] = []
    for activity in load_json(path, TypeAdapter(_File)).activities:
        signal = activity.localization.get(clip.name)
        if signal is None:
            reasons[f"activity in another file than {clip.name}"] += 1
            continue
        starts = sorted(frame for frame, value in signal.items() if value)
        ends = sorted(frame for frame, value in signal.items() if not value)
        if not starts:
            reasons["activity that never starts"] += 1
            continue
        first = starts[0] - first_frame
        last = (ends[-1] - 1 - first_frame) if ends and ends[-1] > starts[0] else clip.pictures - 1
        events.append(
            Event(
                id=str(activity.activityID),
                category=activity.activity,
                first=first,
                last=last,
                sightings=_sightings(activity.objects, clip, first_frame, last),
                score=activity.presenceConf,
            )
        )
    return Annotations(tuple(sorted(events, key=lambda event: (event.first, event.id))), counted(reasons))


def _sightings(objects: list[_Object], clip: ClipFacts, first_frame: int, last: int) -> tuple[Sighting, ...]:
    """What encloses the objects, at each picture where one of them changes."""
    tracks = [thing.localization.get(clip.name, {}) for thing in objects]
    frames = sorted({frame for track in tracks for frame in track if frame - first_frame <= last})
    sightings = []
    for frame in frames:
        boxes = [box for track in tracks if (box := _at(track, frame, clip.size_px)) is not None]
        if boxes:
            lefts, tops, rights, bottoms = zip(*boxes, strict=True)
            sightings.append(Sighting(frame - first_frame, Box(min(lefts), min(tops), max(rights), max(bottoms))))
    return tuple(sightings)


def _at(track: dict[int, _Seen], frame: int, size_px: tuple[int, int]) -> Box | None:
    before = [known for known in track if known <= frame]
    seen = track[max(before)].boundingBox if before else None
    return None if seen is None else box_of(seen.x, seen.y, seen.x + seen.w, seen.y + seen.h, size_px)


def write_actev(path: Path, clip: ClipFacts, first_frame: int, annotations: Annotations) -> None:
    """Write the file; truth has a `presenceConf` of 1.

    Raises:
        EvaluationError: the scorer would refuse the clip's name.
    """
    if not _NAME.fullmatch(clip.name):
        raise EvaluationError(f"{clip.name}: ActEV allows file names of letters, digits, '_', '-' and '.'")
    activities: list[dict[str, Any]] = []
    for number, event in enumerate(annotations.events, start=1):
        end = str(event.last + 1 + first_frame)
        seen: dict[str, Any] = {}
        score = 1.0 if event.score is None else event.score
        held = None
        for sighting in event.sightings:
            if sighting.box != held:
                left, top, right, bottom = pixels_of(sighting.box, clip.size_px)
                box = {"x": left, "y": top, "w": right - left, "h": bottom - top}
                seen[str(sighting.frame + first_frame)] = {"presenceConf": score, "boundingBox": box}
            held = sighting.box
        activities.append(
            {
                "activity": event.category,
                "activityID": number,
                "presenceConf": score,
                "localization": {clip.name: {str(event.first + first_frame): 1, end: 0}},
                "objects": [
                    {"objectType": "Other", "objectID": number, "localization": {clip.name: {**seen, end: {}}}}
                ],
            }
        )
    save_json(path, {"filesProcessed": [clip.name], "activities": activities})


ACTEV = Format("actev", 1, {**OWN_TYPES, "person_abandons_package": "dumping"}, read_actev, write_actev)
