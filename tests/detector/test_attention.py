"""Which pictures of a street made of noise need the detector. The zone is the lower half of the frame; the kerb is in it."""

import pytest

from detector.following.things import ANCHOR_BOXES, Thing, ThingKeeper
from detector.watching.attention import LEARN_S, UNSETTLED_PATIENCE_S, Attention, Need
from detector.watching.looks import Look
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind
from streams.gate import RECHECK_S
from tests.detector.street import KERB, Car, look, moved, seen

LOWER_HALF = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))
ZONE = Zone("kerb", ZoneKind.NO_PARKING, LOWER_HALF, dwell_s=60.0)
PARKED = Car(KERB, seed=1)
ABOVE = Car(moved(KERB, dy=-0.3), seed=3)
"""Ends at 0.3: the zone begins at 0.5."""


class Story:
    """Looks that are all analysed; afterwards, what a further picture needs."""

    def __init__(self, zone: Zone = ZONE) -> None:
        self.attention = Attention([zone])
        self.keeper = ThingKeeper()
        self.time_s = 0.0

    def analyse(self, shown: Look) -> None:
        self.attention.analysed(shown.time_s, shown.luma)
        self.keeper.update(shown)
        self.time_s = shown.time_s

    def parks(self, car: Car, looks: int = ANCHOR_BOXES) -> "Story":
        for number in range(looks):
            self.analyse(look(number * 2.0, [car]))
        return self

    def need(self, shown: Look, awaited: list[Thing] | None = None) -> Need | None:
        return self.attention.need(shown.time_s, shown.luma, self.keeper.things, awaited or [])


def test_the_first_picture_is_analysed() -> None:
    assert Story().need(look(0.0)) is Need.RECHECK


def test_an_empty_street_is_carried_until_the_recheck() -> None:
    story = Story()
    story.analyse(look(0.0))
    assert [story.need(look(time_s)) for time_s in (2.0, 9.9, 10.0)] == [None, None, Need.RECHECK]


@pytest.mark.parametrize(
    ("dwell_s", "recheck_s"),
    [(300.0, RECHECK_S), (30.0, 10.0), (15.0, 5.0), (6.0, 2.0)],  # a third of the dwell, at most 10 s
)
def test_a_short_dwell_is_rechecked_more_often(dwell_s: float, recheck_s: float) -> None:
    story = Story(Zone("kerb", ZoneKind.NO_PARKING, LOWER_HALF, dwell_s))
    story.analyse(look(0.0))
    assert story.need(look(recheck_s - 0.1)) is None
    assert story.need(look(recheck_s)) is Need.RECHECK


def test_an_arrival_and_a_departure_are_changes() -> None:
    story = Story()
    story.analyse(look(0.0))
    assert story.need(look(2.0, [PARKED])) is Need.CHANGED
    parked = Story().parks(PARKED)
    assert parked.need(look(30.0, [PARKED])) is None
    assert parked.need(look(30.0)) is Need.CHANGED
    assert parked.need(look(30.0, [Car(KERB, seed=7)])) is Need.CHANGED  # another car in its place


def test_what_has_not_shown_often_enough_where_it_stands_is_undecided() -> None:
    # Settled after 3.5 s, but its place is the median of 15 boxes.
    needs = [Story().parks(PARKED, looks).need(look(looks * 2.0, [PARKED])) for looks in (1, 3, ANCHOR_BOXES - 1)]
    assert needs == [Need.UNDECIDED] * 3
    assert Story().parks(PARKED).need(look(30.0, [PARKED])) is None


def test_what_is_awaited_is_undecided_however_long_it_stands() -> None:
    story = Story().parks(PARKED)
    assert story.need(look(30.0, [PARKED]), awaited=story.keeper.things) is Need.UNDECIDED


def test_hidden_and_absent_is_undecided_until_it_shows_again() -> None:
    story = Story().parks(PARKED)
    bus = Car(moved(KERB, dx=0.05), seed=5)
    story.analyse(look(30.0, [PARKED, bus], sightings=[seen(bus, "bus")]))  # in front of it
    assert story.need(look(32.0, [PARKED, bus])) is Need.UNDECIDED
    story.analyse(look(32.0, [PARKED]))
    assert story.need(look(34.0, [PARKED])) is None
    story.analyse(look(34.0))  # gone, but one look is not enough to say so
    assert story.need(look(36.0)) is Need.UNDECIDED


def test_one_slip_of_the_detector_does_not_keep_it_busy() -> None:
    story = Story()
    slip = [seen(Car(KERB))]  # a bin that was called a car once
    story.analyse(look(0.0, sightings=slip))
    for number in range(1, 15):
        assert story.need(look(number * 2.0)) in (Need.UNDECIDED, Need.RECHECK)
        story.analyse(look(number * 2.0, sightings=[]))
    assert story.keeper.things  # its place looks as it did, so it is still held
    assert story.need(look(UNSETTLED_PATIENCE_S, sightings=[])) is None


def test_what_stands_apart_from_every_zone_decides_nothing() -> None:
    story = Story()
    story.analyse(look(0.0, [ABOVE]))
    assert story.keeper.things
    assert story.need(look(2.0, [ABOVE])) is None
    assert story.need(look(2.0)) is None  # it has left


def test_what_reaches_into_a_zone_from_outside_may_belong_there() -> None:
    story = Story()
    beside = Car(Box(0.30, 0.32, 0.50, 0.52))  # all but a tenth of it above the zone
    story.analyse(look(0.0, [beside]))
    assert story.need(look(2.0, [beside])) is Need.UNDECIDED


def test_without_zones_only_the_recheck_remains() -> None:
    attention = Attention([])
    shown = look(0.0)
    attention.analysed(0.0, shown.luma)
    assert attention.need(2.0, look(2.0, [PARKED]).luma, [], []) is None
    assert attention.need(RECHECK_S, shown.luma, [], []) is Need.RECHECK


def test_where_the_ground_is_compared_the_first_seconds_are_all_analysed() -> None:
    attention = Attention([ZONE], learn_s=LEARN_S)
    needs = []
    for number in range(5):
        shown = look(number * 2.0)
        needs.append(attention.need(shown.time_s, shown.luma, [], []))
        if needs[-1] is not None:
            attention.analysed(shown.time_s, shown.luma)
    assert needs == [Need.RECHECK, Need.UNDECIDED, Need.UNDECIDED, None, None]  # at 0, 2 and 4 s; 6 s are over at 6
