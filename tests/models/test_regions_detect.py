"""Zones looked at with the real detector, on pictures of a public square, 1280x720."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.detections import Detections
from models.detector import Detector, load_detector
from models.errors import ModelError
from models.letterbox import Letterbox
from models.regions.choice import zones_pay
from models.regions.detect import Aim, RegionDetector, View
from models.regions.mode import Mode
from models.regions.packing import Region, plan_regions
from models.regions.rects import Rect, reach
from models.registry.add import add_model
from tests.models.conftest import read_rgb

Square = Callable[[str], NDArray[np.uint8]]
SURE = 0.35
"""What starts a thing in the rules."""
FAR_END = ((0.70, 0.22), (0.92, 0.22), (0.92, 0.32), (0.70, 0.32))
RED_BUS = (1056, 80, 1159, 187)  # drawn by hand: a double-decker at the far end of the square
FAR_SIDE = ((0.85, 0.35), (0.97, 0.35), (0.97, 0.42), (0.85, 0.42))
SMALL_BUS = (1167, 225, 1230, 291)


@pytest.fixture
def square(shared: Path) -> Square:
    return lambda name: read_rgb(shared / "images" / "squares" / f"{name}.jpg")


@pytest.fixture
def eyes(yolov8n: Detector) -> RegionDetector:
    return RegionDetector(yolov8n)


def vehicle_score(seen: Detections, detector: Detector, box: tuple[int, ...]) -> float:
    """The best score of a vehicle that lies on a box with an IoU of half."""
    best = 0.0
    vehicles = seen.of_role("vehicle", detector.roles)
    for found, score in zip(vehicles.boxes_px, vehicles.scores, strict=True):
        left, top = np.maximum(found[:2], box[:2])
        right, bottom = np.minimum(found[2:], box[2:])
        shared = max(0.0, right - left) * max(0.0, bottom - top)
        areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (found, box)]
        if shared >= 0.5 * (sum(areas) - shared):
            best = max(best, float(score))
    return best


@pytest.mark.parametrize(
    ("name", "zone", "box"),
    [("2020-09-10T07-43-44", FAR_END, RED_BUS), ("2020-09-25T12-52-57", FAR_SIDE, SMALL_BUS)],
)
def test_a_small_vehicle_that_the_whole_picture_misses(
    name: str, zone: tuple[tuple[float, float], ...], box: tuple[int, ...], square: Square, eyes: RegionDetector
) -> None:
    picture = square(name)
    whole, zones = (eyes.plan(1280, 720, [zone], mode) for mode in (Mode.WHOLE, Mode.ZONES))
    assert vehicle_score(eyes.detect(picture, whole, score_min=0.1), eyes.detector, box) < SURE
    assert vehicle_score(eyes.detect(picture, zones, score_min=0.1), eyes.detector, box) > SURE
    assert zones.regions
    assert zones.regions.gain == pytest.approx(2.0, rel=0.01)  # 1 instead of 640/1280
    assert zones.regions.area_px < 0.7 * 640 * 384


def test_a_zone_as_large_as_the_picture_changes_nothing(square: Square, eyes: RegionDetector) -> None:
    picture = square("2020-09-10T07-43-44")
    zone = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    whole, zones = (eyes.plan(1280, 720, [zone], mode) for mode in (Mode.WHOLE, Mode.ZONES))
    assert zones.regions
    assert (zones.regions.canvases, zones.regions.gain) == (((640, 384),), pytest.approx(1.0))
    seen, same = (eyes.detect(picture, aim, score_min=0.25) for aim in (whole, zones))
    sure = seen.boxes_px[seen.scores > 0.5]
    assert len(sure) == 4
    # Padded below instead of on both sides, and scaled by area: the same things, their boxes a few pixels off.
    for box in sure:
        assert np.abs(same.boxes_px - box).max(axis=1).min() < 12


def test_several_cameras_share_an_input(square: Square, eyes: RegionDetector) -> None:
    first, second = square("2020-09-10T07-43-44"), square("2020-09-25T12-52-57")
    views = [
        View("end", first, (reach(FAR_END, (1280, 720)),)),
        View("nothing", first, ()),
        View("side", second, (reach(FAR_SIDE, (1280, 720)),)),
    ]
    end, nothing, side = eyes.detect_many(views, score_min=SURE)
    assert len(nothing.detections) == 0
    assert vehicle_score(end.detections, eyes.detector, RED_BUS) > SURE
    # Boxes are in the pixels of their own picture, within what was asked for.
    for seen, view in ((end, views[0]), (side, views[2])):
        assert len(seen.detections)
        left, top, right, bottom = view.rects[0]
        assert (seen.detections.boxes_px[:, :2] >= (left, top)).all()
        assert (seen.detections.boxes_px[:, 2:] <= (right, bottom)).all()
        assert len(seen.cut) == len(seen.detections)
    with pytest.raises(ModelError, match="2 views of 1 cameras"):
        eyes.detect_many([views[0], views[0]])
    with pytest.raises(ModelError, match=r"gain_min 0\.5: allowed is 1 and more"):
        eyes.detect_many(views, gain_min=0.5)
    assert eyes.detect_many([]) == []


def test_a_picture_smaller_than_the_input_is_looked_at_as_a_whole(bus: NDArray[np.uint8], eyes: RegionDetector) -> None:
    small = np.ascontiguousarray(bus[::4, ::4])  # 203x270 px, enlarged to 480x640
    zone = ((0.0, 0.4), (0.5, 0.4), (0.5, 0.6), (0.0, 0.6))
    aim = eyes.plan(203, 270, [zone], Mode.ZONES)
    assert aim.regions is None
    (seen,) = eyes.detect_many([View("small", small, (reach(zone, (203, 270)),))], score_min=SURE)
    assert seen.whole
    np.testing.assert_array_equal(seen.detections.boxes_px, eyes.detect(small, aim, score_min=SURE).boxes_px)


def test_modes(eyes: RegionDetector) -> None:
    assert eyes.plan(1280, 720, [FAR_END], Mode.WHOLE) == Aim(Letterbox.plan(1280, 720), None)
    assert eyes.plan(1280, 720, [FAR_END], Mode.ZONES).resized == (1280, 720)
    assert eyes.plan(1280, 720, [FAR_END], Mode.AUTO).regions
    large = ((0.1, 0.3), (0.9, 0.3), (0.9, 0.9), (0.1, 0.9))
    assert eyes.plan(1280, 720, [large], Mode.AUTO).regions is None
    assert eyes.plan(1280, 720, [large], Mode.ZONES).regions
    lost = ((1.4, 0.3), (1.5, 0.3), (1.5, 0.9))  # by a camera that was turned
    assert eyes.plan(1280, 720, [lost], Mode.ZONES).regions is None
    assert eyes.plan(1280, 720, [FAR_END], Mode.ZONES) is eyes.plan(1280, 720, [FAR_END], Mode.ZONES)


def test_a_picture_of_another_size_is_refused(bus: NDArray[np.uint8], eyes: RegionDetector) -> None:
    with pytest.raises(ModelError, match=r"uint8 \(720, 1280, 3\) is planned, not uint8 \(1080, 810, 3\)"):
        eyes.detect(bus, eyes.plan(1280, 720, [FAR_END], Mode.ZONES))


def test_a_detector_of_one_size(shared: Path, square: Square) -> None:
    add_model(shared / "models" / "yolox_nano.onnx", "nano", input_px=416)
    eyes = RegionDetector(load_detector("nano", provider="cpu"))
    aim = eyes.plan(1280, 720, [FAR_END], Mode.ZONES)
    assert aim.regions
    assert aim.regions.canvases == ((416, 416),)
    # 1280x720 at 416/1280 loses the bus; the zone is seen as it is, 1 px to 1 px, or nearly so.
    seen = eyes.detect(square("2020-09-10T07-43-44"), aim, score_min=0.2)
    assert vehicle_score(seen, eyes.detector, RED_BUS) > 0.2


@pytest.mark.parametrize(
    ("rect", "pays"),
    [
        ((800, 400, 1000, 500), True),  # as it is: three times as large as in the whole
        (
            (320, 200, 1600, 920),
            False,
        ),  # 1280 px wide in an input of 640: 0.5, a gain of 1.5, but the input is as large
    ],
)
def test_auto_goes_by_geometry(rect: tuple[int, int, int, int], pays: bool) -> None:
    whole = Letterbox.plan(1920, 1080)
    plan = plan_regions([Region("a", (1920, 1080), Rect(*rect), 1 / 3)], whole.padded, stride_px=32)
    assert zones_pay(plan, whole) is pays
