"""Who is about, look by look, every 2 s as on patrol."""

import pytest

from detector.following.bystanders import Bystanders
from detector.watching.looks import Sighting
from detector.zoning.geometry import Box
from tests.detector.yard import BAG, Put, look, person

PLACE = Box(0.0, 0.0, 1.0, 1.0)


def seen(*looks: list[Sighting], every_s: float = 2.0, **options: object) -> tuple[Bystanders, float]:
    bystanders = Bystanders(PLACE)
    for step, sightings in enumerate(looks):
        bystanders.look(look(step * every_s, sightings=sightings, **options))
    return bystanders, (len(looks) - 1) * every_s


STANDS = person(0.56, 0.72)
"""0.24 high: near within 0.36, in the same place within 0.096."""


@pytest.mark.parametrize(
    ("looks", "stays"),
    [
        ([[], [], *[[STANDS]] * 4], True),
        ([[STANDS]] * 6, False),  # stood there when watching began: a post
        ([[STANDS]], False),  # who has just come may be passing
        ([[], [], [STANDS], [STANDS]], False),  # in the same place 2 s ago, but not 4 s ago
        (
            [[person(0.1 + 0.15 * step, 0.72)] for step in range(4)],
            False,
        ),  # walks: 0.15 of the width, 1.1 heights in 2 s
        ([[], [], *[[person(0.56 + 0.02 * step, 0.72)] for step in range(4)]], True),  # shuffles about: 0.15 heights
        ([[], [], *[[person(0.9, 0.72)]] * 4], False),  # (0.9 - 0.5625) * 16 / 9 = 0.6: 2.5 heights away
        ([[], [], *[[person(0.74, 0.72)]] * 4], True),  # 0.18 * 16 / 9 = 0.32: 1.3 heights
        ([[], [], [STANDS], [STANDS], [STANDS], []], False),  # has gone
    ],
)
def test_who_stays_near(looks: list[list[Sighting]], stays: bool) -> None:
    bystanders, now_s = seen(*looks)
    assert bystanders.stays_near(BAG, now_s - 4.0, now_s) is stays


def test_where_looks_are_far_apart_the_last_one_must_do() -> None:
    bystanders, now_s = seen([], [STANDS], [STANDS], every_s=5.0)
    assert bystanders.stays_near(BAG, 5.0, now_s)


@pytest.mark.parametrize(("since_s", "stays"), [(10.0, True), (65.0, True), (67.0, False)])
def test_who_stood_there_a_minute_before_is_a_part_of_the_place(since_s: float, stays: bool) -> None:
    bystanders, now_s = seen([], [], [], *[[STANDS]] * 34)  # from 6 to 72 s
    assert bystanders.stays_near(BAG, since_s, now_s) is stays


AT_FEET = Box(0.555, 0.66, 0.585, 0.72)
"""Within reach of STANDS, whose box ends at 0.585."""


@pytest.mark.parametrize(
    ("looks", "explained"),
    [
        ([[STANDS]] * 3, True),
        ([[STANDS], [STANDS], []], True),  # missed once
        ([[person(0.56, 0.72, score=0.3)]] * 3, False),  # rubbish that resembles somebody
        ([[], [], []], False),
    ],
)
def test_a_body_explains_what_changes_where_it_stands(looks: list[list[Sighting]], explained: bool) -> None:
    bystanders, now_s = seen(*looks)
    assert bystanders.explains(AT_FEET, look(now_s).luma, 0.0, now_s) is explained


def test_who_stands_still_explains_it_as_long_as_the_place_shows_him() -> None:
    bystanders, _ = seen([STANDS], [STANDS])
    for step in range(2, 30):  # the detector misses him for a minute
        shown = look(step * 2.0, [Put(STANDS.box, 90)])
        bystanders.look(shown)
        assert bystanders.explains(AT_FEET, shown.luma, 2.0, step * 2.0)
    empty = look(60.0)
    bystanders.look(empty)
    assert not bystanders.explains(AT_FEET, empty.luma, 2.0, 60.0)


CAR = Sighting(Box(0.3, 0.4, 0.6, 0.6), "car", 0.9, "vehicle")
SHADOW = Box(0.35, 0.61, 0.55, 0.68)
"""Below the car: it reaches 0.2 * 0.45 = 0.09 further down with its shadow, 0.016 without."""


@pytest.mark.parametrize(("since_s", "explained"), [(4.0, True), (8.0, True), (20.0, False)])
def test_a_vehicles_shadow_came_with_it(since_s: float, explained: bool) -> None:
    bystanders, now_s = seen([], [], *[[CAR]] * 9)  # there from 4 s on
    assert bystanders.explains(SHADOW, look(now_s).luma, since_s, now_s) is explained


@pytest.mark.parametrize(
    ("sighting", "covers"),
    [
        (Sighting(Box(0.50, 0.60, 0.55, 0.70), "car", 0.35, "vehicle"), False),  # 0.1 high among people of 0.24: a sack
        (Sighting(Box(0.40, 0.50, 0.60, 0.70), "car", 0.35, "vehicle"), True),  # 0.2 * 16 / 9 wide: 1.5 people
        (Sighting(Box(0.50, 0.58, 0.58, 0.70), "car", 0.70, "vehicle"), True),  # 0.14: surely a car, so a small one
        (Sighting(Box(0.50, 0.60, 0.55, 0.70), "person", 0.40, "person"), False),  # an armchair
        (Sighting(Box(0.50, 0.60, 0.55, 0.70), "person", 0.80, "person"), True),  # a child
        (Sighting(Box(0.50, 0.60, 0.55, 0.70), "bicycle", 0.40, "two_wheeler"), True),
        (Sighting(Box(0.50, 0.60, 0.55, 0.70), "suitcase", 0.80, "goods"), False),
    ],
)
def test_what_is_too_small_for_its_name_hides_nothing(sighting: Sighting, covers: bool) -> None:
    walkers = [[person(0.1 + 0.1 * step, 0.72)] for step in range(4)]
    bystanders, _ = seen(*walkers, [sighting])
    assert bool(bystanders.covering()) is covers


def test_bodies_are_forgotten() -> None:
    bystanders = Bystanders(PLACE)
    for step in range(200):
        bystanders.look(look(step * 2.0, sightings=[person(0.05 + 0.9 * (step % 7) / 7, 0.9)]))
    assert len(bystanders.bodies) < 10
    for step in range(200, 270):  # 140 s: longer than anybody is remembered
        bystanders.look(look(step * 2.0))
    assert bystanders.bodies == []
