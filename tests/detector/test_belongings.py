"""What lies beside somebody who stands: painted into the street of noise, seen every 2 s. A body is 0.3 of its height."""

import numpy as np
import pytest

from detector.following.belongings import Belongings
from detector.following.changes import ChangeKeeper
from detector.following.people import PeopleKeeper
from detector.following.things import Presence
from detector.watching.looks import Look, Sighting
from detector.zoning.geometry import Box
from tests.detector.street import Car, picture

GROUND = ((0.0, 0.3), (1.0, 0.3), (1.0, 1.0), (0.0, 1.0))
BODY = Box(0.40, 0.45, 0.46, 0.75)
BAG = Box(0.48, 0.67, 0.53, 0.76)
"""At 0.02 of the width from the body: 0.036 heights."""
CAME_S, PUT_S = 20.0, 22.0


class Street:
    """Ten looks at the empty street, then somebody comes, and a thing."""

    def __init__(self, body: Box | None = BODY, bag: Box = BAG) -> None:
        self.changes = ChangeKeeper([GROUND])
        self.belongings = Belongings(self.changes)
        self.people = PeopleKeeper()
        self.body, self.bag = body, bag

    def look(self, t: float, *, bag: bool, body: bool = True, front: Box | None = None) -> None:
        cars = [Car(self.bag, seed=7)] if bag else []
        sightings = []
        for box, seed in ((self.body if body else None, 8), (front, 9)):
            if box is not None:
                cars.append(Car(box, seed=seed))
                sightings.append(Sighting(box, "person", 0.8, "person"))
        look = Look(t, picture(cars), tuple(sightings))
        self.changes.update(look)
        self.people.update(look)
        self.belongings.update(look, self.people.people)

    def until(self, until_s: float) -> "Street":
        for t in np.arange(0.0, until_s + 1, 2.0):
            self.look(float(t), bag=t >= PUT_S, body=t >= CAME_S)
        return self


def owned(street: Street) -> list[Box]:
    """What is known of the ground, by whichever keeper."""
    return [it.anchor for it in (*street.belongings.things, *street.changes.things) if it.settled]


def test_what_is_put_down_beside_somebody_who_stands_is_known() -> None:
    (box,) = owned(Street().until(30.0))
    # A part of it: what the body's shadow may cover is left out.
    assert box.left >= BODY.right
    assert box.center == pytest.approx(BAG.center, abs=0.03)


@pytest.mark.parametrize(
    ("body", "bag"),
    [
        pytest.param(None, BAG, id="nobody is there"),
        # 0.24 of the width, 0.43 heights, 1.4 bodies.
        pytest.param(BODY, Box(0.70, 0.67, 0.75, 0.76), id="far away"),
        pytest.param(BODY, Box(0.41, 0.50, 0.45, 0.60), id="worn"),
    ],
)
def test_what_does_not_lie_beside_them_is_not_theirs(body, bag) -> None:
    assert Street(body, bag).until(30.0).belongings.things == []


@pytest.fixture
def kept(monkeypatch) -> Street:
    # Too little of it shows for the ground: it never becomes a thing of its own.
    monkeypatch.setattr("detector.following.changes.WEIGHT_MIN", 1e9)
    street = Street().until(30.0)
    assert [it.settled for it in street.belongings.things] == [True]
    return street


def test_it_is_followed_by_its_looks(kept) -> None:
    (thing,) = kept.belongings.things
    assert (thing.first_s, thing.last_s, thing.presence) == (PUT_S, 30.0, Presence.SEEN)


def test_somebody_in_front_hides_it(kept) -> None:
    (thing,) = kept.belongings.things
    for t in range(32, 60, 2):
        kept.look(float(t), bag=True, front=Box(0.47, 0.5, 0.54, 0.8))
    assert (thing.presence, thing.last_s) == (Presence.HIDDEN, 30.0)
    kept.look(60.0, bag=True)
    assert (thing.presence, kept.belongings.things) == (Presence.SEEN, [thing])


def test_what_was_taken_away_is_forgotten(kept) -> None:
    (thing,) = kept.belongings.things
    kept.look(32.0, bag=False)
    assert (thing.presence, kept.belongings.things) == (Presence.ABSENT, [thing])
    for t in (34.0, 36.0, 38.0):
        kept.look(t, bag=False)
    assert kept.belongings.things == []


def test_a_nudged_camera_moves_it(kept) -> None:
    (thing,) = kept.belongings.things
    left = thing.anchor.left
    kept.belongings.shift(0.1, 0.0)
    assert thing.anchor.left == pytest.approx(left + 0.1)
