"""What a change is: put there, taken away, or light. The ground is that of a yard, 160 x 90 cells."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.following.cells import Reach
from detector.following.ground import Ground
from detector.following.traces import Nature, nature, near, traces, weight
from detector.zoning.geometry import Box, iou
from tests.detector.street import HEIGHT_PX, WIDTH_PX
from tests.detector.yard import BAG, YARD, Put, yard

Picture = NDArray[np.float32]
ROWS, COLUMNS = np.mgrid[:HEIGHT_PX, :WIDTH_PX].astype(np.float32)


def changed(before: NDArray[np.uint8] | None = None, after: NDArray[np.uint8] | None = None) -> Ground:
    """The ground after four looks at one picture and three at another."""
    ground = Ground([YARD])
    for step in range(7):
        picture = (before if step < 4 else after) if before is not None and after is not None else yard(seed=step)
        ground.look(step * 2.0, picture, [])
    return ground


def spot(x: float, y: float, radius: float, level: float, sharp: float) -> Callable[[Picture], Picture]:
    """Light, or shade, in a circle: `sharp` pixels from none to all."""
    distance = np.hypot(COLUMNS - x, ROWS - y)
    share = np.clip((radius - distance) / sharp + 0.5, 0, 1)
    return lambda luma: luma * (1 + (level - 1) * share)


def box_of(level: float) -> Callable[[Picture], Picture]:
    """Something plain."""

    def put(luma: Picture) -> Picture:
        luma = luma.copy()
        luma[108:130, 160:184] = level
        return luma

    return put


FLOOR = yard(noise=0)


@pytest.mark.parametrize(
    ("before", "after", "natures"),
    [
        (FLOOR, yard([Put()], noise=0), {Nature.OBJECT}),
        (FLOOR, yard([Put(seed=8)], noise=0), {Nature.OBJECT}),
        (yard([Put()], noise=0), FLOOR, {Nature.GHOST}),
        (FLOOR, yard(light=box_of(15), noise=0), {Nature.OBJECT}),  # a black sack: darker by a factor of 4
        (FLOOR, yard(light=spot(160, 120, 30, 1.6, 40), noise=0), {Nature.LIGHT}),  # a lamp
        (FLOOR, yard(light=spot(160, 120, 30, 0.6, 3), noise=0), {Nature.LIGHT}),  # the hard shadow of a sign
        (FLOOR, yard(light=spot(160, 120, 12, 1.5, 6), noise=0), {Nature.LIGHT}),  # a reflection
        (yard(light=spot(160, 120, 30, 0.6, 3), noise=0), FLOOR, {Nature.LIGHT}),  # the shadow goes
        (FLOOR, yard(light=lambda luma: np.where(abs(COLUMNS - 160) < 6, luma * 0.5, luma), noise=0), {Nature.LIGHT}),
    ],
    ids=["bag", "bundle", "taken", "sack", "lamp", "shadow", "reflection", "shadow goes", "pole"],
)  # fmt: skip
def test_what_a_change_is(before: NDArray[np.uint8], after: NDArray[np.uint8], natures: set[Nature]) -> None:
    ground = changed(before, after)
    found = traces(ground, 3.4)
    assert {nature(ground, trace) for trace in found} == natures


def test_a_trace_is_measured() -> None:
    ground = changed(FLOOR, yard([Put()], noise=0))  # shows from the look at 8 s on
    (trace,) = traces(ground, 3.4)
    assert iou(ground.box(trace.reach), BAG) >= 0.65
    assert (trace.stayed_s, trace.since_s, trace.looks) == (4.0, 8.0, 3)
    assert weight(ground, trace) > 300  # some 50 steps times the root of 100


def test_one_thing_in_two_pieces_is_one_trace_and_two_things_are_two() -> None:
    pieces = [Put(Box(0.50, 0.60, 0.53, 0.70), 5), Put(Box(0.545, 0.60, 0.575, 0.70), 6)]  # 2 cells apart
    assert len(traces(changed(FLOOR, yard(pieces, noise=0)), 3.4)) == 1
    apart = [Put(Box(0.30, 0.60, 0.36, 0.70), 5), Put(Box(0.60, 0.60, 0.66, 0.70), 6)]
    assert len(traces(changed(FLOOR, yard(apart, noise=0)), 3.4)) == 2


def test_what_came_at_another_time_is_another_thing() -> None:
    pieces = [Put(Box(0.50, 0.60, 0.53, 0.70), 5), Put(Box(0.56, 0.60, 0.59, 0.70), 6)]
    ground = Ground([YARD])
    for step in range(12):  # the one at 8 s, the other at 16 s
        shown = [piece for piece, since in zip(pieces, (4, 8), strict=True) if step >= since]
        ground.look(step * 2.0, yard(shown, noise=0), [])
    assert sorted(trace.since_s for trace in traces(ground, 3.4)) == [8.0, 16.0]


@pytest.mark.parametrize(
    ("box", "found"),
    [
        (Box(0.50, 0.60, 0.5375, 0.68), True),  # 6 x 7 cells: a bag across the street
        (Box(0.50, 0.60, 0.5063, 0.70), False),  # one cell wide: a twig
    ],
)
def test_what_is_too_small_is_nothing(box: Box, found: bool) -> None:
    ground = changed(FLOOR, yard([Put(box, 4)], noise=0))
    found_traces = [it for it in traces(ground, 3.4) if nature(ground, it) is Nature.OBJECT]
    assert bool(found_traces) is found


def test_light_over_something_put_down_leaves_the_thing_to_be_explained() -> None:
    ground = changed(FLOOR, yard([Put()], light=spot(170, 117, 70, 1.5, 30), noise=0))
    for step in range(7, 12):
        for trace in traces(ground, 3.4):
            if nature(ground, trace) is Nature.LIGHT:
                ground.absorb_light(trace.mask)
        ground.look(step * 2.0, yard([Put()], light=spot(170, 117, 70, 1.5, 30), noise=0), [])
    (trace,) = traces(ground, 3.4)
    assert nature(ground, trace) is Nature.OBJECT
    assert iou(ground.box(trace.reach), BAG) >= 0.5


@pytest.mark.parametrize(
    ("a", "b", "touch"),
    [
        (Reach(0, 0, 10, 10), Reach(13, 0, 23, 10), True),  # 3 cells of 0.35 * 10
        (Reach(0, 0, 10, 10), Reach(14, 0, 24, 10), False),  # 4 cells
        (Reach(0, 0, 10, 10), Reach(12, 0, 14, 2), True),  # 2 cells do, however small
        (Reach(0, 0, 10, 10), Reach(0, 20, 10, 30), False),
    ],
)
def test_near(a: Reach, b: Reach, touch: bool) -> None:
    assert near(a, b) is touch
    assert near(b, a) is touch


def test_a_smooth_blob_of_any_size_is_light() -> None:
    for radius in (8, 16, 32):
        soft = cv2.GaussianBlur((np.hypot(COLUMNS - 160, ROWS - 110) < radius).astype(np.float32), (0, 0), radius / 3)
        ground = changed(FLOOR, yard(light=lambda luma, soft=soft: luma * (1 + 0.6 * soft), noise=0))
        assert {nature(ground, trace) for trace in traces(ground, 3.4)} <= {Nature.LIGHT}
