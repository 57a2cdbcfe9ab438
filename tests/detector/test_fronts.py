"""What is put before a front, while somebody stands beside it: a look every 2 s, as on patrol."""

import pytest

from detector.following.changes import ChangeKeeper
from detector.following.fronts import FrontKeeper
from detector.following.keepers import keepers_for
from detector.following.things import Presence, Thing
from detector.rules import Subject
from detector.rules.dumping import DumpingRule
from detector.rules.frontage import FrontageRule
from detector.watching.looks import Sighting
from detector.zoning.geometry import Box, iou
from detector.zoning.zones import Zone, ZoneKind
from tests.detector.yard import BAG, YARD, Put, look, person

OWNER = person(0.465, 0.70)
"""Beside the bag: 0.44 to 0.49; the bag begins at 0.50."""


class Story:
    """Feeds looks to a keeper and notes what settled and left, and when."""

    def __init__(self, keeper: ChangeKeeper | None = None) -> None:
        self.keeper = keeper or FrontKeeper([YARD])
        self.now_s = -2.0
        self.settled: list[tuple[float, Thing]] = []
        self.gone: list[tuple[float, Thing]] = []

    def show(self, seconds: float, *things: Put, people: tuple[Sighting, ...] = ()) -> "Story":
        for _ in range(round(seconds / 2)):
            self.now_s += 2.0
            update = self.keeper.update(look(self.now_s, things, people))
            self.settled += [(self.now_s, thing) for thing in update.settled]
            self.gone += [(self.now_s, thing) for thing in update.gone]
        return self


def test_what_somebody_puts_beside_them_is_a_thing_at_once() -> None:
    # The looks at 0 to 6 show the yard; those at 8, 10 and 12 the bag and its owner.
    story = Story().show(8).show(6, Put(), people=(OWNER,))
    ((settled_s, bag),) = story.settled
    assert (settled_s, bag.first_s) == (12.0, 8.0)
    assert iou(bag.anchor, BAG) >= 0.6
    story.show(30, Put(), people=(OWNER,))
    assert bag.presence is Presence.SEEN
    # It is taken in while the owner stays: 44, 46 and 48 show the yard.
    story.show(6, people=(OWNER,))
    assert [time_s for time_s, _ in story.gone] == [48.0]


def test_rubbish_has_to_wait_until_they_have_gone_goods_do_not() -> None:
    # Within a quarter of their height under their feet, 0.70 to 0.76: three quarters of it.
    at_feet = Put(Box(0.44, 0.70, 0.50, 0.78))
    rubbish, goods = (
        Story(keeper).show(8).show(20, at_feet, people=(OWNER,))
        for keeper in (ChangeKeeper([YARD]), FrontKeeper([YARD]))
    )
    assert (rubbish.settled, len(goods.settled)) == ([], 1)


@pytest.mark.parametrize(
    "people",
    [
        pytest.param((OWNER,), id="somebody"),
        pytest.param((OWNER, person(0.60, 0.72, 0.5), person(0.70, 0.75, 0.2)), id="a group, one hardly seen"),
    ],
)
def test_people_are_no_things(people: tuple[Sighting, ...]) -> None:
    assert Story().show(8).show(40, people=people).settled == []


def test_what_hardly_shows_beside_somebody_may_be_their_foot(monkeypatch) -> None:
    monkeypatch.setattr("detector.following.fronts.WEIGHT_MIN", 1e9)
    story = Story().show(8).show(20, Put(), people=(OWNER,))
    assert story.settled == []
    assert len(story.show(20, Put()).settled) == 1


def test_what_is_held_over_somebody_is_no_thing_until_they_have_gone() -> None:
    # The owner is 0.46 to 0.70; what ends at 0.52 ends a quarter of their height under the top.
    umbrella = Put(Box(0.42, 0.40, 0.52, 0.46))
    story = Story().show(8).show(20, umbrella, people=(OWNER,))
    assert story.settled == []
    story.show(20, umbrella)
    assert len(story.settled) == 1


def test_what_shows_on_both_sides_of_somebody_is_one_display() -> None:
    left = Put(Box(0.37, 0.60, 0.4325, 0.70), seed=6)
    story = Story().show(8).show(4, Put(), people=(OWNER,)).show(30, Put(), left, people=(OWNER,))
    ((_, bag),) = story.settled
    assert iou(bag.anchor, BAG) >= 0.6


@pytest.mark.parametrize(
    ("after_s", "things"),
    [
        (10.0, 1),
        (12.0, 2),  # more than 10 s after the bag: something else
    ],
)
def test_what_comes_later_is_another(after_s: float, things: int) -> None:
    left = Put(Box(0.37, 0.60, 0.4325, 0.70), seed=6)
    story = Story().show(8).show(after_s, Put(), people=(OWNER,)).show(30, Put(), left, people=(OWNER,))
    assert len(story.settled) == things


def test_moved_furniture_is_told_once_its_old_place_shows() -> None:
    chair = Put(Box(0.30, 0.60, 0.36, 0.72), seed=11)
    put_elsewhere = Put(Box(0.42, 0.60, 0.48, 0.72), seed=11)
    before = person(0.33, 0.74)  # stands where the chair was
    story = Story().show(12, chair).show(8, put_elsewhere, people=(before,))
    ((_, thing),) = story.settled
    assert not story.keeper.signs(thing).moved
    story.show(14, put_elsewhere)
    assert story.keeper.signs(thing).moved


def test_a_frontage_zone_gets_a_keeper_of_its_own() -> None:
    front = Zone("front", ZoneKind.FRONTAGE, YARD, 60.0), FrontageRule()
    street = Zone("street", ZoneKind.NO_DUMPING, YARD, 60.0), DumpingRule()
    keepers = keepers_for([front, street])
    assert [(subject, type(keeper)) for subject, keeper in keepers.items()] == [
        (Subject.THING, ChangeKeeper),
        (Subject.FRONT, FrontKeeper),
    ]
    assert list(keepers_for([front])) == [Subject.FRONT]
