"""A thing's life, look by look. Unless a test says otherwise there is a look every 2 s, as on patrol."""

import numpy as np
import pytest

from detector.following.road import DRIVES_OFF_S
from detector.following.things import ANCHOR_BOXES, Presence, Thing, ThingKeeper
from detector.watching.looks import Look, Sighting
from detector.zoning.geometry import Box
from tests.detector.street import KERB, Car, look, moved, seen

PARKED = Car(KERB, seed=1)
FAR = Car(Box(0.70, 0.10, 0.90, 0.30), seed=7)
IN_FRONT = Car(moved(KERB, dx=0.08, dy=0.04), seed=9)
"""Overlap (0.12 * 0.16) of 2 * 0.04 - 0.0192: IoU 0.32, covers 48 % of the parked one."""


class Story:
    """Feeds looks to a keeper and notes what settled and left, and when."""

    def __init__(self, every_s: float = 2.0) -> None:
        self.keeper = ThingKeeper()
        self.now_s = -every_s
        self.every_s = every_s
        self.settled: list[tuple[float, Thing]] = []
        self.gone: list[tuple[float, Thing]] = []

    def show(self, looks: int, *cars: Car, **options: object) -> "Story":
        for _ in range(looks):
            self.now_s += self.every_s
            self.feed(look(self.now_s, cars, **options))
        return self

    def feed(self, shown: Look) -> None:
        update = self.keeper.update(shown)
        self.settled += [(shown.time_s, thing) for thing in update.settled]
        self.gone += [(shown.time_s, thing) for thing in update.gone]

    @property
    def settled_at_s(self) -> list[float]:
        return [time_s for time_s, _ in self.settled]

    @property
    def gone_at_s(self) -> list[float]:
        return [time_s for time_s, _ in self.gone]

    @property
    def only(self) -> Thing:
        (thing,) = self.keeper.things
        return thing


def counted(thing: Thing) -> tuple[int, int, int, int]:
    """Looks in which it was seen, held, hidden, absent."""
    return tuple(thing.counts[presence] for presence in Presence)


@pytest.mark.parametrize(
    ("every_s", "since_s", "missed"),
    [
        (2.0, 4.0, 0),  # from the first sighting on
        (2.0, 2.7, 0),  # it came between two looks
        (2.0, 2.0, 0),  # the look at 2 s showed it coming
        (2.0, 0.0, 1),  # the look at 2 s
        (2.0, -20.0, 11),  # those at -18, -16, … 2 s
        (1.0, 0.0, 3),  # at 1, 2 and 3 s
    ],
)
def test_looks_before_its_first_sighting_count_as_missed(every_s: float, since_s: float, missed: int) -> None:
    """Looks at it from 4 to 8 s; look-back says since when it had stood there."""
    story = Story(every_s).show(round(4 / every_s)).show(round(4 / every_s) + 1, PARKED)
    story.only.has_stood_since(since_s)
    assert story.only.counts[Presence.HELD] == missed


def test_arrives_settles_is_missed_hidden_and_leaves_counter_by_counter() -> None:
    story = Story().show(2)  # 0, 2: nothing there
    assert story.keeper.things == []
    story.show(1, PARKED)  # 4: new
    assert counted(story.only) == (1, 0, 0, 0)
    assert not story.only.settled
    story.show(1, PARKED)  # 6: for 2 s, less than 3.5
    assert story.settled_at_s == []
    story.show(1, PARKED)  # 8: for 4 s
    assert story.settled_at_s == [8]
    assert counted(story.only) == (3, 0, 0, 0)
    story.show(2, PARKED, sightings=())  # 10, 12: missed by the detector, the place looks as before
    assert counted(story.only) == (3, 2, 0, 0)
    assert story.only.last_s == 12
    parked = story.only
    story.show(1, PARKED, IN_FRONT, sightings=[seen(IN_FRONT)])  # 14: half covered by a car that drives past
    assert counted(parked) == (3, 2, 1, 0)
    assert parked.last_s == 12
    assert len(story.keeper.things) == 2
    story.show(1, PARKED)  # 16: the other one has gone, it was passing
    assert counted(story.only) == (4, 2, 1, 0)
    story.show(1)  # 18: the place is empty
    assert counted(story.only) == (4, 2, 1, 1)
    assert story.only.absent_since_s == 18
    story.show(1)  # 20: for 2 s, less than 3
    assert story.gone_at_s == []
    story.show(1)  # 22: for 4 s, in 3 looks
    assert story.gone_at_s == [22]
    assert story.keeper.things == []
    left = story.gone[0][1]
    assert (left.first_s, left.last_s, left.absent_since_s) == (4, 16, 18)


