from dataclasses import replace

import pytest

from detector.rules import RULES, Ask, ParkingRule, Passing, Stay, Traffic, rule_for
from detector.rules.parking import TwoWheelerParkingRule
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind

ZONE = Zone("kerb", ZoneKind.NO_PARKING, ((0, 0), (1, 0), (1, 1), (0, 1)), dwell_s=60.0)
STAY = Stay(
    now_s=84.0, since_s=10.0, onset_s=10.0, box=Box(0.3, 0.4, 0.5, 0.6), class_name="car",
    mean_score=0.8, looks=36, seen=30, held=5, hidden=1, present=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "confirmed"),
    [
        ({}, True),  # 84 - 10 = 74 s of 60 s
        ({"now_s": 70.0}, True),  # 60 s to the second
        ({"now_s": 69.9}, False),  # 59.9 s
        ({"present": False}, False),  # hidden right now: nobody raises an alarm over what can't be seen
        ({"seen": 2, "held": 3}, False),  # SEEN_MIN is 3
        ({"looks": 13, "seen": 3, "held": 9}, True),  # 3 of 12 is a quarter
        ({"looks": 14, "seen": 3, "held": 10}, False),  # 3 of 13 is less
        ({"looks": 60, "seen": 30, "held": 0, "hidden": 30}, True),  # in view in half of the looks
        ({"looks": 61, "seen": 30, "held": 0, "hidden": 31}, False),  # in less than half: is it still the same one?
        ({"seen": 0, "held": 0, "hidden": 36}, False),
        ({"onset_s": None, "since_s": 0.0}, True),
        ({"mean_score": 0.33}, True),  # 0.33 * (0.5 + 0.5 * 30 / 35) = 0.306
        ({"mean_score": 0.32}, False),  # 0.297: faintly seen …
        ({"mean_score": 0.40, "seen": 14, "held": 16}, False),  # … or seldom: 0.40 * (0.5 + 0.5 * 14 / 30) = 0.293
    ],
)
def test_confirmed(change: dict[str, object], confirmed: bool) -> None:
    assert ParkingRule().judge(replace(STAY, **change), ZONE).confirmed is confirmed


@pytest.mark.parametrize(
    ("seen", "held", "mean_score", "score"),
    [
        (30, 0, 0.8, 0.8),  # 0.8 * (0.5 + 0.5 * 1)
        (15, 15, 0.8, 0.6),  # 0.8 * (0.5 + 0.5 * 0.5)
        (0, 0, 0.8, 0.4),  # 0.8 * 0.5
        (30, 0, 1.0, 1.0),
    ],
)
def test_score(seen: int, held: int, mean_score: float, score: float) -> None:
    judged = ParkingRule().judge(replace(STAY, seen=seen, held=held, mean_score=mean_score), ZONE)
    assert judged.score == pytest.approx(score)
    assert 0 <= judged.score <= 1


def test_why_is_a_sentence_and_its_numbers() -> None:
    why = ParkingRule().judge(STAY, ZONE).why
    assert why["summary"] == (
        "A car stood 74 s of 60 s permitted, since it came to rest; seen in 30 of 36 looks, hidden in 1."
    )
    assert (why["stood_s"], why["dwell_s"], why["there_from_start"]) == (74.0, 60.0, False)
    assert (why["looks"], why["seen"], why["held_by_appearance"], why["hidden"]) == (36, 30, 5, 1)
    there = ParkingRule().judge(replace(STAY, onset_s=None), ZONE).why
    assert "since before watching began" in there["summary"]
    assert there["there_from_start"] is True


QUIET, BUSY, AROUND = Passing(around=0, by=1), Passing(around=0, by=2), Passing(around=1, by=1)


@pytest.mark.parametrize(
    ("in_file", "stood_s", "passed", "confirmed", "asks"),
    [
        (0, 60.0, None, True, False),
        (1, 59.9, None, False, False),  # nothing is asked before its time is up
        (1, 60.0, None, False, True),
        (1, 60.0, BUSY, False, True),
        (1, 60.0, AROUND, True, False),
        (1, 104.9, BUSY, False, True),  # 60 + 45 s
        (1, 105.0, BUSY, True, False),
        (2, 60.0, BUSY, False, True),
        (2, 60.0, AROUND, False, True),  # one may have turned beside three that wait
        (2, 60.0, Passing(around=2, by=2), True, False),
        (2, 179.9, BUSY, False, True),  # 60 + 120 s
        (2, 180.0, BUSY, True, False),
        (3, 359.9, BUSY, False, True),  # 60 + 300 s
        (3, 360.0, BUSY, True, False),
        (9, 359.9, Passing(around=8, by=8), False, True),
        (9, 359.9, Passing(around=9, by=9), True, False),
        (0, 80.0, BUSY, True, False),  # the others have left, it stays
    ],
)
def test_a_queue_is_held_back_until_it_is_none(
    in_file: int, stood_s: float, passed: Passing | None, confirmed: bool, asks: bool
) -> None:
    stay = replace(STAY, now_s=10.0 + stood_s, signs=Traffic(in_file, neighbours=in_file), passed=passed)
    judged = ParkingRule().judge(stay, ZONE)
    assert judged.confirmed is confirmed
    assert judged.asks is (Ask.PASSED if asks else None)


