"""A camera whose arithmetic stands here: 6 m high, looking along y, tilted down by 20°, f = 1.2 heights of a 16:9 picture."""

import math

import pytest

from detector.zoning.geometry import Box
from detector.zoning.ground_plane import GroundPlane, Origin, Point, fit

ASPECT, HEIGHT_M, TILT, FOCAL = 16 / 9, 6.0, math.radians(20), 1.2
GROUND = [(-4.0, 10.0), (4.0, 10.0), (6.0, 25.0), (-6.0, 25.0)]
HORIZON = 0.5 - FOCAL * math.tan(TILT)  # 0.063: a ray that is level looks up by the tilt


def seen(x_m: float, y_m: float, z_m: float = 0.0) -> Point:
    """Where the camera shows a point: depth along the axis, then the pinhole."""
    below_m = HEIGHT_M - z_m
    depth_m = y_m * math.cos(TILT) + below_m * math.sin(TILT)
    down_m = below_m * math.cos(TILT) - y_m * math.sin(TILT)
    return 0.5 + FOCAL * x_m / depth_m / ASPECT, 0.5 + FOCAL * down_m / depth_m


def standing(x_m: float, y_m: float, wide_m: float, tall_m: float) -> Box:
    """The box of a flat upright thing that faces the camera."""
    left, right = seen(x_m - wide_m / 2, y_m), seen(x_m + wide_m / 2, y_m)
    return Box(left[0], seen(x_m, y_m, tall_m)[1], right[0], left[1])


@pytest.fixture(scope="module")
def plane() -> GroundPlane:
    return fit([seen(*point) for point in GROUND], GROUND)


@pytest.mark.parametrize("point", [(0.0, 12.0), (3.0, 20.0), (-8.0, 40.0), (1.5, 8.0)])
def test_points_go_to_the_ground_and_back(plane: GroundPlane, point: Point) -> None:
    assert plane.on_ground(seen(*point)) == pytest.approx(point, abs=1e-4)
    assert plane.in_picture(point) == pytest.approx(seen(*point), abs=1e-6)


def test_distance_and_speed(plane: GroundPlane) -> None:
    first, second = standing(0, 12, 0.5, 1.7), standing(3, 16, 0.5, 1.7)
    assert plane.distance_m(first, second) == pytest.approx(5.0, abs=1e-3)  # 3, 4, 5
    assert plane.speed_m_s(first, 10.0, second, 12.5) == pytest.approx(2.0, abs=1e-3)  # 5 m in 2.5 s
    assert plane.speed_m_s(second, 12.5, first, 10.0) == pytest.approx(2.0, abs=1e-3)
    assert plane.speed_m_s(first, 10.0, second, 10.0) is None


@pytest.mark.parametrize(("wide_m", "tall_m"), [(0.5, 1.7), (1.8, 1.5), (2.5, 3.2), (0.4, 0.3)])
@pytest.mark.parametrize("at", [(0.0, 12.0), (3.0, 22.0), (-4.0, 30.0)])
def test_width_and_height(plane: GroundPlane, at: Point, wide_m: float, tall_m: float) -> None:
    box = standing(*at, wide_m, tall_m)
    assert plane.width_m(box) == pytest.approx(wide_m, abs=1e-3)
    assert plane.height_m(box, ASPECT) == pytest.approx(tall_m, abs=1e-3)
    assert plane.size_m(box, ASPECT) == pytest.approx(max(wide_m, tall_m), abs=1e-3)
    assert plane.camera_height_m(ASPECT) == pytest.approx(HEIGHT_M, abs=1e-3)


def test_at_the_horizon_nothing_is_told(plane: GroundPlane) -> None:
    above = Box(0.4, 0.0, 0.6, HORIZON - 0.01)
    assert plane.on_ground((0.5, HORIZON - 0.01)) is None
    assert plane.on_ground((0.5, HORIZON + 0.001)) is None  # some kilometres away
    assert plane.on_ground((0.5, HORIZON + 0.05)) is not None
    assert plane.distance_m(above, standing(0, 12, 1, 1)) is None
    assert (plane.width_m(above), plane.height_m(above, ASPECT), plane.size_m(above, ASPECT)) == (None, None, None)
    assert plane.all_on_ground([seen(0, 12), seen(2, 12), seen(2, 20)])
    assert not plane.all_on_ground([seen(0, 12), seen(2, 12), (0.5, HORIZON)])


def test_looking_straight_down_no_height_is_told_but_a_width() -> None:
    plane = fit([(0.1, 0.9), (0.9, 0.9), (0.9, 0.1), (0.1, 0.1)], [(0, 0), (8, 0), (8, 4.5), (0, 4.5)])
    box = Box(0.3, 0.3, 0.5, 0.5)
    assert plane.width_m(box) == pytest.approx(2.0)  # 0.2 of 10 m
    assert plane.height_m(box, ASPECT) is None
    assert plane.size_m(box, ASPECT) == pytest.approx(2.0)


def test_a_cut_out_picture_tells_no_height() -> None:
    """The right quarter of the picture: the lens does not point at its middle, and the two ways to a focal length disagree."""
    cut = [(4 * (x - 0.75) + 0.5, y * 2 - 0.5) for x, y in (seen(*point) for point in GROUND)]
    shifted = [((x + 2) / 5, (y + 0.5) / 3) for x, y in cut]
    assert fit(shifted, GROUND).height_m(Box(0.4, 0.4, 0.5, 0.6), 1.0) is None