def test_a_thing_needs_one_confident_sighting() -> None:
    faint = seen(PARKED, score=0.3)
    story = Story().show(5, PARKED, sightings=[faint])
    assert story.keeper.things == []
    story.show(1, PARKED, sightings=[seen(PARKED, score=0.36)]).show(3, PARKED, sightings=[faint])
    assert story.settled_at_s == [14]  # from 10 s on: 12 is 2 s, 14 is 4 s
    assert story.only.mean_score == pytest.approx((0.36 + 3 * 0.3) / 4)


def test_one_look_without_it_is_no_leaving() -> None:
    story = Story().show(4, PARKED).show(1).show(4, PARKED)
    assert story.gone == []
    assert story.only.absent_since_s is None
    assert story.only.absent_looks == 0


def test_class_flicker_and_box_jitter_make_one_thing() -> None:
    story = Story()
    jitter = [(-0.02, 0.01), (0.015, -0.01), (0.0, 0.02), (0.01, 0.0), (-0.01, -0.015)]
    for number in range(20):
        dx, dy = jitter[number % 5]
        box = Box(KERB.left + dx, KERB.top + dy, KERB.right - dx, KERB.bottom + dy)
        name = "truck" if number % 3 == 0 else "car"
        sighting = seen(Car(box), name)
        story.show(1, PARKED, sightings=[sighting])
    assert len(story.settled) == 1
    assert story.only.class_name == "car"  # 13 of 20
    assert story.only.counts[Presence.SEEN] == 20
    # The median of the offsets is 0 in both directions.
    assert story.only.anchor == pytest.approx(KERB, abs=0.011)


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0.0), (1.0, 60.0), (0.7, 80.0)])
def test_a_light_switched_on_or_off_is_no_leaving(gain: float, offset: float) -> None:
    story = Story().show(4, PARKED).show(6, PARKED, gain=gain, offset=offset).show(6, PARKED, sightings=())
    assert story.gone == []
    assert counted(story.only) == (10, 6, 0, 0)


def test_traffic_that_drives_past_in_front_does_not_end_the_stay() -> None:
    story = Story().show(4, PARKED)
    for _ in range(10):
        story.show(1, PARKED, IN_FRONT, sightings=[seen(IN_FRONT)]).show(1, PARKED)
    assert story.gone == []
    assert story.only.counts[Presence.HIDDEN] == 10
    assert len(story.settled) == 1


def test_another_one_in_its_place_at_once_is_another_thing() -> None:
    successor = Car(KERB, seed=2)
    story = Story().show(5, PARKED)  # 0…8
    story.show(6, successor)  # 10…20
    assert [thing.id for _, thing in story.settled] == [1, 2]
    assert story.gone_at_s == [14]  # changed in the looks at 10, 12 and 14: 4 s
    assert story.gone[0][1].absent_since_s == 10
    assert story.only.id == 2


def test_two_things_side_by_side_keep_apart() -> None:
    story = Story().show(5, PARKED, FAR).show(4, FAR)
    assert len(story.settled) == 2
    assert [thing.anchor for _, thing in story.gone] == [pytest.approx(KERB)]
    assert story.only.anchor == pytest.approx(FAR.box)


def test_what_was_hidden_before_it_settled_is_dropped_and_begins_anew() -> None:
    story = Story().show(1, PARKED).show(1, PARKED, IN_FRONT, sightings=[seen(IN_FRONT)]).show(3, PARKED)
    # Seen at 0, hidden at 2, seen from 4 on: settled at 8. Look-back finds the arrival, not patrol.
    assert story.settled_at_s == [8]
    assert story.settled[0][1].first_s == 4


def test_the_anchor_does_not_follow_what_creeps() -> None:
    story = Story().show(4, PARKED)
    for step in range(40):
        story.show(1, Car(moved(KERB, dx=0.004 * step), seed=1))
    first = story.keeper.things[0]  # its place is covered by itself, moved on: not gone yet, but no longer in view
    assert first.presence is Presence.HIDDEN
    # Fifteen boxes of which the last is 0.048 on: their median is no further than that, then the anchor stays.
    assert len(first.boxes) <= ANCHOR_BOXES
    assert first.anchor.left - KERB.left <= 0.05


