import itertools

import numpy as np
import pytest

from models.errors import ModelError
from models.regions.packing import GUTTER_PX, Region, RegionPlan, plan_regions
from models.regions.rects import Rect, reach

INPUTS = [(640, 384), (640, 640), (416, 416)]


@pytest.mark.parametrize(
    ("outline", "source", "expected"),
    [
        # 200x100 px at (400, 500): 0.25 · 200 = 50 aside, 0.75 · 100 = 75 above, 0.1 · 100 = 10 below, but 16 is the least.
        ([(0.4, 0.5), (0.6, 0.5), (0.6, 0.6), (0.4, 0.6)], (1000, 1000), (350, 425, 650, 616)),
        # 40x20 px at (480, 500): the least on every side, 48, 64 and 16.
        ([(0.48, 0.5), (0.52, 0.5), (0.52, 0.52), (0.48, 0.52)], (1000, 1000), (432, 436, 568, 536)),
        # A triangle counts as its bounding rectangle, 400x200 px at (0, 800): 100 aside, 150 above, 20 below, within the frame.
        ([(0.0, 0.8), (0.4, 0.9), (0.2, 1.0)], (1000, 1000), (0, 650, 500, 1000)),
        # A zone that a turned camera has lost: 48 px to the side of x = -0.2 · 1000 is still outside.
        ([(-0.3, 0.5), (-0.2, 0.5), (-0.2, 0.6)], (1000, 1000), (0, 425, 0, 616)),
    ],
)
def test_a_region_reaches_mostly_upwards(
    outline: list[tuple[float, float]], source: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    assert reach(outline, source) == expected


def test_the_part_outside_has_no_area() -> None:
    assert reach([(1.2, 0.5), (1.3, 0.5), (1.3, 0.6)], (1000, 1000)).area == 0
    with pytest.raises(ModelError, match="0 corners in 1000x1000 px"):
        reach([], (1000, 1000))


def region(camera: str, rect: tuple[int, int, int, int], *, source: tuple[int, int] = (1920, 1080)) -> Region:
    return Region(camera, source, Rect(*rect), scale_min=640 / source[0])


def test_one_small_zone_is_seen_in_its_own_resolution_in_a_small_input() -> None:
    # 200x100 px: the least multiples of 32 around it are 224x128. What is over shows its surroundings: 12 px left and right,
    # 14 above and below.
    plan = plan_regions([region("a", (900, 300, 1100, 400))], (640, 384), stride_px=32)
    assert plan.canvases == ((224, 128),)
    assert plan.tiles[0].region.rect == (888, 286, 1112, 414)
    assert plan.tiles[0].place == (0, 0, 224, 128)
    assert (plan.tiles[0].scale, plan.area_px) == (1.0, 224 * 128)
    assert plan.gain == pytest.approx(3.0)  # 1 instead of 640/1920


def test_surroundings_end_where_the_picture_does() -> None:
    # In the corner all 24 px and 28 px of room lie to the left and above.
    plan = plan_regions([region("a", (1720, 980, 1920, 1080))], (640, 384), stride_px=32)
    assert plan.tiles[0].region.rect == (1920 - 224, 1080 - 128, 1920, 1080)


def test_an_input_of_one_size_stays_so() -> None:
    plan = plan_regions([region("a", (900, 300, 1100, 400))], (416, 416))
    assert plan.canvases == ((416, 416),)
    assert plan.tiles[0].place == (0, 0, 416, 416)


def test_a_large_zone_is_scaled_down_to_the_input_and_no_further() -> None:
    # 1280x720 of 1920x1080 into 640x384: 0.5, limited by the width; in the whole picture it would be 1/3.
    plan = plan_regions([region("a", (320, 200, 1600, 920))], (640, 384), stride_px=32)
    assert plan.tiles[0].scale == pytest.approx(0.5, rel=0.01)
    assert plan.gain == pytest.approx(1.5, rel=0.01)


def test_cameras_of_different_resolution_gain_alike() -> None:
    # Whole pictures of 4K and 720p: 1/6 and 1/2. Each goes the same share of its way: (1/6)^(1-s) and (1/2)^(1-s).
    far = Region("far", (3840, 2160), Rect(0, 0, 1500, 900), scale_min=1 / 6)
    near = Region("near", (1280, 720), Rect(0, 0, 500, 300), scale_min=1 / 2)
    plan = plan_regions([far, near], (640, 384), stride_px=32)
    assert len(plan.canvases) == 1
    shares = [1 - np.log(tile.scale) / np.log(tile.region.scale_min) for tile in plan.tiles]
    assert shares[0] == pytest.approx(shares[1], abs=0.02)
    assert 0 < shares[0] < 1


@pytest.mark.parametrize(
    ("second", "count"),
    [
        ((1050, 300, 1250, 400), 1),  # together 350x100 = 35,000, apart 2 · 20,000: one
        ((1100, 300, 1300, 400), 1),  # side by side: 40,000 both ways
        ((1120, 300, 1320, 400), 2),  # 20 px between them would be looked at for nothing
        ((1050, 350, 1250, 450), 2),  # they overlap by 50x50, but 350x150 = 52,500 is more than 40,000
    ],
)
def test_zones_are_joined_where_that_takes_no_more_room(second: tuple[int, int, int, int], count: int) -> None:
    plan = plan_regions([region("a", (900, 300, 1100, 400)), region("a", second)], (640, 384), stride_px=32)
    assert len(plan.tiles) == count


def test_other_cameras_are_never_joined() -> None:
    plan = plan_regions([region("a", (900, 300, 1100, 400)), region("b", (900, 300, 1100, 400))], (640, 384))
    assert sorted(tile.region.camera for tile in plan.tiles) == ["a", "b"]


def test_what_finds_no_place_is_reported() -> None:
    wide = region("wide", (0, 0, 1920, 1080))  # at its least 640x360, and the input is 416x416
    enlarged = region("small", (0, 0, 100, 100), source=(320, 180))  # its whole picture is doubled already
    plan = plan_regions([wide, enlarged, region("a", (0, 0, 300, 200))], (416, 416), stride_px=32)
    assert [tile.region.camera for tile in plan.tiles] == ["a"]
    assert sorted(region.camera for region in plan.unplaced) == ["small", "wide"]
    assert plan_regions([wide], (416, 416)) == RegionPlan((), (), (wide,))
    assert RegionPlan((), (), ()).gain == 1.0


@pytest.mark.parametrize("canvas", INPUTS)
@pytest.mark.parametrize("stride", [32, None])
def test_any_zones_lie_apart_in_bounds_and_at_an_allowed_scale(canvas: tuple[int, int], stride: int | None) -> None:
    chance = np.random.default_rng(0)
    for _ in range(12):
        wanted = [_by_chance(chance, number % 3) for number in range(int(chance.integers(1, 9)))]
        plan = plan_regions(wanted, canvas, stride_px=stride)
        for tile in plan.tiles:
            width, height = plan.canvases[tile.canvas]
            assert 0 <= tile.place.left < tile.place.right <= width <= canvas[0]
            assert 0 <= tile.place.top < tile.place.bottom <= height <= canvas[1]
            assert stride is not None or (width, height) == canvas
            assert stride is None or width % stride == height % stride == 0
            rect, scale_min = tile.region.rect, tile.region.scale_min
            # Sizes are whole pixels, so that each may be half a pixel off.
            assert rect.width * scale_min - 0.5 <= tile.place.width <= rect.width
            assert rect.height * scale_min - 0.5 <= tile.place.height <= rect.height
        for one, other in itertools.combinations(plan.tiles, 2):
            if one.canvas == other.canvas:
                gap_x = max(one.place.left, other.place.left) - min(one.place.right, other.place.right)
                gap_y = max(one.place.top, other.place.top) - min(one.place.bottom, other.place.bottom)
                assert max(gap_x, gap_y) >= GUTTER_PX
        shown = [*(tile.region for tile in plan.tiles), *plan.unplaced]
        for asked in wanted:
            assert any(_holds(part, asked) for part in shown)
        assert {tile.canvas for tile in plan.tiles} == set(range(len(plan.canvases)))


def _by_chance(chance: np.random.Generator, camera: int) -> Region:
    source = [(1920, 1080), (3840, 2160), (1280, 960)][camera]
    width, height = (int(chance.integers(20, side // 2)) for side in source)
    left, top = int(chance.integers(0, source[0] - width)), int(chance.integers(0, source[1] - height))
    return region(f"cam-{camera}", (left, top, left + width, top + height), source=source)


def _holds(part: Region, asked: Region) -> bool:
    return part.camera == asked.camera and part.rect.around(asked.rect) == part.rect


def test_as_few_inputs_as_possible() -> None:
    # Eight zones of 600x340 px of eight 1080p cameras: 200x113 at their least. With 16 px between them three stand side by
    # side (3 · 200 + 2 · 16 = 632) and three above each other (3 · 113 + 2 · 16 = 371): nine would fit.
    eight = [region(f"cam-{number}", (0, 0, 600, 340)) for number in range(8)]
    assert len(plan_regions(eight, (640, 384)).canvases) == 1
    ten = [region(f"cam-{number}", (0, 0, 600, 340)) for number in range(10)]
    plan = plan_regions(ten, (640, 384))
    assert len(plan.canvases) == 2
    # Five in each, three above each other: (384 - 2 · 16) / 3 = 117 px of 340 instead of 113.
    assert plan.gain == pytest.approx(117 / 340 * 3, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 384), 32), "input of 0x384 px: allowed is 1 px and more"),
        (((640, 360), 32), "input of 640x360 px is no multiple of the stride, 32 px"),
    ],
)
def test_wrong_inputs_are_refused(arguments: tuple[tuple[int, int], int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        plan_regions([region("a", (0, 0, 10, 10))], arguments[0], stride_px=arguments[1])


@pytest.mark.parametrize("rect", [(0, 0, 0, 10), (-1, 0, 10, 10), (0, 0, 1921, 10)])
def test_wrong_regions_are_refused(rect: tuple[int, int, int, int]) -> None:
    with pytest.raises(ModelError, match=r"region of a: .* px lies not within 1920x1080 px"):
        region("a", rect)
