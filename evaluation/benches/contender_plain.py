"""A plain loop: PyAV decodes every picture, five a second go through ONNX Runtime and ByteTrack, one core does it all."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import supervision
from av.video.reformatter import Interpolation, VideoReformatter
from trackers import ByteTrackTracker

from detector.zoning.geometry import Box
from evaluation.benches.contender import (
    CONFIDENT,
    FAINT,
    LOOKS_PER_S,
    PARKING,
    VEHICLE,
    Outcome,
    Task,
    timed,
)
from evaluation.benches.dwell_rule import DwellRule, Sighting
from evaluation.metrics.matching import Prediction
from models.detections import Detections
from models.detector import Detector, load_detector

loaded = functools.lru_cache(maxsize=1)(load_detector)
"""One detector for all clips: opening it is not what is compared."""


def watch(task: Task) -> Outcome:
    """Watches the clip.

    Raises:
        models.errors.ModelError: the model can't be had.
    """
    detector: Detector = loaded(task.model)
    return timed(lambda: _watch(task, detector))


def _watch(task: Task, detector: Detector) -> tuple[float, list[Prediction]]:
    rule = DwellRule(task.zones, PARKING)
    tracker = ByteTrackTracker(
        frame_rate=LOOKS_PER_S, track_activation_threshold=CONFIDENT, high_conf_det_threshold=CONFIDENT
    )
    scaler = VideoReformatter()
    media_s = due_s = 0.0
    for time_s, picture in _pictures(task.clip):
        media_s = time_s
        if time_s < due_s:
            continue
        due_s = max(due_s + 1 / LOOKS_PER_S, time_s)
        plan = detector.plan(picture.width, picture.height)
        small = scaler.reformat(picture, *plan.resized, "rgb24", interpolation=Interpolation.AREA, threads=1)
        found = detector.detect(small.to_ndarray().astype(np.uint8, copy=False), plan, score_min=FAINT)
        tracked = tracker.update(
            supervision.Detections(xyxy=found.boxes_px, confidence=found.scores, class_id=found.classes)
        )
        rule.look(time_s, _sightings(tracked, detector, found, (picture.width, picture.height)))
    return media_s, rule.alarms


def _pictures(clip: Path) -> Iterator[tuple[float, av.VideoFrame]]:
    with av.open(clip) as source:
        stream = source.streams.video[0]
        stream.thread_type = "NONE"
        started_s: float | None = None
        for picture in source.decode(stream):
            if picture.time is None:
                continue
            started_s = picture.time if started_s is None else started_s
            yield picture.time - started_s, picture


def _sightings(
    tracked: supervision.Detections, detector: Detector, found: Detections, size_px: tuple[int, int]
) -> Iterator[Sighting]:
    width, height = size_px
    columns = tracked.xyxy, tracked.tracker_id, tracked.class_id, tracked.confidence
    for (x0, y0, x1, y1), track, index, score in zip(*columns, strict=True):
        if track >= 0 and detector.roles.get(found.names[index]) == VEHICLE:
            yield Sighting(int(track), Box(x0 / width, y0 / height, x1 / width, y1 / height), float(score))