@pytest.mark.parametrize("every_s", [2.0, 1 / 25])
def test_moving_traffic_never_settles(every_s: float) -> None:
    story = Story(every_s)
    looks = round(40 / every_s)
    for number in range(looks):
        time_s = number * every_s
        # A car every 3 s, each crosses the frame (1.4 with its own length) in 4 s: 0.35 of the frame a second.
        cars = [
            Car(moved(Box(-0.2, 0.4, 0.0, 0.6), dx=0.35 * (time_s - start_s)), seed=100 + start_s)
            for start_s in range(0, 40, 3)
            if 0.1 < time_s - start_s < 3.3
        ]
        story.show(1, *cars)
        assert len(story.keeper.things) <= 8
    assert story.settled == []


def test_a_queue_that_crawls_never_settles() -> None:
    story = Story(0.5)
    for number in range(60):
        # 0.12 of the frame a second, 0.6 of the car's length: after 0.5 s IoU is (0.2 - 0.06) / (0.2 + 0.06) = 0.54.
        story.show(1, Car(moved(Box(-0.2, 0.4, 0.0, 0.6), dx=0.02 + 0.06 * (number % 18)), seed=3))
    assert story.settled == []


def test_it_settles_at_full_rate_as_well() -> None:
    story = Story(1 / 25).show(25 * 6, PARKED)
    assert story.settled_at_s == [pytest.approx(3.5, abs=0.05)]
    assert len(story.only.boxes) <= ANCHOR_BOXES
    # Seen in each of 150 looks, but learned from twice a second only: 0, 0.52, 1.04 …
    assert story.only.counts[Presence.SEEN] == 150
    assert len(story.only.boxes) <= 13
    story.show(25 * 5)
    assert story.gone_at_s == [pytest.approx(6.0 + 3.0, abs=0.1)]


