from pathlib import Path

import numpy as np
import pytest

from detector.evidence.tracks import SCHEMA, TRACKS_FPS, follow
from detector.zoning.geometry import Box
from models.detections import Detections
from streams.frame import Frame
from streams.lookback import look_back
from streams.source.address import Address
from streams.source.feed import Feed

NAMES = ("person", "car")
ANCHOR = Box(0.1, 0.5, 0.3, 0.75)
ZONE = [(0.0, 0.4), (1.0, 0.4), (1.0, 1.0)]


@pytest.fixture
def frames(make_clip) -> list[Frame]:
    clip: Path = make_clip(seconds=4)
    return list(look_back(list(Feed(Address(str(clip))).packets()), 0, 4, every_s=1 / TRACKS_FPS))


def detect(frame: Frame) -> Detections:
    """What a detector would say: a parked car, and the white square, a pixel a picture further, as a person."""
    x = 25 * frame.time_s
    boxes_px = np.array([[32, 120, 96, 180], [x, 100, x + 40, 140]], np.float32)
    return Detections(boxes_px, np.array([1, 0]), np.array([0.9, 0.8], np.float32), NAMES)


def test_ids_start_at_1_in_every_clip_and_the_subject_is_found(frames: list[Frame]) -> None:
    for _ in range(2):
        content = follow(frames, detect, clip="clip.mp4", starts_s=0.0, anchor=ANCHOR, zone=ZONE)
        ids = {entry["id"]: entry["class"] for row in content["frames"] for entry in row["boxes"]}
        assert sorted(ids) == [1, 2]
        assert ids[content["subject"]] == "car"
        assert (content["schema"], content["clip"], content["fps"]) == (SCHEMA, "clip.mp4", TRACKS_FPS)
        assert content["zone"] == [list(corner) for corner in ZONE]
        assert content["anchor"] == list(ANCHOR)


def test_times_count_from_the_start_of_the_clip(frames: list[Frame]) -> None:
    content = follow(frames, detect, clip="c", starts_s=frames[0].time_s - 1.5, anchor=ANCHOR, zone=ZONE)
    times_s = [row["t"] for row in content["frames"]]
    assert times_s[0] == pytest.approx(1.5)
    assert len(times_s) == pytest.approx(4 * TRACKS_FPS, abs=2)
    assert times_s == sorted(times_s)


def test_boxes_are_fractions_and_stay_with_their_track(frames: list[Frame]) -> None:
    content = follow(frames, detect, clip="c", starts_s=0.0, anchor=ANCHOR, zone=ZONE)
    boxes = [entry["box"] for row in content["frames"] for entry in row["boxes"] if entry["id"] == content["subject"]]
    assert len(boxes) >= 10
    for box in boxes:
        # 32 / 320, 120 / 240, 96 / 320, 180 / 240
        assert box == pytest.approx([0.1, 0.5, 0.3, 0.75], abs=0.02)


def test_without_detections_there_are_rows_but_no_subject(frames: list[Frame]) -> None:
    content = follow(frames, lambda _: Detections.none(NAMES), clip="c", starts_s=0.0, anchor=ANCHOR, zone=ZONE)
    assert content["subject"] is None
    assert len(content["frames"]) == len(frames)
    assert all(row["boxes"] == [] for row in content["frames"])


def test_what_stands_elsewhere_is_not_the_subject(frames: list[Frame]) -> None:
    elsewhere = Box(0.7, 0.1, 0.9, 0.3)
    assert follow(frames, detect, clip="c", starts_s=0.0, anchor=elsewhere, zone=ZONE)["subject"] is None
