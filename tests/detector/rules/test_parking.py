from dataclasses import replace

import pytest

from detector.geometry import Box
from detector.rules import RULES, ParkingRule, Stay, rule_for
from detector.zones import Zone, ZoneKind

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


def test_a_kind_has_at_most_one_rule() -> None:
    for kind in ZoneKind:
        assert sum(kind in rule.kinds for rule in RULES) <= 1
    assert isinstance(rule_for(ZoneKind.NO_PARKING), ParkingRule)
    assert isinstance(rule_for(ZoneKind.FIRE_LANE), ParkingRule)
