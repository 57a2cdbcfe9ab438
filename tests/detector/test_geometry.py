import pytest

from detector.zoning.geometry import Box, iou, overlap


@pytest.mark.parametrize(
    ("box", "area"),
    [
        (Box(0, 0, 1, 1), 1.0),
        (Box(0.1, 0.2, 0.3, 0.7), 0.1),  # 0.2 * 0.5
        (Box(0.5, 0.2, 0.5, 0.7), 0.0),
        (Box(0.6, 0.7, 0.5, 0.2), 0.0),  # inside out: both sides negative, their product must not count
    ],
)
def test_area(box: Box, area: float) -> None:
    assert box.area == pytest.approx(area)


def test_ground_contact_is_the_bottom_centre() -> None:
    box = Box(0.2, 0.1, 0.4, 0.5)
    assert box.ground_contact == pytest.approx((0.3, 0.5))
    assert box.center == pytest.approx((0.3, 0.3))


@pytest.mark.parametrize(
    ("box", "share", "grown"),
    [
        (Box(0.4, 0.4, 0.6, 0.5), 0.5, Box(0.3, 0.35, 0.7, 0.55)),  # 0.5 * 0.2 in x, 0.5 * 0.1 in y
        (Box(0.4, 0.4, 0.6, 0.5), 0.0, Box(0.4, 0.4, 0.6, 0.5)),
        (Box(0.0, 0.9, 0.2, 1.0), 0.5, Box(0.0, 0.85, 0.3, 1.0)),  # -0.1 and 1.05 stay in the frame
    ],
)
def test_grown_stays_in_the_frame(box: Box, share: float, grown: Box) -> None:
    assert box.grown(share) == pytest.approx(grown)


@pytest.mark.parametrize(
    ("a", "b", "shared", "expected"),
    [
        (Box(0, 0, 0.2, 0.2), Box(0, 0, 0.2, 0.2), 0.04, 1.0),
        (Box(0, 0, 0.2, 0.2), Box(0.1, 0.1, 0.3, 0.3), 0.01, 0.01 / 0.07),  # 0.04 + 0.04 - 0.01
        (Box(0, 0, 0.4, 0.4), Box(0.1, 0.1, 0.3, 0.3), 0.04, 0.25),  # the small one within: 0.04 of 0.16
        (Box(0, 0, 0.2, 0.2), Box(0.2, 0, 0.4, 0.2), 0.0, 0.0),  # share an edge only
        (Box(0, 0, 0.2, 0.2), Box(0.5, 0.5, 0.7, 0.7), 0.0, 0.0),  # apart in both directions
        (Box(0.1, 0.1, 0.1, 0.1), Box(0.1, 0.1, 0.1, 0.1), 0.0, 0.0),  # empty: no division by zero
    ],
)
def test_overlap_and_iou(a: Box, b: Box, shared: float, expected: float) -> None:
    assert overlap(a, b) == pytest.approx(shared)
    assert overlap(b, a) == pytest.approx(shared)
    assert iou(a, b) == pytest.approx(expected)
    assert iou(b, a) == pytest.approx(expected)