def test_nothing_grows_over_10_000_looks_of_traffic() -> None:
    story = Story()
    boxes = [moved(Box(0.0, 0.4, 0.2, 0.6), dx=0.17 * step) for step in range(5)]
    empty = look(0).luma
    held = 0
    for number in range(10_000):
        cars = [seen(Car(boxes[number % 5])), seen(PARKED, "truck" if number % 2 else "car")]
        story.feed(Look(number * 2.0, empty, tuple(cars[: 1 + number // 50 % 2])))
        held = max(held, len(story.keeper.things))
        for thing in story.keeper.things:
            assert len(thing.boxes) <= ANCHOR_BOXES
            assert len(thing.classes) <= 2
    # At most the two places sighted in a look, those of the look before, and what is being judged gone.
    assert held <= 8


def test_a_queue_that_stops_in_front_for_a_red_light_does_not_end_the_stay() -> None:
    # Shifted by a fifth of the height: IoU 0.8 / 1.2 = 0.67, so it is sighted "in the same place".
    waiting = Car(moved(KERB, dy=0.04), seed=9)
    story = Story().show(10, PARKED).show(6, PARKED, waiting, sightings=[seen(waiting)]).show(10, PARKED)
    assert len({thing.id for _, thing in story.settled if thing.anchor == pytest.approx(KERB)}) == 1


def test_what_is_hidden_has_not_gone_while_nobody_looked() -> None:
    # Hidden at 20 s, and again in the next look at 180 s: of these 160 s, 158 were not watched.
    story = Story().show(10, PARKED).show(1, PARKED, IN_FRONT, sightings=[seen(IN_FRONT)])
    story.now_s += 158.0
    story.show(1, PARKED, IN_FRONT, sightings=[seen(IN_FRONT)])
    assert story.gone == []
    story.show(74, PARKED, IN_FRONT, sightings=[seen(IN_FRONT)])
    assert story.gone_at_s == [328.0]  # 20 + 158 + 150


def test_it_leaves_although_something_static_overlaps_its_place() -> None:
    bench = Box(0.30, 0.50, 0.42, 0.62)  # 0.12 * 0.10 of 0.2 * 0.2: covers 30 % of the anchor, all the time
    story = Story().show(8, PARKED, others=[bench]).show(10, others=[bench])
    assert len(story.gone) == 1


BEHIND = Car(moved(KERB, dx=-0.25), seed=3)
"""A quarter of its length behind the parked one."""


def in_file(story: Story) -> dict[float, int]:
    """How many others each vehicle is in file with, by the left edge of its place."""
    settled = [thing for thing in story.keeper.things if thing.settled]
    return {round(thing.anchor.left, 2): story.keeper.signs(thing).in_file for thing in settled}


def test_two_that_come_one_after_the_other_are_a_file() -> None:
    story = Story().show(3).show(3, PARKED).show(4, PARKED, BEHIND)  # at 6 and 12 s
    assert in_file(story) == {0.3: 1, 0.05: 1}
    assert story.keeper.signs(story.keeper.things[0]).neighbours == 1


def test_those_that_stood_there_from_the_start_are_none() -> None:
    assert in_file(Story().show(5, PARKED, BEHIND)) == {0.3: 0, 0.05: 0}
    # Nor where the detector has missed one of them in the first looks: its place looked as it does now.
    story = Story().show(2, PARKED, BEHIND, sightings=[seen(PARKED)]).show(4, PARKED, BEHIND)
    assert [thing.from_start for thing in story.keeper.things] == [True, True]
    assert in_file(story) == {0.3: 0, 0.05: 0}


@pytest.mark.parametrize(("pause_s", "others"), [(19.0, 1), (21.0, 0)])
def test_what_came_while_the_camera_was_away_came_nobody_knows_when(pause_s: float, others: int) -> None:
    story = Story().show(3)
    story.now_s += pause_s - story.every_s
    story.show(4, PARKED, BEHIND)
    assert in_file(story) == {0.3: others, 0.05: others}


def test_the_last_of_a_file_belongs_to_it_until_it_had_time_to_follow() -> None:
    story = Story().show(3).show(4, PARKED, BEHIND).show(3, BEHIND)  # the first one is last seen at 12 s, gone at 18
    assert story.gone_at_s == [18]
    assert in_file(story) == {0.05: 1}
    story.show(1, BEHIND)
    assert in_file(story) == {0.05: 1}  # 20 s
    story.show(1, BEHIND)
    assert story.now_s - 12 == DRIVES_OFF_S
    assert in_file(story) == {0.05: 0}


def cycle_look(time_s: float, *, ridden: bool) -> Look:
    """A bicycle, and its rider or nobody."""
    shown = look(time_s, [PARKED], sightings=[Sighting(KERB, "bicycle", 0.7, "two_wheeler")])
    rider = Sighting(Box(0.34, 0.25, 0.46, 0.58), "person", 0.8, "person")  # covers 0.12 * 0.18 of 0.04: 54 %
    return Look(time_s, shown.luma, (*shown.sightings, rider)) if ridden else shown


def test_a_rider_who_waits_is_not_parked_and_a_bicycle_that_was_left_is() -> None:
    keeper = ThingKeeper(("two_wheeler",))
    for number in range(10):
        assert not keeper.update(cycle_look(2.0 * number, ridden=True)).settled
    assert keeper.things == []
    settled = [keeper.update(cycle_look(20.0 + 2.0 * number, ridden=False)).settled for number in range(4)]
    assert [len(it) for it in settled] == [0, 0, 1, 0]  # from 20 s on: 22 is 2 s, 24 is 4 s
    # Somebody bends over it in one look: it is still there.
    keeper.update(cycle_look(28.0, ridden=True))
    assert keeper.things[0].presence is Presence.HELD


def lit(shown: Look, *, gain: float) -> Look:
    """A lamp beside the kerb: it adds a multiple of the light, half of it 0.08 of the frame away from its middle."""
    height, width = shown.luma.shape
    x, y = np.meshgrid(np.arange(width) / width - 0.28, np.arange(height) / width - 0.33)
    light = 1 + gain * np.exp(-(x**2 + y**2) / 0.1**2)
    return Look(shown.time_s, np.clip(shown.luma * light, 0, 255).astype(np.uint8), shown.sightings)


def test_a_lamp_that_lights_one_side_is_no_leaving() -> None:
    story = Story().show(5, PARKED)
    for _ in range(8):
        story.now_s += 2.0
        story.feed(lit(look(story.now_s, [PARKED], gain=0.4), gain=1.5))
    assert story.gone == []
    assert counted(story.only)[2:] == (0, 0)
    assert len(story.settled) == 1
