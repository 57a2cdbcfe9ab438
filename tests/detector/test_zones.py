from dataclasses import replace

import pytest

from detector.zoning.calendars import Calendar, Window
from detector.zoning.geometry import Box
from detector.zoning.zones import DEFAULT_DWELL_S, SizeLimits, Zone, ZoneKind, overlap_warnings, widest

SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
# An L: the upper right quarter of the square is cut out.
CONCAVE = ((0.2, 0.2), (0.5, 0.2), (0.5, 0.5), (0.8, 0.5), (0.8, 0.8), (0.2, 0.8))


def standing_at(x: float, y: float) -> Box:
    """A box whose bottom centre is (x, y)."""
    return Box(x - 0.05, y - 0.1, x + 0.05, y)


@pytest.mark.parametrize(
    ("polygon", "x", "y", "held"),
    [
        (SQUARE, 0.5, 0.5, True),
        (SQUARE, 0.5, 0.8, True),  # on the lower edge
        (SQUARE, 0.2, 0.2, True),  # on a corner
        (SQUARE, 0.5, 0.81, False),  # the box reaches in, the wheels stand outside
        (SQUARE, 0.5, 0.199, False),
        (SQUARE, 0.5, 0.25, True),  # the box sticks out, the wheels stand inside
        (CONCAVE, 0.3, 0.3, True),
        (CONCAVE, 0.7, 0.7, True),
        (CONCAVE, 0.7, 0.3, False),  # in the notch: inside the convex hull, outside the zone
        (CONCAVE, 0.5, 0.5, True),  # on the inner corner
        (((0, 0), (1, 0), (1, 1), (0, 1)), 0.5, 1.0, True),  # cut off by the frame: on its lower edge
    ],
)
def test_holds_by_ground_contact(polygon: tuple[tuple[float, float], ...], x: float, y: float, held: bool) -> None:
    assert Zone("z", ZoneKind.NO_PARKING, polygon, 60.0).holds(standing_at(x, y)) is held


def test_the_order_of_corners_does_not_matter() -> None:
    for corners in (CONCAVE, CONCAVE[::-1]):
        zone = Zone("z", ZoneKind.FIRE_LANE, corners, 30.0)
        assert zone.holds(standing_at(0.3, 0.7))
        assert not zone.holds(standing_at(0.7, 0.3))


def test_every_kind_has_a_default_dwell() -> None:
    assert set(DEFAULT_DWELL_S) == set(ZoneKind)
    assert all(dwell_s > 0 for dwell_s in DEFAULT_DWELL_S.values())


@pytest.mark.parametrize(
    ("classes", "exempt", "judged"),
    [
        (None, (), {"car", "bus", "truck"}),
        (None, ("bus",), {"car", "truck"}),  # a bus at its stop
        (("bus", "truck"), (), {"bus", "truck"}),
        (("bus", "truck"), ("car",), {"bus", "truck"}),
    ],
)
def test_classes_and_exemptions(classes: tuple[str, ...] | None, exempt: tuple[str, ...], judged: set[str]) -> None:
    zone = Zone(
        "z", ZoneKind.NO_PARKING, SQUARE, 60.0, frozenset(classes) if classes else None, exempt=frozenset(exempt)
    )
    assert {name for name in ("car", "bus", "truck") if zone.judges(name)} == judged


def test_a_shifted_zone_keeps_all_it_says() -> None:
    zone = Zone("z", ZoneKind.NO_PARKING, SQUARE, 60.0, exempt=frozenset({"bus"}), permitted="loading")
    moved = zone.shifted(0.1, 0.0)
    assert replace(moved, polygon=SQUARE) == zone
    assert moved.holds(standing_at(0.85, 0.5))
    assert not zone.holds(standing_at(0.85, 0.5))


@pytest.mark.parametrize(
    ("limits", "size_m", "admitted"),
    [
        (SizeLimits(0.3, 6.0), 0.2, False),
        (SizeLimits(0.3, 6.0), 0.3, True),
        (SizeLimits(0.3, 6.0), 6.1, False),
        (SizeLimits(min_m=3.0), 40.0, True),
        (SizeLimits(max_m=3.0), 0.01, True),
        (SizeLimits(0.3, 6.0), None, True),  # what can't be told excludes nothing
    ],
)
def test_size_limits(limits: SizeLimits, size_m: float | None, admitted: bool) -> None:
    assert limits.admit(size_m) is admitted


@pytest.mark.parametrize(
    ("polygon", "width"),
    [
        (SQUARE, 0.6),
        (((0, 0), (1, 0), (1, 0.002), (0, 0.002)), 0.002),  # as long as the frame, and no wheel fits in
        (((0, 0), (1, 0), (0, 0.004)), 0.004),  # nearly: in so flat a wedge the circle touches at its thick end
        (((0, 0), (0.6, 0), (0.6, 0.3), (0.55, 0.3), (0.55, 0.001), (0, 0.001)), 0.05),  # a thin arm on a thick one
    ],
)
def test_how_wide_a_polygon_is(polygon: tuple[tuple[float, float], ...], width: float) -> None:
    assert widest(polygon) == pytest.approx(width, rel=0.05)


def one(name: str, left: float, kind: ZoneKind = ZoneKind.NO_PARKING, **more: object) -> Zone:
    """A zone that is 0.4 wide, from the top of the picture to its bottom."""
    return Zone(name, kind, ((left, 0.0), (left + 0.4, 0.0), (left + 0.4, 1.0), (left, 1.0)), 60.0, **more)  # type: ignore[arg-type]


def hours(from_h: int, until_h: int) -> Calendar:
    return Calendar("Asia/Shanghai", (Window(frozenset(range(7)), from_h * 60, until_h * 60),))


@pytest.mark.parametrize(
    ("zones", "said"),
    [
        ([one("a", 0.0), one("b", 0.3)], 1),  # 0.1 of 0.4
        ([one("a", 0.0), one("b", 0.4)], 0),  # they touch
        ([one("a", 0.0), one("b", 0.395)], 0),  # 0.005 of 0.4: an edge that was drawn by hand
        ([one("a", 0.0), one("b", 0.3, ZoneKind.NO_DUMPING)], 0),
        ([one("a", 0.0), one("b", 0.1), one("c", 0.2)], 3),
        ([one("a", 0.0, classes=frozenset({"bus"})), one("b", 0.3, classes=frozenset({"car"}))], 0),
        ([one("a", 0.0, classes=frozenset({"bus"})), one("b", 0.3)], 1),
        ([one("a", 0.0, calendar=hours(7, 9)), one("b", 0.3, calendar=hours(9, 12))], 0),
        ([one("a", 0.0, calendar=hours(7, 9)), one("b", 0.3, calendar=hours(8, 12))], 1),
        ([one("a", 0.0, calendar=hours(7, 9)), one("b", 0.3)], 1),
    ],
)
def test_zones_that_overlap_are_said_and_both_work(zones: list[Zone], said: int) -> None:
    assert len(overlap_warnings(zones)) == said


def test_an_overlap_in_words() -> None:
    assert overlap_warnings([one("a", 0.0), one("b", 0.3)]) == [
        "zones a and b: both are no_parking and share 25% of the smaller one: what stands there is reported twice"
    ]
