"""People by place: who rests, since when, who is remembered, and how many came by. Heights are shares of the frame's."""

import numpy as np
import pytest

from detector.following.people import AGAIN_S, HIDDEN_S, MISSED_S, VISIT_MAX_S, PeopleKeeper, Person, Visits, singled
from detector.watching.looks import Look, Sighting
from detector.zoning.geometry import Box

WIDTH_PX, HEIGHT_PX = 200, 100
ASPECT = 2.0
LUMA = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
BODY = 0.2


def somebody(x: float, foot: float = 0.8, *, body: float = BODY, score: float = 0.8) -> Sighting:
    """A person who stands on a point; as wide as a third of the body's height."""
    half = body / 6 / ASPECT
    return Sighting(Box(x - half, foot - body, x + half, foot), "person", score, "person")


def watched(looks: list[tuple[float, list[Sighting]]]) -> PeopleKeeper:
    keeper = PeopleKeeper()
    for time_s, sightings in looks:
        keeper.update(Look(time_s, LUMA, tuple(sightings)))
    return keeper


def times(until_s: float, every_s: float) -> list[float]:
    return [round(index * every_s, 3) for index in range(round(until_s / every_s) + 1)]


@pytest.mark.parametrize("every_s", [0.04, 0.5, 2.0])
def test_who_stands_rests_from_the_first_look_on(every_s) -> None:
    # An empty look comes first; then 6 s in one place, swaying by 0.01 of the width: 0.02 heights, a tenth of a body.
    looks = [(-every_s, [])] + [(t, [somebody(0.5 + 0.005 * (-1) ** round(t / every_s))]) for t in times(6.0, every_s)]
    (person,) = watched(looks).at_rest()
    assert (person.since_s, person.last_s, person.from_start) == (0.0, 6.0, False)


@pytest.mark.parametrize("every_s", [0.04, 0.5, 2.0])
@pytest.mark.parametrize(
    ("dx", "dy", "dbody"),
    [
        # 1.4 m/s are 0.82 bodies: 0.165 heights, 0.082 of the width a second.
        pytest.param(0.082, 0.0, 0.0, id="across"),
        # Towards a camera that looks down by 20 degrees: a third of that, downwards, growing by 2 % a second.
        pytest.param(0.0, 0.056, 0.004, id="towards the camera"),
        # By 10 degrees: 0.14 bodies, 0.028 heights a second. After 2.1 s it is more than 0.3 bodies.
        pytest.param(0.0, 0.028, 0.003, id="towards a camera that looks along the street"),
    ],
)
def test_who_walks_never_rests(every_s, dx, dy, dbody) -> None:
    keeper = PeopleKeeper()
    for t in times(10.0, every_s):
        sighting = somebody(0.1 + dx * t, 0.5 + dy * t, body=BODY + dbody * t)
        keeper.update(Look(t, LUMA, (sighting,)))
        assert keeper.at_rest() == [], t


def test_two_walkers_in_one_place_are_no_rest() -> None:
    # Looks 2 s apart show two of them at the same point, 4 s apart: longer than 3 s, but in 2 looks, not 3.
    looks = [(0.0, [somebody(0.5)]), (2.0, [somebody(0.3)]), (4.0, [somebody(0.5)])]
    assert watched(looks).at_rest() == []


def test_who_stops_after_a_last_step_rests() -> None:
    # The first look shows the last step: 0.025 of the width, a quarter of a body. (0.25 + 0.01 + 0.01) / 3 = 0.09.
    looks = [(0, []), (2, [somebody(0.5)]), (4, [somebody(0.525)]), (6, [somebody(0.526)]), (8, [somebody(0.525)])]
    assert [person.since_s for person in watched(looks).at_rest()] == [2]


