"""Which incidents can't be true."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind
from evaluation.datasets.checks import TYPES_OF_KIND, impossible
from evaluation.metrics.matching import Truth

SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
ZONES = (
    Zone("kerb", ZoneKind.NO_PARKING, SQUARE, dwell_s=30),
    Zone("bay", ZoneKind.FIRE_LANE, SQUARE, dwell_s=30),
    Zone("bins", ZoneKind.NO_DUMPING, SQUARE, dwell_s=20),
)
GOOD = Truth("illegal_parking", "kerb", 10.0, 40.0, Box(0.1, 0.1, 0.3, 0.3), 60.0)


def reasons(*truths: Truth, length_s: float | None = 92.0) -> dict[int, str]:
    return impossible(dict(enumerate(truths)), duration_s=92.0, length_s=length_s, zones=ZONES)


def test_a_possible_one() -> None:
    assert reasons(GOOD) == {}
    assert reasons(replace(GOOD, onset_s=None, alarm_s=30.0)) == {}  # no onset counts as 0


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"end_s": 93.0}, "end_s 93 lies outside the clip: allowed is 0 to duration_s 92"),
        ({"zone": "lawn"}, "zone 'lawn' is not in the cameras file: allowed are bay, bins, kerb"),
        ({"zone": "bins"}, "type illegal_parking can't happen in zone 'bins': its kind no_dumping gives dumping"),
        # 10 + 30 = 40, and half a second for rounding
        ({"alarm_s": 39.4}, "alarm_s 39.4 lies before onset and dwell: allowed is 40 and later (10 + dwell_s 30)"),
        ({"onset_s": None, "alarm_s": 29.4}, "allowed is 30 and later (0 + dwell_s 30)"),
        ({"end_s": 39.4}, "end_s 39.4 lies before alarm_s 40: what ends before its alarm is no incident"),
    ],
)
def test_an_impossible_one(wrong: dict[str, object], named: str) -> None:
    (reason,) = reasons(replace(GOOD, **wrong)).values()  # type: ignore[arg-type]
    assert named in reason


def test_half_a_second_is_rounding() -> None:
    assert reasons(replace(GOOD, alarm_s=39.6, end_s=92.4)) == {}


def test_the_file_is_held_against_its_real_length() -> None:
    (reason,) = reasons(replace(GOOD, end_s=80.0), length_s=61.25).values()
    assert reason == "end_s 80 lies outside the clip: the file ends at 61.25 s"
    assert reasons(replace(GOOD, end_s=80.0), length_s=None) == {}


# Boxes 0.2 x 0.2 = 0.04 each. Moved by 0.06: shared 0.14 x 0.2 = 0.028, all 0.052, IoU 0.54. By 0.07: 0.026 of 0.054, 0.48.
@pytest.mark.parametrize(("moved", "contradicts"), [(0.06, True), (0.07, False)])
def test_two_at_one_time_and_place_contradict(moved: float, contradicts: bool) -> None:
    other = replace(GOOD, onset_s=20.0, alarm_s=50.0, box=GOOD.box.shifted(moved, 0))
    found = reasons(GOOD, other)
    assert (1 in found) == contradicts
    if contradicts:
        assert "contradicts incidents.0: same type and zone, at the same time and place (IoU 0.54)" in found[1]


@pytest.mark.parametrize(
    "other",
    [
        replace(GOOD, onset_s=60.0, alarm_s=90.0, end_s=None),  # begins when the first ends
        replace(GOOD, zone="bay"),
    ],
)
def test_one_after_the_other_or_elsewhere_is_no_contradiction(other: Truth) -> None:
    assert reasons(GOOD, other) == {}


def test_one_without_an_end_goes_on_for_ever() -> None:
    found = reasons(replace(GOOD, end_s=None), replace(GOOD, onset_s=61.0, alarm_s=91.0, end_s=None))
    assert set(found) == {1}


def test_the_same_twice() -> None:
    assert reasons(GOOD, GOOD) == {1: "is the same as incidents.0"}


def test_what_is_left_out_excludes_nothing() -> None:
    assert set(reasons(replace(GOOD, alarm_s=20.0), GOOD)) == {0}


def test_every_kind_of_zone_gives_a_type() -> None:
    assert set(TYPES_OF_KIND) == set(ZoneKind)
