"""Vehicles are 0.1 wide and 0.1 high unless a test says otherwise: a box is a tenth of the frame."""

from collections.abc import Sequence

import pytest

from detector.following.flow import NEAR_MIN, Flow
from detector.following.tracking import Tracked
from detector.following.traffic import Standing, passed_by, traffic_around
from detector.rules.signs import Passing, Traffic
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind
from tests.detector.street import moved

CAR = Box(0.40, 0.40, 0.50, 0.50)
STREET = Zone("street", ZoneKind.NO_PARKING, ((0, 0), (1, 0), (1, 1), (0, 1)), dwell_s=20.0)


def file(*came_s: float | None, gap: float = 0.5) -> list[Standing]:
    """One behind the other, with a gap in boxes between every two."""
    return [Standing(moved(CAR, dx=-0.1 * (1 + gap) * place), since_s) for place, since_s in enumerate(came_s)]


@pytest.mark.parametrize(
    ("vehicles", "in_file"),
    [
        (file(10.0), [0]),
        (file(10.0, 12.0), [1, 1]),
        (file(10.0, 16.0, 24.0), [2, 2, 2]),  # 6 and 8 s after the one ahead; 14 s from end to end
        (file(10.0, 22.0, 34.0, 46.0), [3, 3, 3, 3]),  # each 12 s after the one ahead, whatever the first one has stood
        (file(10.0, 26.0), [0, 0]),  # 16 s, more than 15
        (file(10.0, 12.0, 40.0), [1, 1, 0]),  # the third one is of another wave
        (file(10.0, 12.0, gap=0.95), [1, 1]),  # nearly a car's length between them
        (file(10.0, 12.0, gap=1.2), [0, 0]),
        (file(None, None, 30.0), [0, 0, 0]),  # a row of parked cars, and one that comes
        (file(None, 4.0, 6.0), [0, 1, 1]),  # nobody knows how the first one came
    ],
)
def test_a_file_is_a_chain_that_came_in_one_wave(vehicles: list[Standing], in_file: list[int]) -> None:
    assert [around.in_file for around in traffic_around(vehicles, Flow())] == in_file


def test_neighbours_are_all_that_stand_close_by_however_they_came() -> None:
    around = traffic_around(file(None, 30.0, 90.0), Flow())
    # Two boxes and a gap lie between the first and the last one.
    assert around == [Traffic(0, 1), Traffic(0, 2), Traffic(0, 1)]


@pytest.mark.parametrize(
    ("other", "close"),
    [
        (
            Box(0.38, 0.28, 0.46, 0.36),
            True,
        ),  # ahead, seen from behind: smaller, 0.04 above: 0.44 of a mean height of 0.09
        (Box(0.52, 0.20, 0.76, 0.44), True),  # a bus beside it: 0.0576 of 0.01, 5.8 times
        (Box(0.52, 0.20, 0.78, 0.44), False),  # 6.24 times: nearer to the camera by a street's width
        (Box(0.57, 0.57, 0.67, 0.67), True),  # 0.7 and 0.7 of a box off: 0.99
        (Box(0.58, 0.58, 0.68, 0.68), False),  # 0.8 and 0.8: 1.13
    ],
)
def test_close_is_within_a_vehicles_length_in_the_picture(other: Box, close: bool) -> None:
    around = traffic_around([Standing(CAR, 10.0), Standing(other, 12.0)], Flow())
    assert around[0] == (Traffic(1, 1) if close else Traffic(0, 0))


def test_where_nobody_ever_drives_nobody_queues() -> None:
    flow = Flow()
    parked = file(10.0, 12.0, 14.0)
    for _ in range(NEAR_MIN):
        for vehicle in parked:
            flow.note(moved(vehicle.box, dy=0.1))  # the lane beside the kerb
    assert [around.in_file for around in traffic_around(parked, flow)] == [0, 0, 0]
    flow.note(parked[1].box)  # one has driven where the second one stands
    assert [around.in_file for around in traffic_around(parked, flow)] == [0, 2, 0]


def rows(*paths: Sequence[tuple[float, float]]) -> list[tuple[float, list[Tracked]]]:
    """Pictures a quarter of a second apart; paths are ground contacts, in boxes from the standing one's."""
    x, y = CAR.ground_contact
    pictures = []
    for number in range(max(map(len, paths))):
        row = []
        for track, path in enumerate(paths, 1):
            if number < len(path):
                at_x, at_y = x + 0.1 * path[number][0], y + 0.1 * path[number][1]
                row.append(Tracked(track, "car", 0.8, Box(at_x - 0.05, at_y - 0.1, at_x + 0.05, at_y)))
        pictures.append((number / 4, row))
    return pictures


STANDS = [(0.0, 0.0)] * 9
AROUND = [(-3, 0.1), (-2.2, 0.2), (-1.4, 0.6), (-0.6, 0.8), (0.2, 0.8), (1, 0.7), (1.8, 0.3), (2.6, 0.1)]
"""From its lane to the next one and back: 0.8 boxes to the side as it passes, 0.3 and 0.1 ahead."""


@pytest.mark.parametrize(
    ("path", "passing"),
    [
        (AROUND, Passing(1, 1)),
        ([(-x, y) for x, y in AROUND], Passing(1, 1)),  # the other way round
        ([(y, x) for x, y in AROUND], Passing(1, 1)),  # up and down the picture
        # Straight on in the next lane, beside every queue: drove by, not around.
        ([(-3 + 0.8 * step, 0.8) for step in range(9)], Passing(0, 1)),
        # Out of the lane and past, to turn off at the light: never back ahead of it.
        ([(-3, 0.1), (-2.2, 0.2), (-1.4, 0.6), (-0.6, 0.8), (0.2, 0.8), (1, 0.9), (1.8, 1.2)], Passing(0, 1)),
        # Across, ahead of the first in the queue.
        ([(1.5, -2 + 0.8 * step) for step in range(6)], Passing(0, 1)),
        # Joins the queue behind it.
        ([(-4, 0), (-3.2, 0), (-2.4, 0), (-1.6, 0), (-1.3, 0), (-1.3, 0), (-1.3, 0)], Passing(0, 0)),
        # Stands, and its box trembles by a twentieth.
        ([(1.5, 0.0), (1.55, 0.0)] * 4, Passing(0, 0)),
        # A track that jumps by 4 boxes, from a car behind it to one ahead.
        ([(-3, 0.1), (-2.2, 0.2), (-1.4, 0.6), (2.6, 0.3), (3.4, 0.1)], Passing(0, 1)),
        # Around something else, 3 boxes further down.
        ([(x, y + 3) for x, y in AROUND], Passing(0, 1)),
    ],
)
def test_passed_by(path: list[tuple[float, float]], passing: Passing) -> None:
    assert passed_by(rows(STANDS, path), CAR, STREET) == passing


def test_who_swerves_far_from_the_zone_does_not_count() -> None:
    # The zone ends 0.3 boxes above its wheels, so 1.1 from where the other one passes; or 0.15 above: 0.95.
    for edge, around in ((0.47, 0), (0.485, 1)):
        kerb = Zone("kerb", ZoneKind.NO_PARKING, ((0, 0), (1, 0), (1, edge), (0, edge)), dwell_s=20.0)
        assert passed_by(rows(STANDS, AROUND), CAR, kerb) == Passing(around, 1)


def test_nobody_is_nobody() -> None:
    assert passed_by([], CAR, STREET) == passed_by(rows(STANDS), CAR, STREET) == Passing(0, 0)
