"""The sample camera: its film is what its truth says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from shapely.geometry import Point, Polygon

from evaluation.errors import EvaluationError
from evaluation.sample.compose import (
    DURATION_S,
    FPS,
    GOP_S,
    HEIGHT_PX,
    LEAVES_S,
    ONSET_S,
    WIDTH_PX,
    Sample,
    bus_offset_px,
    compose_sample,
)
from models.detector import load_detector


@pytest.fixture(scope="module")
def luma(sample: Sample) -> dict[float, np.ndarray]:
    """Pictures at some moments, grey, and softened so that the noise of the camera hardly counts."""
    wanted = {0.0, 3.0, ONSET_S - 2, ONSET_S, ONSET_S + 20, LEAVES_S, LEAVES_S + 2, DURATION_S - 1 / FPS}
    pictures = {}
    with av.open(str(sample.path)) as container:
        for frame in container.decode(video=0):
            if any(abs(frame.time - moment) < 0.001 for moment in wanted):
                pictures[round(frame.time, 3)] = cv2.blur(frame.to_ndarray(format="gray8").astype(np.float32), (9, 9))
    return pictures


def change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where two pictures differ, beside their overall brightness: more than noise, less than a vehicle."""
    return np.abs((after - after[:200].mean()) - (before - before[:200].mean())) > 12


@pytest.mark.parametrize(
    ("time_s", "offset_px"),
    [
        (ONSET_S, 0),
        (ONSET_S - 1, 30),  # 60 * 1^2 / 2
        (ONSET_S - 4, 480),  # 60 * 4^2 / 2: here 240 px/s are reached
        (ONSET_S - 6, 960),  # 2 s more at 240 px/s
        ((ONSET_S + LEAVES_S) / 2, 0),
        (LEAVES_S, 0),
        (LEAVES_S + 1, -30),
        (LEAVES_S + 5, -720),
    ],
)
def test_the_bus_brakes_stands_and_drives_off(time_s: float, offset_px: float) -> None:
    assert bus_offset_px(time_s) == pytest.approx(offset_px)


def test_the_bus_is_out_of_sight_at_both_ends() -> None:
    assert (
        bus_offset_px(ONSET_S - 6) + 401 + 71 > WIDTH_PX
    )  # 401: resting place; 71 px of the cut-out are empty on its left
    assert bus_offset_px(DURATION_S - 6) + 401 + 600 < 0


def test_the_film_is_like_a_street_camera(sample: Sample) -> None:
    with av.open(str(sample.path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.average_rate) == (WIDTH_PX, HEIGHT_PX, FPS)
        packets = [packet for packet in container.demux(stream) if packet.size]
    assert len(packets) == DURATION_S * FPS == sample.duration_s * FPS
    assert [index for index, packet in enumerate(packets) if packet.is_keyframe] == list(
        range(0, len(packets), GOP_S * FPS)
    )
    assert all(packet.pts == packet.dts for packet in packets)  # no picture waits for a later one
    assert sample.path.stat().st_size < 30e6
    assert [path.name for path in sample.path.parent.iterdir()] == ["street.mp4"]  # nothing half-done beside it


def test_the_standing_bus_fills_its_box(sample: Sample, luma: dict[float, np.ndarray]) -> None:
    ys, xs = np.nonzero(change(luma[0.0], luma[ONSET_S + 20]))
    seen = np.array([xs.min() / WIDTH_PX, ys.min() / HEIGHT_PX, xs.max() / WIDTH_PX, ys.max() / HEIGHT_PX])
    assert seen == pytest.approx(
        np.array(sample.box), abs=0.012
    )  # the softening, and roof and shade like what is behind
    left, _, right, bottom = sample.box
    ground = Point((left + right) / 2, bottom)
    zone = Polygon(sample.zone)
    assert zone.contains(ground)
    assert zone.exterior.distance(ground) > 0.04  # a detector's box may end some pixels lower or higher


def test_the_bus_is_at_rest_from_onset_to_leaving_and_only_then(luma: dict[float, np.ndarray]) -> None:
    rest = luma[ONSET_S + 20]
    assert change(luma[ONSET_S], rest).mean() < 1e-4
    assert change(luma[LEAVES_S], rest).mean() < 1e-4
    assert change(luma[ONSET_S - 2], rest).mean() > 0.01
    assert change(luma[LEAVES_S + 2], rest).mean() > 0.01


def test_the_street_is_empty_and_alike_at_both_ends(luma: dict[float, np.ndarray]) -> None:
    assert change(luma[0.0], luma[3.0]).mean() < 1e-4
    last = luma[DURATION_S - 1 / FPS]
    assert change(luma[0.0], last).mean() < 1e-4
    assert abs(luma[0.0].mean() - last.mean()) < 2.0  # of 255: it loops without a flash


def test_no_two_pictures_are_the_same(sample: Sample) -> None:
    with av.open(str(sample.path)) as container:
        first = [
            frame.to_ndarray(format="gray8") for frame, _ in zip(container.decode(video=0), range(8), strict=False)
        ]
    assert all((one != next_one).mean() > 0.02 for one, next_one in pairwise(first))


@pytest.mark.slow
def test_composing_again_gives_the_same_bytes(sample: Sample, photo: Path, tmp_path: Path) -> None:
    assert compose_sample(photo, tmp_path / "again.mp4").path.read_bytes() == sample.path.read_bytes()


def test_another_picture_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "car.jpg"
    other.write_bytes(b"not the bus")
    with pytest.raises(EvaluationError, match=r"car\.jpg: sha256 is .* is made of the one with"):
        compose_sample(other, tmp_path / "out.mp4")
    with pytest.raises(EvaluationError, match=r"gone\.jpg: can't be read"):
        compose_sample(tmp_path / "gone.jpg", tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_the_detector_sees_the_standing_bus_and_no_vehicle_in_the_empty_street(sample: Sample) -> None:
    detector = load_detector("yolov8n")
    plan = detector.plan(WIDTH_PX, HEIGHT_PX)
    standing, empty = [], []
    with av.open(str(sample.path)) as container:
        container.streams.video[0].codec_context.skip_frame = "NONKEY"
        for frame in container.decode(video=0):
            seen = detector.detect(frame.to_ndarray(format="rgb24"), plan, score_min=0.05)
            vehicles = [
                (float(score), box / np.array([WIDTH_PX, HEIGHT_PX] * 2))
                for kind, score, box in zip(seen.classes, seen.scores, seen.boxes_px, strict=True)
                if detector.roles.get(seen.names[kind]) == "vehicle"
            ]
            if ONSET_S <= frame.time <= LEAVES_S:
                standing.append(max(vehicles, key=lambda vehicle: vehicle[0]))
            elif frame.time <= ONSET_S - 6 or frame.time >= LEAVES_S + 7:
                empty.append(vehicles)
    assert len(standing) == 21  # keyframes at 12, 14 … 52 s
    assert len(empty) == 4 + 8  # at 0 … 6 s and at 60 … 74 s
    assert min(score for score, _ in standing) > 0.8
    assert all(box == pytest.approx(np.array(sample.box), abs=0.03) for _, box in standing)
    assert all(score < 0.1 for vehicles in empty for score, _ in vehicles)
