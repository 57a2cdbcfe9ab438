"""Who put it there: tracks at four pictures a second, and a bag at 0.5 across, 0.7 down, put down at 10 s."""

from collections.abc import Callable

import pytest

from detector.following.actors import who_put_it
from detector.following.tracking import Tracked
from detector.rules.signs import Actor
from detector.zoning.geometry import Box

BAG = Box(0.49, 0.66, 0.52, 0.70)
ONSET_S = 10.0
ROLES = {"person": "person", "car": "vehicle", "motorcycle": "two_wheeler", "bicycle": "two_wheeler"}
Path = Callable[[float], tuple[float, float, float] | None]
"""Time to the feet, x and y, and the height; None: not in view."""


def rows(*paths: tuple[str, Path]) -> list[tuple[float, list[Tracked]]]:
    shown = []
    for step in range(41):  # 5 to 15 s
        time_s = 5.0 + step / 4
        row = []
        for track, (name, path) in enumerate(paths, 1):
            at = path(time_s)
            if at is not None:
                x, foot, high = at
                wide = high * (1.5 if name == "car" else 0.25)
                row.append(Tracked(track, name, 0.8, Box(x - wide / 2, foot - high, x + wide / 2, foot)))
        shown.append((time_s, row))
    return shown


def asked(*paths: tuple[str, Path]) -> Actor | None:
    return who_put_it(rows(*paths), BAG, ONSET_S, ROLES)


def walk(speed: float = 0.06, stop_s: float = 2.0, x: float = 0.47) -> Path:
    """Comes from the left, stops beside the bag around the onset, and goes on to the right."""

    def at(time_s: float) -> tuple[float, float, float]:
        before, after = min(0.0, time_s - (ONSET_S - stop_s / 2)), max(0.0, time_s - (ONSET_S + stop_s / 2))
        return x + speed * (before + after), 0.70, 0.2

    return at


def back(time_s: float) -> tuple[float, float, float]:
    """Comes from the left and goes back there."""
    return 0.47 - 0.06 * abs(time_s - ONSET_S), 0.70, 0.2


def up(time_s: float) -> tuple[float, float, float]:
    """Goes away from the camera: up in the picture, and smaller."""
    far = max(0.0, time_s - ONSET_S)
    return 0.47, 0.70 - 0.04 * far, 0.2 - 0.02 * far


def down(time_s: float) -> tuple[float, float, float]:
    far = max(0.0, time_s - ONSET_S)
    return 0.47, 0.70 + 0.05 * far, 0.2 + 0.025 * far


@pytest.mark.parametrize(
    ("path", "went"),
    [(walk(), "right"), (back, "left"), (up, "away"), (down, "towards the camera")],
    ids=["on", "back", "up", "down"],
)
def test_somebody_walks_up_and_away(path: Path, went: str) -> None:
    actor = asked(("person", path))
    assert actor is not None
    assert (actor.role, actor.class_name, actor.went) == ("person", "person", went)
    assert abs(actor.seen_s - ONSET_S) <= 1.0
    assert actor.left_s is not None
    assert ONSET_S < actor.left_s <= ONSET_S + 5.0


def test_the_moment_when_he_left() -> None:
    # Stands at 0.47 until 11 s, then 0.06 a second to the right. 0.6 * 0.2 = 0.12 beyond the bag's right edge, at 0.64, he is
    # after 11 + (0.64 - 0.47) / 0.06 = 13.83 s.
    actor = asked(("person", walk()))
    assert actor is not None
    assert actor.left_s == pytest.approx(13.83, abs=0.25)


def test_who_stays_has_not_left() -> None:
    actor = asked(("person", lambda time_s: (min(0.47, 0.2 + 0.06 * (time_s - 5)), 0.70, 0.2)))
    assert actor is not None
    assert actor.left_s is None


@pytest.mark.parametrize(
    "path",
    [
        lambda time_s: (0.47 + 0.12 * (time_s - 6), 0.70, 0.2),  # passed 4 s before
        lambda time_s: (0.2 + 0.06 * (time_s - 5), 0.35, 0.1),  # far behind
        lambda _: (0.47, 0.70, 0.2),  # has always stood there: a lamp post
        lambda _: None,
    ],
    ids=["earlier", "behind", "post", "nobody"],
)
def test_nobody_is_invented(path: Path) -> None:
    assert asked(("person", path)) is None


def test_of_two_it_is_the_one_who_was_there_at_the_time() -> None:
    early = lambda time_s: (0.47 + 0.1 * (time_s - 8.0), 0.70, 0.2)  # noqa: E731 - a line is a path
    actor = asked(("person", early), ("person", walk()))
    assert actor is not None
    assert actor.went == "right"
    assert actor.seen_s == pytest.approx(ONSET_S, abs=0.3)


def test_a_person_before_the_car_that_he_came_in() -> None:
    car = lambda time_s: (0.60 + 0.1 * max(0.0, abs(time_s - 10) - 3), 0.72, 0.15)  # noqa: E731
    actor = asked(("car", car), ("person", walk()))
    assert actor is not None
    assert actor.role == "person"
    alone = asked(("car", car))
    assert alone is not None
    assert (alone.role, alone.class_name) == ("vehicle", "car")


def test_a_rider_who_stops() -> None:
    actor = asked(("motorcycle", walk(speed=0.15)))
    assert actor is not None
    assert (actor.role, actor.went) == ("two_wheeler", "right")


def test_whose_track_ends_on_the_way_has_left() -> None:
    path = walk(speed=0.08)
    actor = asked(("person", lambda time_s: path(time_s) if time_s <= 12.75 else None))
    # At 12.75 s his feet are at 0.47 + 0.08 * 1.75 = 0.61, 0.09 beyond the bag: out of reach, but no 0.12.
    assert actor is not None
    assert actor.left_s == 12.75


def test_without_rows_there_is_nobody() -> None:
    assert who_put_it([], BAG, ONSET_S, ROLES) is None
