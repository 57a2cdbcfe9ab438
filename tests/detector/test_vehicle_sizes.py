"""Boxes are 0.2 wide and 0.1 high, an area of 0.02, unless a test says otherwise."""

import numpy as np
import pytest

from detector.following.vehicle_sizes import SEEN_MIN, VehicleSizes
from detector.watching.looks import Look, Sighting
from detector.zoning.geometry import Box

CAR = Box(0.4, 0.5, 0.6, 0.6)


def seen(count: int, box: Box = CAR, score: float = 0.8, every_s: float = 2.0, role: str = "vehicle") -> VehicleSizes:
    sizes = VehicleSizes()
    for number in range(count):
        sighting = Sighting(box, "car", score, role)
        sizes.note(Look(number * every_s, np.zeros((2, 2), np.uint8), (sighting,)))
    return sizes


def test_of_a_few_vehicles_nothing_is_learned() -> None:
    assert not seen(SEEN_MIN - 1).is_like(CAR)
    assert seen(SEEN_MIN).is_like(CAR)


@pytest.mark.parametrize(
    ("box", "like"),
    [
        (Box(0.1, 0.5, 0.3, 0.6), True),  # elsewhere in the same row
        (Box(0.4, 0.5, 0.51, 0.6), True),  # a bit more than half as large: 0.011 of 0.02
        (Box(0.4, 0.5, 0.49, 0.6), False),
        (Box(0.3, 0.4, 0.49, 0.6), True),  # a bit less than twice
        (Box(0.3, 0.4, 0.51, 0.6), False),
        (Box(0.4, 0.61, 0.6, 0.71), True),  # 0.11 lower
        (Box(0.4, 0.63, 0.6, 0.73), False),  # 0.13 lower: nobody has seen how large a car is there
    ],
)
def test_as_large_as_a_car_is_there(box: Box, like: bool) -> None:
    assert seen(SEEN_MIN).is_like(box) is like


def test_only_sure_vehicles_at_the_pace_of_patrol_count() -> None:
    assert not seen(20, score=0.39).is_like(CAR)
    assert not seen(20, role="person").is_like(CAR)
    assert not seen(20, every_s=0.1).is_like(CAR)  # 1.9 s: one, or a second