def test_walkers_who_pass_close_to_one_point_are_no_rest() -> None:
    # 0.02 of the width are 0.2 bodies: each look shows somebody there, to the left and to the right of the point.
    looks = [(float(t), [somebody(0.5 + 0.01 * (-1) ** (t // 2))]) for t in range(0, 30, 2)]
    assert watched(looks).at_rest() == []


def test_a_missed_look_does_not_begin_a_rest_anew() -> None:
    # Seen at 0, 2 and 6 s: the gap of 4 s is shorter than two patrol looks and a bit.
    (person,) = watched([(0, [somebody(0.5)]), (2, [somebody(0.5)]), (4, []), (6, [somebody(0.5)])]).at_rest()
    assert (person.since_s, person.last_s) == (0, 6)


def test_only_the_upper_half_is_the_same_person() -> None:
    # Behind goods the box ends at the waist: the feet are 0.5 bodies away, the head is where it was.
    waist = Sighting(Box(0.483, 0.6, 0.517, 0.7), "person", 0.4, "person")
    keeper = watched([(0, []), (2, [somebody(0.5)]), (4, [waist]), (6, [waist]), (8, [waist])])
    (person,) = keeper.at_rest()
    assert person.since_s == 2


def test_how_tall_people_are_where_they_stand() -> None:
    # Looks 1 s apart: a body of 0.2 at row 0.8, one of 0.1 at row 0.5, and faint boxes of two that are taken for one.
    shown = [somebody(0.2), somebody(0.5, 0.5, body=0.1), somebody(0.8, 0.8, body=0.4, score=0.3)]
    keeper = watched([(float(t), shown) for t in range(4)])
    assert keeper.body_at(0.8) is None  # four of them
    keeper.update(Look(4.0, LUMA, tuple(shown)))
    assert keeper.body_at(0.8) == pytest.approx(0.2)
    assert keeper.body_at(0.55) == pytest.approx(0.1)
    assert keeper.body_at(0.65) is None


@pytest.mark.parametrize("every_s", [0.2, 2.0])
def test_walkers_who_cross_one_place_now_and_then_are_no_rest(every_s) -> None:
    # One of them is there for a look every 4 s, for 20 s: half of the looks, or one in twenty.
    looks = [(t, [somebody(0.5)] if t % 4.0 < 1e-6 else []) for t in times(20.0, every_s)]
    assert watched(looks).at_rest() == []


def test_two_who_stand_side_by_side_are_two() -> None:
    # 0.05 of the width are half a body apart.
    pair = [somebody(0.50), somebody(0.55)]
    assert len(watched([(t, pair) for t in times(6, 2)]).at_rest()) == 2


def test_hidden_for_a_while_is_still_the_same_and_a_walker_who_crosses_the_place_is_not() -> None:
    stands = [(float(t), [somebody(0.5)]) for t in range(0, 7, 2)]
    # Seen up to 6 s. A walker at 16 s, gone at 18 s, proves nothing.
    keeper = watched([*stands, *((float(t), []) for t in range(8, 16, 2)), (16.0, [somebody(0.5)]), (18.0, [])])
    assert [person.last_s for person in keeper.at_rest()] == [6.0]
    # Back at 20 and 22 s: the second look, more than 1.5 s later, proves it.
    for t in (20.0, 22.0):
        keeper.update(Look(t, LUMA, (somebody(0.5),)))
    assert [(person.since_s, person.last_s) for person in keeper.at_rest()] == [(0.0, 22.0)]


def test_nobody_is_remembered_for_ever() -> None:
    keeper = watched([(float(t), [somebody(0.5), somebody(0.1 + 0.04 * t)]) for t in range(0, 9, 2)])
    # Walkers are forgotten after 5 s, who rested after 20 s.
    keeper.update(Look(8 + MISSED_S + 1, LUMA))
    assert len(keeper.people) == 1
    keeper.update(Look(8 + HIDDEN_S + 1, LUMA))
    assert keeper.people == []


def test_who_was_there_at_the_first_look_is_told_apart() -> None:
    keeper = watched([(0, [somebody(0.3)]), (2, [somebody(0.3), somebody(0.6)]), (4, []), (5, [somebody(0.3)])])
    assert [person.from_start for person in keeper.people] == [True, False]


def test_faint_sightings_keep_but_do_not_begin() -> None:
    assert watched([(t, [somebody(0.5, score=0.2)]) for t in times(6, 2)]).people == []
    faint = watched([(0, [somebody(0.5)])] + [(t, [somebody(0.5, score=0.2)]) for t in (2, 4, 6)])
    assert len(faint.at_rest()) == 1


def test_a_nudged_camera_moves_the_places() -> None:
    keeper = watched([(t, [somebody(0.5)]) for t in times(4, 2)])
    keeper.shift(0.1, 0.05)
    keeper.update(Look(6, LUMA, (somebody(0.6, 0.85),)))
    assert [person.last_s for person in keeper.at_rest()] == [6]


@pytest.mark.parametrize(
    ("boxes", "count"),
    [
        pytest.param([(0.40, 0.2, 0.50, 0.8), (0.40, 0.2, 0.50, 0.5)], 1, id="whole and upper half"),
        pytest.param([(0.40, 0.2, 0.50, 0.8), (0.41, 0.21, 0.51, 0.8)], 1, id="twice"),
        # Middles 0.06 of the width apart: 0.12 heights of 0.6, a fifth of a body. They share 0.04 of 0.10 in width.
        pytest.param([(0.40, 0.2, 0.50, 0.8), (0.46, 0.2, 0.56, 0.8)], 2, id="one half before the other"),
        pytest.param([(0.40, 0.2, 0.50, 0.8)], 1, id="one"),
        pytest.param([], 0, id="nobody"),
    ],
)
def test_everybody_counts_once(boxes, count) -> None:
    sightings = [Sighting(Box(*box), "person", 0.8, "person") for box in boxes]
    assert len(singled(sightings, ASPECT)) == count


@pytest.mark.parametrize(
    ("stays", "now_s", "count"),
    [
        pytest.param([], 60, 0, id="nobody"),
        pytest.param([(10, 18)], 22, 0, id="went 4 s ago: may only be missed"),
        pytest.param([(10, 18)], 24, 1, id="came, stopped for 8 s, went 6 s ago"),
        pytest.param([(10, 18), (30, 38)], 60, 2, id="one after the other"),
        pytest.param([(10, 18), (14, 26)], 60, 2, id="the second came before the first went"),
        pytest.param([(10, 20), (12, 22)], 60, 1, id="a couple: left 2 s after each other"),
        pytest.param([(10, 18), (20, 28)], 60, 1, id="edged aside: began 2 s after the other ended, 18 s in all"),
        pytest.param([(10, 18), (22, 30)], 60, 2, id="one 4 s after the other"),
        pytest.param([(10, 50)], 60, 0, id="company: 40 s"),
        pytest.param([(10, 30), (32, 50)], 60, 0, id="company that edged aside: 40 s"),
        pytest.param([(10, 12)], 60, 0, id="stopped for 2 s"),
        pytest.param([(10, 60), (20, 60)], 60, 0, id="two who talk are still there"),
        pytest.param([(10, 18), (52, 60)], 60, 2, id="one went, another is there"),
        pytest.param([(10, 18), (12, 60)], 60, 1, id="one went, who is there has stayed for 48 s"),
    ],
)
def test_visits(stays, now_s, count) -> None:
    visits = Visits()
    people = [Person(number, since_s, since_s, False, [somebody(0.5).box]) for number, (since_s, _) in enumerate(stays)]
    for t in range(0, now_s + 1, 2):
        there = [it for it, (since_s, until_s) in zip(people, stays, strict=True) if since_s <= t <= until_s]
        for person in there:
            person.taken += 1
            person.seen(somebody(0.5).box, 0.8, float(t), ASPECT)
        visits.note([person for person in there if person.rests], float(t))
    assert visits.count(float(now_s)) == count


def test_the_next_in_the_same_place_is_another_visit() -> None:
    visits, person = Visits(), Person(1, 10.0, 10.0, False, [somebody(0.5).box], rests=True)
    for t in (14.0, 16.0, 18.0, 18.0 + AGAIN_S + 2, 18.0 + AGAIN_S + 4, 18.0 + AGAIN_S + 6):
        person.last_s = t
        visits.note([person], t)
    # 10 to 18 s and 28 to 32 s.
    assert visits.count(18.0 + AGAIN_S + 12) == 2


def test_visits_are_counted_on_when_they_are_forgotten() -> None:
    visits = Visits()
    for number in range(50):
        person = Person(number, number * 40.0, number * 40.0 + 8, False, [somebody(0.5).box], rests=True)
        visits.note([person], person.last_s)
        visits.note([], person.last_s + HIDDEN_S + 1)
        assert len(visits._open) == 0
    assert visits.count(5000.0) == 50
    assert VISIT_MAX_S < 40
