"""Look-back on synthetic pictures, 0.08 s apart unless a test says otherwise."""

from collections.abc import Callable, Iterator

import pytest

from detector.following.retrospect import Bracket, Picture, arrival_bracket, came_to_rest, left_at, shown_share
from detector.following.template import patch_at
from detector.following.things import Thing
from detector.watching.looks import Look, LookMemory
from tests.detector.street import KERB, Car, moved, picture

PARKED = Car(KERB, seed=1)
PASSER_BY = Car(moved(KERB, dx=0.02), seed=5)
TEMPLATE = patch_at(picture([PARKED]), KERB)
STEP_S = 0.08


def pictures(start_s: float, end_s: float, cars_at: Callable[[float], list[Car]]) -> Iterator[Picture]:
    for number in range(round((end_s - start_s) / STEP_S) + 1):
        time_s = start_s + number * STEP_S
        yield time_s, picture(cars_at(time_s))


def remembered(*shown: list[Car], every_s: float = 2.0) -> LookMemory:
    memory = LookMemory()
    for number, cars in enumerate(shown):
        memory.add(Look(number * every_s, picture(cars)))
    return memory


def first_sighted(at_s: float) -> Thing:
    return Thing(1, KERB, TEMPLATE, at_s, at_s)


@pytest.mark.parametrize(
    ("shown", "sighted_s", "bracket"),
    [
        # Looks at 0, 2, 4, 6: it came between 2 and 4, the detector saw it at 4.
        ([[], [], [PARKED], [PARKED]], 4.0, Bracket(2.0, 4.0)),
        # The detector saw it at 6 only; the place shows it from 4 on.
        ([[], [], [PARKED], [PARKED]], 6.0, Bracket(2.0, 4.0)),
        # It stood there from the start.
        ([[PARKED], [PARKED], [PARKED]], 4.0, Bracket(None, 0.0)),
        # One look with a passer-by in front is passed over.
        ([[], [PARKED], [PARKED, PASSER_BY], [PARKED]], 6.0, Bracket(0.0, 2.0)),
        # Sighted in the very first look.
        ([[PARKED]], 0.0, Bracket(None, 0.0)),
        # Two looks in a row that differ are not passed over: a car of the same looks an hour ago is none of it.
        ([[PARKED], [], [], [PARKED], [PARKED]], 8.0, Bracket(4.0, 6.0)),
    ],
)
def test_arrival_bracket(shown: list[list[Car]], sighted_s: float, bracket: Bracket) -> None:
    assert arrival_bracket(first_sighted(sighted_s), remembered(*shown)) == bracket


def rolls_in(time_s: float) -> list[Car]:
    """At rest from 5 s on; 0.1 of the frame, half its length, a second before."""
    return [Car(moved(KERB, dx=-0.1 * max(0.0, 5.0 - time_s)), seed=1)]


def test_came_to_rest_finds_the_moment_within_a_picture_or_three() -> None:
    onset_s = came_to_rest(pictures(4.0, 6.0, rolls_in), KERB, TEMPLATE, 6.0)
    # 0.2 s before rest it is 0.02 of the frame away, 6 px of 320: that must not count as rest.
    assert 4.8 <= onset_s <= 5.1


def test_a_passer_by_after_the_arrival_makes_it_later_never_earlier() -> None:
    def shown(time_s: float) -> list[Car]:
        return [*rolls_in(time_s), *([PASSER_BY] if 5.3 <= time_s <= 5.5 else [])]

    assert 5.5 <= came_to_rest(pictures(4.0, 6.0, shown), KERB, TEMPLATE, 6.0) <= 5.7


def test_left_at_finds_the_last_moment_at_rest() -> None:
    def rolls_out(time_s: float) -> list[Car]:
        return [Car(moved(KERB, dx=0.1 * max(0.0, time_s - 5.0)), seed=1)]

    assert 4.9 <= left_at(pictures(4.0, 7.0, rolls_out), KERB, TEMPLATE, 4.0) <= 5.2


@pytest.mark.parametrize(("function", "known_s"), [(came_to_rest, 6.0), (left_at, 4.0)])
def test_without_pictures_the_known_moment_stays(function: Callable[..., float], known_s: float) -> None:
    assert function((), KERB, TEMPLATE, known_s) == known_s


@pytest.mark.parametrize(
    ("shown", "share"),
    [
        (lambda _: [PARKED], 1.0),
        # One car leaves its looks in the first and in the last picture, in between another one comes by.
        (lambda time_s: [PARKED] if time_s in {0.0, 2.0} else [Car(seed=6)], 2 / 26),
        # Somebody walks in front for 0.8 of 2 s: 16 of 26 pictures show it.
        (lambda time_s: [PARKED, PASSER_BY] if 0.5 < time_s < 1.3 else [PARKED], 16 / 26),
        # In front for 1.2 of 2 s: 11 of 26 show it, less than half.
        (lambda time_s: [PARKED, PASSER_BY] if 0.5 < time_s < 1.7 else [PARKED], 11 / 26),
        (lambda _: [], 0.0),
    ],
)
def test_shown_share(shown: Callable[[float], list[Car]], share: float) -> None:
    assert shown_share(pictures(0.0, 2.0, shown), KERB, TEMPLATE) == pytest.approx(share)
