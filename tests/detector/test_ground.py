"""The ground, look by look. Unless a test says otherwise there is a look every 2 s, as on patrol."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.following.cells import reach_of
from detector.following.ground import Ground
from detector.zoning.geometry import Box, iou
from tests.detector.street import HEIGHT_PX, WIDTH_PX, texture
from tests.detector.yard import BAG, YARD, Put, yard

Picture = NDArray[np.float32]
ROWS, COLUMNS = np.mgrid[:HEIGHT_PX, :WIDTH_PX].astype(np.float32)


def watched(until_s: float = 8.0, every_s: float = 2.0) -> Ground:
    ground = Ground([YARD])
    for step in range(round(until_s / every_s) + 1):
        ground.look(step * every_s, yard(seed=step), [])
    return ground


def stayed_cells(ground: Ground, least_s: float = 3.4) -> int:
    return int(np.count_nonzero(ground.stayed(least_s)))


def test_what_is_put_down_has_stayed_after_its_third_look() -> None:
    ground = watched(8)
    stayed = []
    for step, time_s in enumerate((10.0, 12.0, 14.0)):  # begins at 10; 2 s at 12; 4 s at 14
        ground.look(time_s, yard([Put()], seed=100 + step), [])
        stayed.append(stayed_cells(ground))
    assert stayed[:2] == [0, 0]
    assert stayed[2] >= 60  # of 90
    found = ground.box(reach_of(ground.stayed(3.4)))
    assert iou(found, BAG) >= 0.65  # smoothing adds a cell on each side: 90 of 132
    cells = ground.stayed(3.4) > 0
    assert np.median(ground.layers.since_s[cells]) == 10.0
    assert np.median(ground.layers.looks[cells]) == 3


def exposure(time_s: float) -> Callable[[Picture], Picture]:
    return lambda luma: luma * (0.6 if time_s >= 10 else 1.0)


def dusk(time_s: float) -> Callable[[Picture], Picture]:
    return lambda luma: luma * (1.0 - 0.01 * time_s)  # 1 % in a second: the sun sets slower


def shake(time_s: float) -> Callable[[Picture], Picture]:
    dx, dy = np.random.default_rng(round(time_s)).uniform(-1.5, 1.5, 2)
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return lambda luma: cv2.warpAffine(luma, move, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REPLICATE)


def rain(time_s: float) -> Callable[[Picture], Picture]:
    random = np.random.default_rng(round(time_s))

    def fall(luma: Picture) -> Picture:
        streaks = np.zeros_like(luma)
        for x, y in zip(random.integers(0, WIDTH_PX, 120), random.integers(0, HEIGHT_PX, 120), strict=True):
            cv2.line(streaks, (int(x), int(y)), (int(x) + 2, int(y) + 12), 60, 1)
        return luma + streaks

    return fall


def passing_headlights(time_s: float) -> Callable[[Picture], Picture]:
    x = (time_s * 25) % WIDTH_PX  # 50 pixels from look to look
    return lambda luma: luma + 80 * np.exp(-(((COLUMNS - x) / 15) ** 2) - ((ROWS - 110) / 12) ** 2)


@pytest.mark.parametrize("light", [exposure, dusk, shake, rain, passing_headlights])
def test_light_and_weather_leave_nothing_behind(light: Callable[[float], Callable[[Picture], Picture]]) -> None:
    ground = watched(8)
    for step in range(5, 25):
        ground.look(step * 2.0, yard(light=light(step * 2.0), seed=step), [])
        assert stayed_cells(ground) < 12
    # And it is not blind: what is put down now is found.
    for step in range(25, 29):
        ground.look(step * 2.0, yard([Put()], light=light(step * 2.0), seed=step), [])
    assert iou(ground.box(reach_of(ground.stayed(3.4))), BAG) >= 0.4


def test_noise_at_night_leaves_nothing_behind() -> None:
    ground = Ground([YARD])
    for step in range(30):
        ground.look(step * 2.0, yard(light=lambda luma: luma * 0.3, noise=6.0, seed=step), [])
        assert stayed_cells(ground) < 12


def test_who_is_detected_is_neither_learned_nor_believed() -> None:
    ground = Ground([YARD])
    body = Box(0.48, 0.5, 0.58, 0.75)
    for step in range(6):
        ground.look(step * 2.0, yard([Put(body, seed=3)], seed=step), [body])
    inside = ground.cells.reach(body)
    assert not inside.of(ground.layers.known).any()
    for step in range(6, 9):
        ground.look(step * 2.0, yard(seed=step), [])
    # When it has gone, what shows there is the ground: nothing has changed.
    assert inside.of(ground.layers.known).all()
    assert stayed_cells(ground) == 0


def test_what_showed_in_one_look_alone_was_no_ground() -> None:
    ground = Ground([YARD])
    ground.look(0.0, yard([Put()], seed=0), [])  # somebody whom the detector missed
    for step in range(1, 6):
        ground.look(step * 2.0, yard(seed=step), [])
        assert stayed_cells(ground) == 0
    inside = ground.cells.reach(BAG)
    assert np.abs(inside.of(ground.now) - inside.of(ground.layers.reference)).mean() < 4


def test_what_goes_is_forgotten_twice_as_fast() -> None:
    ground = watched(8)
    for step, time_s in enumerate((10.0, 12.0, 14.0)):
        ground.look(time_s, yard([Put()], seed=100 + step), [])
    ground.look(16.0, yard(seed=200), [])  # 4 s - 2 * 2 s
    assert stayed_cells(ground, 0.1) < 6


def test_a_passer_by_does_not_undo_what_has_stayed() -> None:
    ground = watched(8)
    times = (10.0, 12.0, 14.0, 16.0, 18.0)
    for step, time_s in enumerate(times):  # 8 s by 18
        ground.look(time_s, yard([Put()], seed=100 + step), [])
    walker = Box(0.48, 0.5, 0.58, 0.75)
    ground.look(20.0, yard([Put(), Put(walker, seed=3)], seed=200), [walker])  # detected: not counted
    assert stayed_cells(ground) >= 60
    ground.look(22.0, yard([Put(walker, seed=4)], seed=201), [])  # missed by the detector: 8 - 4 s
    ground.look(24.0, yard([Put()], seed=202), [])
    assert stayed_cells(ground) >= 50


def test_a_gap_is_counted_in_part_only() -> None:
    ground = watched(8)
    ground.look(10.0, yard([Put()], seed=100), [])
    ground.look(610.0, yard([Put()], seed=101), [])
    assert ground.layers.stayed_s.max() == 12.0  # GAP_MAX_S


def test_looks_that_come_too_fast_are_not_due() -> None:
    ground = watched(8)
    assert not ground.due(8.04)
    assert not ground.due(9.3)
    assert ground.due(9.5)
    assert ground.due(3.0)  # the clock was set back: that must not stop it for good


def test_a_change_of_most_of_the_ground_is_learned_anew_and_counted() -> None:
    ground = watched(8)

    def turned(_: Picture) -> Picture:
        return texture(7, WIDTH_PX, HEIGHT_PX).astype(np.float32)

    for time_s in (10.0, 12.0):  # for 2 s it may be anything
        ground.look(time_s, yard(light=turned, seed=round(time_s)), [])
        assert ground.holding
    ground.look(14.0, yard(light=turned, seed=14), [])  # 4 s of 3.5
    assert not ground.holding
    assert ground.learned_anew == 1
    for time_s in (16.0, 18.0, 20.0, 22.0):
        ground.look(time_s, yard(light=turned, seed=round(time_s)), [])
        assert not ground.holding
        assert stayed_cells(ground) < 12


def test_a_thing_keeps_its_cells_until_they_are_released() -> None:
    ground = watched(8)
    for step in range(3):
        ground.look(10.0 + 2 * step, yard([Put()], seed=100 + step), [])
    mask = ground.stayed(3.4)
    ground.claim(mask)
    for step in range(3, 40):
        ground.look(10.0 + 2 * step, yard([Put()], seed=100 + step), [])
    cells = mask > 0
    assert stayed_cells(ground) == 0
    assert (ground.agrees[cells] > 0).mean() > 0.95
    assert (ground.changed[cells] > 0).mean() > 0.9  # and the ground beneath is remembered
    ground.release(mask)
    ground.look(100.0, yard(seed=7), [])
    assert (ground.changed[cells] > 0).mean() < 0.1


def test_a_nudged_camera_takes_the_ground_along() -> None:
    ground = watched(8)
    ground.shift(0.05, -0.1)  # 16 pixels to the right, 18 up
    moved = np.roll(yard(seed=9), (-18, 16), axis=(0, 1))
    for step in range(3):
        ground.look(10.0 + 2 * step, moved, [])
    assert stayed_cells(ground) < 12
    assert not ground.holding


def test_another_size_of_picture_begins_anew() -> None:
    ground = watched(8)
    ground.look(10.0, cv2.resize(yard([Put()], seed=1), (640, 360)), [])
    assert ground.cells.picture == (360, 640)
    assert not ground.changed.any()


def test_doubt_takes_back_what_was_believed() -> None:
    ground = watched(8)
    for step in range(4):
        ground.look(10.0 + 2 * step, yard([Put()], seed=100 + step), [])
    mask = ground.stayed(3.4)
    ground.doubt(mask)
    assert stayed_cells(ground, 1.7) == 0
    ground.look(18.0, yard([Put()], seed=200), [])  # 1.6 + 2 s
    assert stayed_cells(ground, 3.4) >= 60
    assert np.median(ground.layers.since_s[mask > 0]) == 10.0  # but it began when it began
