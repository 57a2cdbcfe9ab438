"""What is put down, look by look. Unless a test says otherwise there is a look every 2 s, as on patrol."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.following.changes import ChangeKeeper
from detector.following.retrospect import arrival_bracket
from detector.following.things import Presence, Thing
from detector.watching.attention import Attention
from detector.watching.looks import LookMemory, Sighting
from detector.zoning.geometry import Box, iou
from detector.zoning.zones import Zone, ZoneKind
from tests.detector.street import WIDTH_PX
from tests.detector.yard import BAG, YARD, Put, look, person

NEAR = person(0.57, 0.72)
"""Stands beside the bag, and covers a part of it: 0.545 to 0.595 of 0.50 to 0.5625."""
STACK = Put(Box(0.30, 0.50, 0.36, 0.62), seed=6)


class Story:
    """Feeds looks to a keeper and notes what settled and left, and when."""

    def __init__(self, every_s: float = 2.0, ground: Sequence[tuple[float, float]] = YARD) -> None:
        self.keeper = ChangeKeeper([ground])
        self.memory = LookMemory()
        self.every_s = every_s
        self.now_s = -every_s
        self.settled: list[tuple[float, Thing]] = []
        self.gone: list[tuple[float, Thing]] = []

    def show(self, seconds: float, *things: Put, sightings: tuple[Sighting, ...] = (), **options: object) -> "Story":
        for _ in range(round(seconds / self.every_s)):
            self.now_s += self.every_s
            shown = look(self.now_s, things, sightings, **options)
            self.memory.add(shown)
            update = self.keeper.update(shown)
            self.settled += [(self.now_s, thing) for thing in update.settled]
            self.gone += [(self.now_s, thing) for thing in update.gone]
        return self

    @property
    def only(self) -> Thing:
        (thing,) = self.keeper.things
        return thing

    @property
    def alone_s(self) -> float:
        return self.keeper.signs(self.only).alone_s


def test_a_bag_is_put_down_and_taken_again() -> None:
    story = Story().show(8)  # 0 to 6
    assert story.keeper.things == []
    story.show(6, Put())  # 8, 10, 12: 4 s in three looks
    ((settled_s, bag),) = story.settled
    assert settled_s == 12.0
    assert bag.settled
    assert (bag.first_s, bag.class_name, bag.mean_score) == (8.0, "thing", 1.0)
    assert iou(bag.anchor, BAG) >= 0.65
    story.show(20, Put())
    assert bag.presence is Presence.SEEN
    assert bag.counts == {Presence.SEEN: 13}  # 8 to 32
    assert story.alone_s == 24.0
    story.show(4)  # 34, 36: empty for 2 s
    assert bag.presence is Presence.ABSENT
    assert story.gone == []
    story.show(2)  # 38: for 4 s, in three looks
    assert [(time_s, thing.absent_since_s) for time_s, thing in story.gone] == [(38.0, 34.0)]
    assert story.keeper.things == []
    story.show(30)
    assert len(story.settled) == 1  # the place it leaves is no thing


@pytest.mark.parametrize("every_s", [0.04, 0.5, 1.0, 2.0, 5.0])
def test_the_rate_of_looks_does_not_matter(every_s: float) -> None:
    before_s = 3 * max(every_s, 2.0)
    story = Story(every_s).show(before_s).show(before_s + 2, Put())
    ((settled_s, bag),) = story.settled
    assert before_s + 3.4 <= settled_s <= 2 * before_s
    assert abs(bag.first_s - before_s) <= max(every_s, 1.5)
    story.show(before_s)
    assert len(story.gone) == 1


def sack(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    luma = luma.copy()
    luma[108:130, 160:184] = 15
    return luma


def test_a_plain_black_sack_is_a_thing() -> None:
    story = Story().show(8).show(10, light=sack)
    assert len(story.settled) == 1
    story.show(20, light=sack)
    assert story.only.presence is Presence.SEEN
    assert story.show(8).gone


def wide(level: float, since_s: float) -> Callable[[float], Callable[[NDArray[np.float32]], NDArray[np.float32]]]:
    columns = np.arange(WIDTH_PX)[None]

    def at(time_s: float) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        edge = 1.5 * (time_s - since_s)  # pixels: the shadow of a house, faster than the sun
        return lambda luma: np.where(columns < 100 + edge, luma * level, luma) if time_s >= since_s else luma

    return at


def test_a_shadow_that_creeps_is_no_thing() -> None:
    story = Story().show(8)
    shadow = wide(0.55, 8.0)
    for _ in range(40):
        story.show(2, light=shadow(story.now_s + 2))
    assert story.settled == []
    story.show(8, Put(), light=shadow(story.now_s + 2))
    assert len(story.settled) == 1  # and what is put down in it is one


@pytest.mark.parametrize("steps", [(1.0, 0.6, 1.0), (1.0, 1.4, 1.0), (0.5, 0.8, 0.3)])
def test_a_thing_outlives_steps_of_exposure(steps: tuple[float, ...]) -> None:
    story = Story()
    first, *others = steps
    story.show(8, light=lambda luma: luma * first).show(10, Put(), light=lambda luma: luma * first)
    for gain in others:
        story.show(20, Put(), light=lambda luma, gain=gain: luma * gain)
        assert story.only.presence is Presence.SEEN
    assert len(story.settled) == 1
    assert story.gone == []


def test_who_stands_still_is_no_thing_even_if_the_detector_misses_him() -> None:
    story = Story().show(8).show(6, sightings=(NEAR,))
    for step in range(30):  # detected in every fourth look, for a minute
        seen = (NEAR,) if step % 4 == 0 else ()
        story.show(2, Put(NEAR.box, 90), sightings=seen, bodies=False)
    assert story.settled == []


def test_a_bag_is_his_who_stays_until_he_has_gone() -> None:
    story = Story().show(8).show(20, Put(), sightings=(NEAR,))
    assert all(story.keeper.signs(thing).alone_s == 0 for thing in story.keeper.things)
    story.show(8, Put())
    (bag,) = [thing for thing in story.keeper.things if thing.settled]
    assert bag.first_s == 8.0
    assert iou(bag.anchor, BAG) >= 0.5
    # The last look that showed somebody stay was the one at 26 s.
    assert story.keeper.signs(bag).alone_s == 8.0


def test_passers_by_are_no_company_and_no_end() -> None:
    story = Story().show(8).show(6, Put())
    for step in range(20):  # everybody walks 0.15 of the picture from look to look
        story.show(2, Put(), sightings=(person(0.05 + 0.15 * (step % 7), 0.72),))
    assert story.gone == []
    assert story.alone_s == 44.0  # since 8 s
    assert story.only.counts[Presence.ABSENT] == 0
    assert 0 < story.keeper.signs(story.only).covered < 0.3


def test_it_is_hidden_while_somebody_stands_in_front_and_does_not_end() -> None:
    story = Story().show(8).show(8, Put())
    front = person(0.53, 0.75)  # 0.505 to 0.555: most of the bag
    story.show(40, Put(), sightings=(front,))
    assert story.only.presence is Presence.HIDDEN
    story.show(4, Put())
    assert story.only.presence is Presence.SEEN
    assert story.gone == []
    assert len(story.settled) == 1


def test_it_is_not_hidden_while_nobody_looks() -> None:
    front = person(0.53, 0.75)
    story = Story().show(8).show(10, Put()).show(4, Put(), sightings=(front,))
    story.now_s += 160.0
    story.show(4, Put(), sightings=(front,))
    assert story.only.presence is Presence.HIDDEN
    assert story.gone == []


def test_something_else_in_its_place_for_long_ends_it() -> None:
    story = Story().show(8).show(8, Put()).show(24, Put(seed=77))
    assert story.gone == []
    story.show(6, Put(seed=77))  # 25 s
    assert len(story.gone) == 1


def test_what_was_moved_is_said_to_be() -> None:
    chair = Put(Box(0.30, 0.60, 0.36, 0.72), seed=11)
    put_elsewhere = Put(Box(0.42, 0.60, 0.48, 0.72), seed=11)
    story = Story().show(12, chair).show(10, put_elsewhere)
    assert iou(story.only.anchor, put_elsewhere.box) >= 0.6
    assert story.keeper.signs(story.only).moved
    fresh = Story().show(12, chair).show(10, chair, put_elsewhere)  # another one of the sort is put beside it
    assert not fresh.keeper.signs(fresh.only).moved


def test_what_was_there_and_goes_is_no_thing() -> None:
    story = Story().show(12, STACK).show(30)
    assert story.settled == []


def test_what_was_there_before_is_no_thing() -> None:
    assert Story().show(40, Put(), STACK).settled == []


def test_two_things_of_which_one_lies_on_the_other() -> None:
    over = Put(
        Box(0.47, 0.57, 0.53, 0.66), seed=12
    )  # covers half the width of the bag, and a little more than half its height
    story = Story().show(8).show(20, Put()).show(30, Put(), over)
    assert len(story.settled) == 2
    first, second = (thing for _, thing in story.settled)
    assert story.gone == []
    assert iou(second.anchor, over.box) >= 0.4
    assert first.presence in (Presence.SEEN, Presence.HIDDEN)


def test_a_parked_car_and_its_shadow_are_no_things() -> None:
    car = Sighting(Box(0.30, 0.45, 0.55, 0.65), "car", 0.9, "vehicle")
    shadow = Put(Box(0.32, 0.65, 0.53, 0.70), seed=13)
    story = Story().show(8)
    for step in range(30):  # missed in every third look
        story.show(2, shadow, Put(car.box, 90), sightings=(car,) if step % 3 else (), bodies=False)
    story.show(12)
    assert story.settled == []


def test_what_the_edge_of_the_picture_cuts_is_no_thing() -> None:
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert Story(ground=whole).show(8).show(20, Put(Box(0.95, 0.60, 1.0, 0.72), seed=4)).settled == []
    assert len(Story(ground=whole).show(8).show(20, Put(Box(0.90, 0.60, 0.95, 0.72), seed=4)).settled) == 1


def test_it_is_called_what_the_detector_calls_it() -> None:
    suitcase = Sighting(BAG, "suitcase", 0.4, "goods")
    story = Story().show(8).show(14, Put(), sightings=(suitcase,), bodies=False)
    assert story.only.class_name == "suitcase"


def test_a_nudged_camera_takes_its_things_along() -> None:
    story = Story().show(8).show(10, Put())
    was = story.only.anchor
    story.keeper.shift(0.05, 0.0)
    assert story.only.anchor == pytest.approx(was.shifted(0.05, 0.0))


def test_after_a_restart_it_goes_by_its_own_looks() -> None:
    before = Story().show(8).show(20, Put())
    thing = before.only
    after = Story()
    after.keeper.adopt(thing)
    after.show(10, Put())
    assert after.only is thing
    assert thing.presence is Presence.SEEN
    after.show(4, Put(), sightings=(person(0.53, 0.75),))
    assert thing.presence is Presence.HIDDEN
    after.show(8)
    assert [gone for _, gone in after.gone] == [thing]
    assert after.settled == []  # the place that it leaves is no thing, though nobody knew the ground beneath it


@pytest.mark.parametrize("gap_s", [6.0, 10.0, 30.0])
def test_who_stayed_near_while_nobody_looked_is_not_known(gap_s: float) -> None:
    # Has stood beside the bag since it came; the camera was away for a while.
    beside = person(0.60, 0.70)
    story = Story().show(20).show(40, Put(), sightings=(beside,))
    story.now_s += gap_s
    assert story.show(2, Put(), sightings=(beside,)).alone_s == 0
    story.now_s += gap_s
    # He is missed, or has gone: a gap says no more than a patrol look does.
    assert story.show(2, Put()).alone_s == 2.0
    assert story.show(4, Put()).alone_s == 6.0


@pytest.mark.parametrize("pause_s", [3.0, 30.0])
def test_after_a_restart_nobody_knows_who_stayed_near(pause_s: float) -> None:
    beside = person(0.60, 0.70)
    before = Story().show(20).show(40, Put(), sightings=(beside,))
    after = Story()
    after.keeper.adopt(before.only)
    after.now_s = before.now_s + pause_s
    for _ in range(10):
        # Not even later does he pass for a post, though he was there when watching began.
        assert after.show(2, Put(), sightings=(beside,)).alone_s == 0
    assert after.show(6, Put()).alone_s == 6.0


def test_a_camera_with_another_size_of_picture_keeps_what_lies_there() -> None:
    story = Story().show(8).show(10, Put())
    large = look(20.0, [Put()])
    story.keeper.update(replace(large, luma=cv2.resize(large.luma, (640, 360))))
    assert story.only.presence is Presence.SEEN


def test_after_the_camera_was_turned_the_view_is_the_ground() -> None:
    story = Story().show(8)
    story.keeper.relearn()
    story.show(30, Put(), STACK)
    assert story.settled == []


def test_the_gate_lets_a_settled_thing_rest_and_watches_one_in_the_making() -> None:
    zone = Zone("yard", ZoneKind.NO_DUMPING, YARD, dwell_s=30.0)
    story, attention = Story().show(8), Attention([zone])

    def needed() -> bool:
        shown = look(story.now_s, [Put()])
        attention.analysed(story.now_s, shown.luma)
        return attention.need(story.now_s, shown.luma, story.keeper.things, []) is not None

    story.show(4, Put())  # 2 s: in the making
    assert needed()
    story.show(8, Put())
    assert not needed()


def test_the_look_back_finds_the_look_in_which_it_came() -> None:
    story = Story().show(20).show(2, Put(), sightings=(NEAR,)).show(10, Put())
    bracket = arrival_bracket(story.only, story.memory)
    assert (bracket.without_s, bracket.with_s) == (
        18.0,
        20.0,
    ) or bracket.with_s == 22.0  # he stands before a quarter of it


def test_signs_of_what_is_not_followed_are_none() -> None:
    story = Story().show(8).show(10, Put())
    bag = story.only
    story.show(10)
    assert story.keeper.signs(bag).alone_s == 0
