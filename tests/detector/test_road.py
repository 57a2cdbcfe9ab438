"""Boxes are 0.1 wide and 0.1 high: a box is a tenth of the frame. Each vehicle stands from its time on."""

import pytest

from detector.following.road import DRIVES_OFF_S, STOPS_MAX, STOPS_S, WAITED_S, Departure, Road
from detector.following.traffic import Standing
from detector.rules.signs import Traffic
from detector.zoning.geometry import Box
from tests.detector.street import moved

LINE = Box(0.4, 0.4, 0.5, 0.5)
BEHIND = moved(LINE, dx=-0.15)
LATER_S = 200.0


def stop(box: Box = LINE, since_s: float | None = 10.0, left_s: float = 30.0) -> Departure:
    return Departure(Standing(box, since_s), left_s)


def road(*stops: Departure, now_s: float = LATER_S) -> Road:
    made = Road()
    for it in stops:
        made.moved(it.left_s + 4.0, [it], [])
    made.moved(now_s, [], [])
    return made


def stops_at(made: Road, *boxes: Box) -> list[int]:
    return [sign.stops for sign in made.around([Standing(box, LATER_S) for box in boxes])]


@pytest.mark.parametrize(
    ("stops", "counted"),
    [
        ([], 0),
        ([stop()], 1),
        ([stop(), stop(since_s=60.0, left_s=62.0)], 2),
        ([stop(moved(LINE, dx=0.03, dy=0.039))], 1),  # 0.49 boxes off
        ([stop(moved(LINE, dx=0.04, dy=0.04))], 0),  # 0.57
        ([stop(Box(0.2, 0.1, 0.6, 0.5))], 0),  # 16 times as large: something else, further ahead
        ([stop(left_s=10.0 + WAITED_S - 0.1)], 1),
        ([stop(left_s=10.0 + WAITED_S)], 0),  # that was no waiting
        ([stop(since_s=None)], 0),  # nobody knows how long it has stood
    ],
)
def test_a_stop_counts_where_somebody_waited_and_drove_on(stops: list[Departure], counted: int) -> None:
    assert stops_at(road(*stops), LINE) == [counted]


def test_a_file_counts_the_stops_on_any_of_its_spots() -> None:
    made = road(stop(), stop(since_s=40.0, left_s=60.0))
    assert stops_at(made, LINE, BEHIND) == [2, 2]  # they came together
    assert [sign.stops for sign in made.around([Standing(LINE, 0.0), Standing(BEHIND, LATER_S)])] == [2, 0]


def test_a_habit_is_forgotten_and_memory_is_bounded() -> None:
    assert stops_at(road(stop(), now_s=30.0 + STOPS_S), LINE) == [1]
    assert stops_at(road(stop(), now_s=30.0 + STOPS_S + 0.1), LINE) == [0]
    many = Road()
    many.moved(100.0, [stop() for _ in range(STOPS_MAX + 5)], [])
    assert stops_at(many, LINE) == [STOPS_MAX]


def test_what_drove_off_stays_in_its_file_for_a_moment_and_goes_with_the_camera() -> None:
    made = Road()
    made.moved(LATER_S, [stop(since_s=LATER_S - 20.0, left_s=LATER_S)], [])
    made.shift(0.2, 0.1)
    behind = Standing(moved(BEHIND, dx=0.2, dy=0.1), LATER_S - 15.0)
    assert made.around([behind]) == [Traffic(in_file=1, neighbours=1, stops=1, driven=1)]
    made.moved(LATER_S + DRIVES_OFF_S, [], [])
    assert made.around([behind]) == [Traffic(in_file=0, neighbours=0, stops=0)]


def test_at_a_full_rate_a_vehicle_that_passes_is_noted_as_often_as_by_patrol() -> None:
    def driven(every_s: float) -> int:
        made = Road()
        for number in range(int(10.0 / every_s)):
            made.moved(number * every_s, [], [LINE])
        return made.around([Standing(LINE, LATER_S)])[0].driven

    assert driven(2.0) == 5
    assert driven(0.04) == 8  # at 0, 1.4, 2.8 s and so on