def test_clicks_that_are_a_little_off_are_averaged() -> None:
    # Ten pairs, each click off by 3 thousandths of the frame in a direction of its own: the ground is right to 1.5 %.
    ground = [(x, y) for y in (8.0, 12.0, 16.0, 20.0, 25.0) for x in (-3.0, 3.0)]
    clicks = [
        (at[0] + 0.003 * math.cos(2.4 * number), at[1] + 0.003 * math.sin(2.4 * number))
        for number, at in enumerate(seen(*point) for point in ground)
    ]
    plane = fit(clicks, ground)
    assert plane.on_ground(seen(0.0, 15.0)) == pytest.approx((0.0, 15.0), abs=0.25)
    assert plane.height_m(standing(0, 15, 1, 1.7), ASPECT) == pytest.approx(1.7, abs=0.2)


@pytest.mark.parametrize(
    ("bearing_deg", "north_m", "east_m"),
    [(0.0, 20.0, 3.0), (90.0, -3.0, 20.0), (180.0, -20.0, -3.0), (-90.0, 3.0, -20.0)],  # of 3 m right, 20 m ahead
)
def test_a_place_on_the_map(bearing_deg: float, north_m: float, east_m: float) -> None:
    origin = Origin(39.9, 116.4, bearing_deg)
    plane = fit([seen(*point) for point in GROUND], GROUND, origin)
    place = plane.place((3.0, 20.0))
    assert place is not None
    # At 39.9° a degree of latitude is 111,033 m and one of longitude 85,518 m (WGS 84; NGA's table).
    assert (place[0] - 39.9) * 111_033 == pytest.approx(north_m, abs=0.02)
    assert (place[1] - 116.4) * 85_518 == pytest.approx(east_m, abs=0.02)


def test_without_an_origin_there_is_no_place(plane: GroundPlane) -> None:
    assert plane.place((0.0, 0.0)) is None


def test_a_view_that_was_moved(plane: GroundPlane) -> None:
    x, y = seen(3.0, 20.0)
    assert plane.shifted(0.05, -0.02).on_ground((x + 0.05, y - 0.02)) == pytest.approx((3.0, 20.0), abs=1e-4)
    assert plane.shifted(0.05, -0.02).in_picture((3.0, 20.0)) == pytest.approx((x + 0.05, y - 0.02), abs=1e-6)


def test_how_wide_a_zone_is(plane: GroundPlane) -> None:
    strip = [seen(0, 12), seen(0.1, 12), seen(0.1, 20), seen(0, 20)]
    assert plane.widest_m(strip) == pytest.approx(0.1, abs=1e-3)


def test_the_grid(plane: GroundPlane) -> None:
    step_m, lines = plane.grid([])
    assert step_m == 1.0  # 12 m and 15 m: 27 lines
    assert len(lines) == 13 + 16  # -6…6 and 10…25
    assert all(-1e-6 <= value <= 1 + 1e-6 for line in lines for point in line for value in point)
    # Every line is straight, and lies on whole metres.
    for line in lines:
        metres = [plane.on_ground(point) for point in line]
        assert any(all(abs(at[axis] - round(metres[0][axis])) < 1e-3 for at in metres) for axis in (0, 1))
    far = [seen(-40, 30), seen(40, 30), seen(40, 120), seen(-40, 120)]
    assert plane.grid([far])[0] == 5.0


LINE = [(0.1, 0.5), (0.3, 0.5), (0.5, 0.5), (0.7, 0.5)]
THREE_IN_LINE = [(0.1, 0.5), (0.3, 0.5), (0.5, 0.5), (0.7, 0.9)]
GOOD = [seen(*point) for point in GROUND]
WRONG = [
    (GOOD[:3], GROUND[:3], "hold 3 pairs: allowed are 4 to 30"),
    (GOOD, GROUND[:3], "hold 4 and 3 points: allowed are pairs"),
    (LINE, GROUND, "image: its points lie in a line"),
    (THREE_IN_LINE, GROUND, "image: its points lie in a line"),
    (GOOD, [(0, 0), (0, 5), (0, 10), (0, 15)], "ground_m: its points lie in a line"),
    (GOOD, [GROUND[0]] * 4, "ground_m: its points lie in a line"),
    (GOOD, [GROUND[0], GROUND[2], GROUND[1], GROUND[3]], "the horizon would run between the points"),
    # The last of five pairs is 3 m off, at 15 m: 0.125 of the frame, of which the other pairs take over a third.
    ([*GOOD, seen(0, 15)], [*GROUND, (3, 15)], r"pair 5 lies 0\.0\d+ of the frame .* allowed is 0.02"),
]


@pytest.mark.parametrize(("image", "ground", "message"), WRONG)
def test_pairs_that_give_no_ground(image: list[Point], ground: list[Point], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(image, ground)


def test_a_mirrored_ground_has_no_place_on_the_map() -> None:
    mirrored = [(-x, y) for x, y in GROUND]
    assert fit(GOOD, mirrored).width_m(standing(0, 12, 2, 1)) == pytest.approx(
        2.0, abs=1e-3
    )  # metres are right all the same
    assert fit(GOOD, mirrored).height_m(standing(0, 12, 2, 1), ASPECT) == pytest.approx(1.0, abs=1e-3)
    with pytest.raises(ValueError, match="ground_m: is mirrored"):
        fit(GOOD, mirrored, Origin(39.9, 116.4))
