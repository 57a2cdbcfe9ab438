import pytest

from detector.geometry import Box
from detector.zones import DEFAULT_DWELL_S, Zone, ZoneKind

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
