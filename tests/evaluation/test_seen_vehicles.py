"""Who is who follows from the film: unbroken sight, a successor in the same place, and what cannot be known."""

import numpy as np
import pytest

from detector.zoning.geometry import Box
from evaluation.seen_vehicles import SIGHTINGS, Seen, link, pair_up, spread


def seen(time_s: float, left: float, look: int) -> Seen:
    """A vehicle a tenth of the picture wide; `look` is what it looks like."""
    patch = np.random.default_rng(look).normal(size=(24, 24)).astype(np.float32)
    patch /= np.linalg.norm(patch)
    picture = np.full((60, 120, 3), look, np.uint8)
    return Seen(time_s, Box(left, 0.4, left + 0.1, 0.5), patch, picture, (10, 5, 110, 55))


def drive(start_s: float, look: int, *, seconds: float = 2.0, speed: float = 0.3, left: float = 0.0) -> list[Seen]:
    """Ten sightings a second; at 0.3 of the picture's width a second the boxes overlap by 0.07 of 0.13: an IoU of 0.54."""
    return [seen(start_s + at / 10, left + speed * at / 10, look) for at in range(round(10 * seconds))]


def test_one_vehicle_is_what_stays_in_sight() -> None:
    one, other = drive(0, 1), drive(0, 2, speed=0, left=0.8)
    found = link(0, iter([list(look) for look in zip(one, other, strict=True)]))
    assert sorted(len(vehicle.seen) for vehicle in found) == [20, 20]
    assert sorted(vehicle.drove for vehicle in found) == [False, True]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (drive(2.0, 2, speed=0), "another look in the same place from one picture to the next"),
        (drive(2.3, 1, speed=0), "out of sight for 0.4 s"),
        (drive(2.0, 1, speed=0, left=0.06), "moved by more than half its width: an IoU of 0.04 / 0.16"),
    ],
)
def test_a_break_makes_two(second: list[Seen], reason: str) -> None:
    film = [*drive(0, 1, speed=0), *second]
    assert [len(vehicle.seen) for vehicle in link(0, iter([[look] for look in film]))] == [20, 20], reason


def pairs(*films: list[Seen]) -> tuple[int, int, int, bool]:
    """Numbers of pairs of one vehicle in one view, of successors and of the scene; whether any were left out."""
    looks: dict[float, list[Seen]] = {}
    for film in films:
        for look in film:
            looks.setdefault(look.time_s, []).append(look)
    vehicles = link(0, iter([looks[time_s] for time_s in sorted(looks)]))
    sightings = [(at, vehicle.seen[index]) for at, vehicle in enumerate(vehicles) for index in spread(vehicle)]
    found = pair_up(vehicles, sightings)
    return len(found.same_view), len(found.successor), len(found.scene), found.unknown > 0


def test_pairs_are_what_the_film_shows() -> None:
    still = drive(0, 1, speed=0)
    assert SIGHTINGS == 6
    # 6 sightings of one: 6 · 5 / 2 pairs, each in the same place.
    assert pairs(still) == (15, 0, 0, False)
    # Both in sight at once: they are two; one pair of them is taken.
    assert pairs(still, drive(0, 2, speed=0, left=0.5)) == (30, 0, 1, False)
    # What stands there later may be the same one.
    assert pairs(still, drive(9, 2, speed=0)) == (30, 0, 0, True)
    # One that drives through later is another one; its first sighting alone is in that place: min(4, 6 · 1) pairs.
    assert pairs(still, drive(9, 2)) == (15, 4, 0, False)
    # A second after it, it may be the same car, lost in between.
    assert pairs(still, drive(2.9, 2)) == (15, 0, 0, True)
