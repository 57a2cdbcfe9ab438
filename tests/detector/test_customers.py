"""Who stands before a front, and what their boxes hide. A look every 2 s; somebody is 0.24 high and 0.05 wide: 0.37 of it."""

from dataclasses import replace

import pytest

from detector.following.customers import Customers
from detector.watching.looks import Sighting
from detector.zoning.geometry import Box
from tests.detector.yard import Put, look, person

PLACE = Box(0.0, 0.0, 1.0, 1.0)
MAN = person(0.50, 0.72)
FAINT_MAN = person(0.50, 0.72, score=0.3)


def sight(left: float, top: float, right: float, bottom: float, score: float) -> Sighting:
    return Sighting(Box(left, top, right, bottom), "person", score, "person")


WITH_CART = sight(0.475, 0.48, 0.585, 0.72, 0.5)
"""The man and what he holds: 0.11 x 16 / 9 / 0.24 = 0.81 of its height. Not he himself: 0.05 of 0.11."""
LEANING = sight(0.470, 0.47, 0.545, 0.72, 0.2)
"""Not wide, 0.53, but fainter than the man whom it holds."""
TABLE = sight(0.530, 0.56, 0.580, 0.73, 0.3)
"""0.17 high, 0.71 of the man's height; their feet are 0.01 apart, 0.04 heights."""

WENT_ON = person(0.52, 0.72, score=0.3)
NOBODY: list[list[Sighting]] = [[], [], []]
"""Until 4 s: who comes then was not there when watching began."""


def after(*looks: list[Sighting]) -> Customers:
    customers = Customers(PLACE)
    for step, sightings in enumerate(looks):
        customers.look(look(step * 2.0, sightings=sightings))
    return customers


@pytest.mark.parametrize(
    ("looks", "people"),
    [
        pytest.param([[], [MAN]], [MAN], id="seen once"),
        pytest.param([*NOBODY, [FAINT_MAN]], [FAINT_MAN], id="once, faintly"),
        pytest.param([*NOBODY, [person(0.5, 0.72, score=0.2)]], [], id="once, hardly"),
        pytest.param(NOBODY + [[person(0.5, 0.72, score=0.2)]] * 2, [MAN], id="twice, hardly"),
        pytest.param(NOBODY + [[person(0.5, 0.72, score=0.14)]] * 2, [], id="too faintly"),
        pytest.param([[person(0.94, 0.72)]] * 2, [], id="in the outer tenth of the place: 0.915 and more"),
        pytest.param([[WITH_CART]] * 2, [WITH_CART], id="who sits is wide"),
        pytest.param(NOBODY + [[WITH_CART, MAN]] * 2, [MAN], id="wide, but one alone is in it"),
        pytest.param([*NOBODY, [WITH_CART, MAN], [WITH_CART, MAN], [WITH_CART]], [MAN], id="the one alone was seen before"),
        pytest.param(NOBODY + [[MAN, LEANING]] * 2, [MAN], id="fainter, and holds one who is surer"),
        pytest.param(NOBODY + [[MAN, TABLE]] * 2, [MAN], id="small and faint beside somebody"),
        pytest.param(NOBODY + [[MAN, replace(TABLE, score=0.5)]] * 2, [MAN, TABLE], id="a child: small, but sure"),
        # 0.735 - 0.525 = 0.21 of the width, 0.37 of the height: 1.6 heights.
        pytest.param(
            NOBODY + [[MAN, sight(0.735, 0.56, 0.785, 0.73, 0.3)]] * 2,
            [MAN, sight(0.735, 0.56, 0.785, 0.73, 0.3)],
            id="small and faint, but not beside",
        ),
        # 0.05 of 0.24.
        pytest.param(
            NOBODY + [[MAN, sight(0.530, 0.50, 0.580, 0.67, 0.3)]] * 2,
            [MAN, sight(0.530, 0.50, 0.580, 0.67, 0.3)],
            id="small and faint, but further away",
        ),
        pytest.param([[FAINT_MAN]] * 4, [], id="a post, faintly like somebody since watching began"),
        pytest.param([[FAINT_MAN, LEANING]] * 4, [], id="and its doubles"),
        pytest.param([[MAN]] * 4, [MAN], id="somebody since watching began"),
        pytest.param(NOBODY + [[FAINT_MAN]] * 4, [MAN], id="has come since"),
        # 0.02 of 0.05: 0.03 of 0.07 are shared, 0.43.
        pytest.param([[FAINT_MAN], [person(0.51, 0.72, 0.3)], [WENT_ON]], [WENT_ON], id="no post: it moves"),
        pytest.param([*NOBODY, [MAN], [MAN], [], [], [], []], [MAN], id="missed for 8 s"),
        pytest.param([*NOBODY, [MAN], [MAN], [], [], [], [], []], [], id="for 10 s"),
    ],
)  # fmt: skip
def test_who_is_there(looks: list[list[Sighting]], people: list[Sighting]) -> None:
    assert sorted(after(*looks).people) == sorted(it.box for it in people)


@pytest.mark.parametrize(
    ("seen_looks", "shown", "there"),
    [
        (3, True, True),
        (3, False, False),  # the place shows the floor
        (2, True, False),  # what was taken for somebody twice
    ],
)
def test_who_is_missed_stands_there_as_long_as_the_place_shows_them(seen_looks: int, shown: bool, there: bool) -> None:
    customers = after(*NOBODY, *[[MAN]] * seen_looks)
    start = 3 + seen_looks
    for step in range(start, start + 20):  # for 40 s
        customers.look(look(step * 2.0, [Put(MAN.box, 90)] if shown else []))
    assert bool(customers.people) is there


def test_people_cover_their_outlines_and_explain_nothing() -> None:
    customers = after([], [MAN], [MAN])
    (covered,) = customers.covering()
    # 0.08 of the width and the height.
    assert covered == pytest.approx((0.471, 0.4608, 0.529, 0.7392))
    at_feet = Box(0.51, 0.68, 0.54, 0.72)
    assert not customers.explains(at_feet, look(4.0).luma, 2.0, 4.0)


def test_a_vehicle_explains_its_shadow() -> None:
    car = Sighting(Box(0.4, 0.5, 0.6, 0.7), "car", 0.8, "vehicle")
    customers = after([], [car], [car])
    assert customers.explains(Box(0.6, 0.62, 0.66, 0.7), look(4.0).luma, 2.0, 4.0)
