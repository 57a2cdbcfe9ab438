"""Tracks over a clip, for drawing: what moved and what stood while the clip plays."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from detector.evidence.plates import Step
from detector.following.tracking import Tracked, tracked
from detector.watching.sightings import SAME_OBJECT_IOU
from detector.zoning.geometry import Box, iou
from models.detections import Detections
from streams.frame import Frame

TRACKS_FPS = 4.0
"""Pictures per second that are followed: people and cars still overlap themselves at this rate, at a sixth of the cost."""
SUBJECT_IOU = 0.5
UNBROKEN_IOU = 0.3
"""Between two pictures of a track: less is a jump, and what stands behind it may be another vehicle."""
SCHEMA = 1


def follow(
    frames: Iterable[Frame],
    detect: Callable[[Frame], Detections],
    *,
    clip: str,
    starts_s: float,
    anchor: Box,
    zone: Sequence[tuple[float, float]],
) -> dict[str, Any]:
    """Tracks everything in a clip.

    Args:
        frames: Pictures of the clip at `TRACKS_FPS`.
        detect: The detector.
        clip: Name of the clip's file.
        starts_s: Media time of the clip's first picture.
        anchor: Where the incident's subject stands, in fractions of the frame.
        zone: Corners of the zone, in fractions of the frame.

    Returns:
        The content of `tracks.json`: `t` in seconds from the clip's start, boxes xyxy in fractions, ids from 1 on.
    """
    subject_looks: dict[int, int] = {}
    rows: list[dict[str, Any]] = []
    for time_s, row in tracked(frames, detect, TRACKS_FPS):
        for entry in row:
            if iou(entry.box, anchor) >= SUBJECT_IOU:
                subject_looks[entry.track] = subject_looks.get(entry.track, 0) + 1
        rows.append({"t": round(time_s - starts_s, 3), "boxes": [_drawn(entry) for entry in row]})
    return {
        "schema": SCHEMA,
        "clip": clip,
        "fps": TRACKS_FPS,
        "zone": [[round(x, 4), round(y, 4)] for x, y in zone],
        "anchor": [round(value, 4) for value in anchor],
        "subject": max(subject_looks, key=lambda track: subject_looks[track]) if subject_looks else None,
        "frames": rows,
    }


def path_of(tracks: Mapping[str, Any], starts_s: float, vehicles: Collection[str]) -> list[Step]:
    """Where the subject is in the pictures of a clip: as its track has it, as far as that goes on without a jump.

    Args:
        tracks: What `follow` gave.
        starts_s: Media time of the clip's first picture.
        vehicles: Names of the classes that have plates of their own.

    Returns:
        Steps in order of time. A subject that was not tracked stands at the anchor in every picture.
    """
    anchor, subject = Box(*tracks["anchor"]), tracks["subject"]
    steps: list[Step] = []
    for row in tracks["frames"]:
        boxes = [(entry["id"], Box(*entry["box"])) for entry in row["boxes"] if entry["class"] in vehicles]
        own = anchor if subject is None else next((box for track, box in boxes if track == subject), None)
        if own is not None:
            others = tuple(box for track, box in boxes if track != subject and iou(box, own) < SAME_OBJECT_IOU)
            steps.append(Step(starts_s + row["t"], own, others))
    return _unbroken(steps, anchor)


def _unbroken(steps: Sequence[Step], anchor: Box) -> list[Step]:
    """The stretch around the step that is most surely the subject's: the one at its anchor."""
    if not steps:
        return []
    surest = max(range(len(steps)), key=lambda index: iou(steps[index].box, anchor))
    first = last = surest
    while first > 0 and iou(steps[first - 1].box, steps[first].box) >= UNBROKEN_IOU:
        first -= 1
    while last < len(steps) - 1 and iou(steps[last].box, steps[last + 1].box) >= UNBROKEN_IOU:
        last += 1
    return list(steps[first : last + 1])


def _drawn(entry: Tracked) -> dict[str, Any]:
    return {
        "id": entry.track,
        "class": entry.class_name,
        "score": round(entry.score, 3),
        "box": [round(value, 4) for value in entry.box],
    }