@pytest.mark.parametrize(
    ("driven", "stops", "passed", "stood_s", "confirmed"),
    [
        # Two in a quiet street, where one came through before, have parked: a third more than 60 s tells.
        (1, 0, QUIET, 79.9, False),
        (1, 0, QUIET, 80.0, True),
        (2, 0, QUIET, 80.0, False),  # this is a lane
        (1, 1, QUIET, 80.0, False),  # so it is where one waited
        (0, 0, BUSY, 80.0, False),
        (2, 1, AROUND, 60.0, True),
    ],
)
def test_two_that_came_together_wait_in_a_lane_and_have_parked_elsewhere(
    driven: int, stops: int, passed: Passing, stood_s: float, confirmed: bool
) -> None:
    stay = replace(STAY, now_s=10.0 + stood_s, signs=Traffic(1, 1, stops, driven), passed=passed)
    assert ParkingRule().judge(stay, ZONE).confirmed is confirmed


def test_a_third_of_a_long_time_is_no_more_than_a_red_phase() -> None:
    zone = replace(ZONE, dwell_s=600.0)
    signs = {"signs": Traffic(1, 1), "passed": QUIET}
    assert not ParkingRule().judge(replace(STAY, now_s=654.9, **signs), zone).confirmed
    assert ParkingRule().judge(replace(STAY, now_s=655.0, **signs), zone).confirmed  # 10 + 600 + 45 s


@pytest.mark.parametrize(
    ("stops", "stood_s", "confirmed"),
    [(2, 60.0, True), (3, 60.0, False), (3, 104.9, False), (3, 105.0, True)],  # 60 + 45 s
)
def test_one_waits_where_three_have_waited_before(stops: int, stood_s: float, confirmed: bool) -> None:
    stay = replace(STAY, now_s=10.0 + stood_s, signs=Traffic(0, 0, stops, driven=5))
    judged = ParkingRule().judge(stay, ZONE)
    assert judged.confirmed is confirmed
    assert judged.asks is (None if confirmed else Ask.PASSED)
    assert judged.why["stopped_before"] == stops
    after = ParkingRule().judge(replace(stay, passed=BUSY), ZONE)
    assert f"5 vehicles came through here before, {stops} of them stopped" in after.why["summary"]
    assert ParkingRule().judge(replace(stay, passed=AROUND), ZONE).confirmed  # nobody drives around a queue


def test_an_unsure_stay_asks_nothing() -> None:
    stay = replace(STAY, seen=2, held=3, signs=Traffic(in_file=3, neighbours=3))
    assert ParkingRule().judge(stay, ZONE).asks is None


@pytest.mark.parametrize(
    ("in_file", "stood_s", "passed", "said"),
    [
        (0, 74.0, None, ""),
        (1, 61.0, Passing(0, 0), " 1 vehicle stands in file with it; none drove by."),
        (2, 62.0, Passing(1, 4), " 2 vehicles stand in file with it; 1 vehicle drove around it; 4 vehicles drove by."),
        (0, 76.0, Passing(0, 1), " 1 vehicle drove by; held back 16 s as a queue."),
    ],
)  # fmt: skip
def test_why_says_what_the_traffic_did(in_file: int, stood_s: float, passed: Passing | None, said: str) -> None:
    stay = replace(STAY, now_s=10.0 + stood_s, signs=Traffic(in_file, neighbours=3), passed=passed)
    why = ParkingRule().judge(stay, ZONE).why
    assert why["summary"].endswith(f"hidden in 1.{said}")
    assert (why["in_file"], why["neighbours"]) == (in_file, 3)
    assert (why["drove_around"], why["drove_by"]) == ((None, None) if passed is None else (passed.around, passed.by))
    assert why["held_back_s"] == (0.0 if passed is None else stood_s - 60.0)


def test_bicycles_that_were_left_together_are_no_queue() -> None:
    stay = replace(STAY, class_name="bicycle", signs=Traffic(in_file=5, neighbours=5))
    assert TwoWheelerParkingRule().judge(stay, ZONE).confirmed
    assert rule_for(ZoneKind.NO_TWO_WHEELERS).incident_type == "two_wheeler_parking"


def test_a_kind_has_at_most_one_rule() -> None:
    for kind in ZoneKind:
        assert sum(kind in rule.kinds for rule in RULES) <= 1
    assert isinstance(rule_for(ZoneKind.NO_PARKING), ParkingRule)
    assert isinstance(rule_for(ZoneKind.FIRE_LANE), ParkingRule)
