"""Pictures that come fast: a tracker follows what moves in them. On patrol, things are followed by place."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import supervision
from trackers import ByteTrackTracker

from detector.zoning.geometry import Box
from models.detections import Detections
from streams.frame import Frame

CONFIDENT = 0.4
"""Score that starts a track; ByteTrack's own default fits detectors that are trained on the scene."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """One detection that belongs to a track."""

    track: int
    """From 1 on, in the order in which tracks were first seen."""
    class_name: str
    score: float
    box: Box


def tracked(
    frames: Iterable[Frame], detect: Callable[[Frame], Detections], fps: float
) -> Iterator[tuple[float, list[Tracked]]]:
    """Follows everything in a stretch of pictures.

    Args:
        frames: In order of time.
        detect: The detector; boxes in pixels of the frame.
        fps: How many pictures there are per second.

    Yields:
        For each picture its media time and what was followed in it, by track.
    """
    tracker = ByteTrackTracker(frame_rate=fps, track_activation_threshold=CONFIDENT, high_conf_det_threshold=CONFIDENT)
    # The library counts ids over all trackers of a process; a stretch's own start at 1.
    ids: dict[int, int] = {}
    for frame in frames:
        found = detect(frame)
        seen = tracker.update(
            supervision.Detections(xyxy=found.boxes_px, confidence=found.scores, class_id=found.classes)
        )
        yield frame.time_s, _row(seen, found.names, (frame.width_px, frame.height_px), ids)


def _row(
    seen: supervision.Detections, names: tuple[str, ...], size_px: tuple[int, int], ids: dict[int, int]
) -> list[Tracked]:
    if seen.tracker_id is None or len(seen) == 0:
        return []
    scale = np.array([*size_px, *size_px], dtype=np.float64)
    row = []
    for box_px, track, class_id, score in zip(seen.xyxy, seen.tracker_id, seen.class_id, seen.confidence, strict=True):
        if track < 0:  # not yet a track
            continue
        box = Box(*(float(value) for value in np.clip(box_px / scale, 0.0, 1.0)))
        row.append(Tracked(ids.setdefault(int(track), len(ids) + 1), names[int(class_id)], float(score), box))
    return sorted(row, key=lambda entry: entry.track)
