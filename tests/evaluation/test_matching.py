"""Matching, by tables of predictions and truths."""

from __future__ import annotations

import pytest

from detector.zoning.geometry import Box, iou
from evaluation.metrics.matching import Prediction, Truth, is_near, match, may_match

TRUE_BOX = Box(0.4, 0.4, 0.6, 0.5)  # 0.2 wide, 0.1 high; grown by half of that: x 0.3…0.7, y 0.35…0.55


def truth(
    onset_s: float | None = 20.0, *, box: Box = TRUE_BOX, kind: str = "illegal_parking", zone: str = "kerb"
) -> Truth:
    return Truth(kind, zone, onset_s, (onset_s or 0.0) + 30.0, box)


def prediction(
    onset_s: float | None = 20.0,
    *,
    name: str = "p",
    box: Box = TRUE_BOX,
    kind: str = "illegal_parking",
    zone: str = "kerb",
) -> Prediction:
    return Prediction(name, kind, zone, onset_s, (onset_s or 0.0) + 31.0, box)


def centred(x: float, y: float) -> Box:
    return Box(x - 0.05, y - 0.05, x + 0.05, y + 0.05)


@pytest.mark.parametrize(
    ("predicted_s", "true_s", "expected"),
    [
        (20.0, 20.0, True),
        (15.0, 20.0, True),  # -5: the edge counts
        (14.999, 20.0, False),  # -5.001
        (30.0, 20.0, True),  # +10: the edge counts
        (30.001, 20.0, False),  # +10.001
        (None, None, True),  # 0 - 0
        (None, 4.9, True),  # 0 - 4.9 = -4.9
        (None, 5.1, False),  # 0 - 5.1 = -5.1
        (9.5, None, True),  # 9.5 - 0
        (10.1, None, False),  # 10.1 - 0
        (0.3 + 9.9, 0.2, True),  # 10.2 - 0.2 is a hair more than 10 in binary
    ],
)
def test_the_onset_may_be_five_seconds_early_and_ten_late(
    predicted_s: float | None, true_s: float | None, *, expected: bool
) -> None:
    assert may_match(prediction(predicted_s), truth(true_s)) is expected


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (0.5, 0.45, True),  # the centre itself
        (0.3, 0.45, True),  # 0.4 - 0.2 / 2: the edge counts
        (0.299, 0.45, False),
        (0.7, 0.45, True),  # 0.6 + 0.2 / 2
        (0.701, 0.45, False),
        (0.5, 0.35, True),  # 0.4 - 0.1 / 2
        (0.5, 0.349, False),
        (0.5, 0.55, True),  # 0.5 + 0.1 / 2
        (0.5, 0.551, False),
        (0.3, 0.55, True),  # a corner
    ],
)
def test_the_centre_lies_in_the_true_box_grown_by_half(x: float, y: float, *, expected: bool) -> None:
    assert is_near(centred(x, y), TRUE_BOX) is expected


def test_another_type_or_zone_is_another_thing() -> None:
    assert not may_match(prediction(kind="dumping"), truth())
    assert not may_match(prediction(zone="gate"), truth())


def test_iou_of_apart_touching_and_empty_boxes_is_zero() -> None:
    assert iou(Box(0, 0, 0.1, 0.1), Box(0.5, 0.5, 0.6, 0.6)) == 0
    assert iou(Box(0, 0, 0.1, 0.1), Box(0.1, 0, 0.2, 0.1)) == 0
    assert iou(Box(0.5, 0.5, 0.5, 0.5), Box(0.5, 0.5, 0.5, 0.5)) == 0


def test_iou_of_a_quarter_overlap() -> None:
    # common 0.1 * 0.1 = 0.01, union 0.04 + 0.04 - 0.01 = 0.07
    assert iou(Box(0, 0, 0.2, 0.2), Box(0.1, 0.1, 0.3, 0.3)) == pytest.approx(1 / 7)


def test_nothing_to_find_and_nothing_found() -> None:
    result = match([], [])
    assert (result.matches, result.false_alarms, result.misses) == ((), (), ())


def test_a_vehicle_reported_twice_is_one_match_and_one_false_alarm() -> None:
    result = match([prediction(24.0, name="late"), prediction(21.0, name="near")], [truth(20.0)])
    assert [pair.prediction.id for pair in result.matches] == ["near"]  # 1 s is nearer than 4 s
    assert [wrong.id for wrong in result.false_alarms] == ["late"]
    assert not result.misses


def test_a_report_far_too_late_is_a_false_alarm_and_a_miss() -> None:
    result = match([prediction(31.0)], [truth(20.0)])
    assert (len(result.matches), len(result.false_alarms), len(result.misses)) == (0, 1, 1)


def test_equally_near_onsets_are_told_apart_by_overlap() -> None:
    # both 2 s off; `over` covers the true box, `aside` lies half beside it
    over, aside = prediction(22.0, name="over"), prediction(18.0, name="aside", box=Box(0.5, 0.4, 0.7, 0.5))
    assert match([aside, over], [truth(20.0)]).matches[0].prediction.id == "over"
    assert match([over, aside], [truth(20.0)]).matches[0].prediction.id == "over"


def test_full_ties_go_by_order() -> None:
    twins = [prediction(20.0, name="first"), prediction(20.0, name="second")]
    result = match(twins, [truth(20.0)])
    assert result.matches[0].prediction.id == "first"
    assert result.false_alarms[0].id == "second"


def test_two_vehicles_beside_each_other_keep_their_own_reports() -> None:
    # both stood there when the clip began: all onset differences are 0, so the boxes decide
    left, right = Box(0.40, 0.4, 0.50, 0.5), Box(0.48, 0.4, 0.58, 0.5)
    result = match(
        [prediction(None, name="right", box=right), prediction(None, name="left", box=left)],
        [truth(None, box=left), truth(None, box=right)],
    )
    assert [(pair.prediction.id, pair.truth.box) for pair in result.matches] == [("left", left), ("right", right)]


def test_the_nearest_onset_wins_over_all_pairs_even_if_another_truth_then_goes_without() -> None:
    # differences: a-20: 4, a-25: 1; b-20: 9, b-25: 4. Nearest first takes a-25; for 20 only b is left, 9 s late: it may.
    result = match([prediction(24.0, name="a"), prediction(29.0, name="b")], [truth(20.0), truth(25.0)])
    assert [(pair.prediction.id, pair.truth.onset_s) for pair in result.matches] == [("b", 20.0), ("a", 25.0)]
    # with b at 31 s it is 11 s late for 20: a miss and a false alarm
    result = match([prediction(24.0, name="a"), prediction(31.0, name="b")], [truth(20.0), truth(25.0)])
    assert [(pair.prediction.id, pair.truth.onset_s) for pair in result.matches] == [("a", 25.0)]
    assert ([wrong.id for wrong in result.false_alarms], [missed.onset_s for missed in result.misses]) == (
        ["b"],
        [20.0],
    )


def test_a_match_tells_delay_error_and_overlap() -> None:
    # alarm at 22 + 31 = 53, due at 20 + 30 = 50; half of the box: common 0.01 of 0.02 + 0.02 - 0.01
    pair = match([prediction(22.0, box=Box(0.5, 0.4, 0.7, 0.5))], [truth(20.0)]).matches[0]
    assert pair.delay_s == pytest.approx(3.0)
    assert pair.onset_error_s == pytest.approx(2.0)
    assert pair.iou == pytest.approx(1 / 3)


def fit(
    predictions: list[Prediction], truths: list[Truth]
) -> tuple[list[tuple[str, float | None]], list[str], list[float | None]]:
    """What was found, as id and true onset; the ids of false alarms; the onsets of misses."""
    result = match(predictions, truths)
    return (
        [(pair.prediction.id, pair.truth.onset_s) for pair in result.matches],
        [wrong.id for wrong in result.false_alarms],
        [missed.onset_s for missed in result.misses],
    )


ASIDE = Box(0.5, 0.4, 0.7, 0.5)  # half beside TRUE_BOX: centre 0.6 lies within 0.3…0.7; IoU 0.01 / 0.03 = 1/3
BESIDE = Box(0.62, 0.4, 0.82, 0.5)  # centre 0.72: too far aside for TRUE_BOX, but not for ASIDE (0.4…0.8)


@pytest.mark.parametrize(
    ("predictions", "truths", "expected"),
    [
        pytest.param([], [truth(1), truth(2)], ([], [], [1, 2]), id="nothing predicted"),
        pytest.param([prediction(1, name="a")], [], ([], ["a"], []), id="nothing true"),
        pytest.param(
            [prediction(20, name=name) for name in "abc"],
            [truth(20)],
            ([("a", 20)], ["b", "c"], []),
            id="three times the same: the first is found, two are too many",
        ),
        pytest.param(
            [prediction(20, name="a")],
            [truth(20), truth(20)],
            ([("a", 20)], [], [20]),
            id="two vehicles at the same place and time, one report",
        ),
        pytest.param(
            [prediction(20, name="a"), prediction(20, name="b")],
            [truth(20), truth(20)],
            ([("a", 20), ("b", 20)], [], []),
            id="two vehicles, two reports: in their order",
        ),
        pytest.param(
            [prediction(22, name="a")],
            [truth(20), truth(24)],
            ([("a", 20)], [], [24]),
            id="half-way between two: +2 and -2 s, same box, so the first",
        ),
        pytest.param(
            [prediction(22, name="a", box=ASIDE)],
            [truth(20), truth(24, box=ASIDE)],
            ([("a", 24)], [], [20]),
            id="half-way between two: +2 and -2 s, IoU 1/3 and 1, so the second",
        ),
        pytest.param(
            [prediction(21, name="a", box=ASIDE), prediction(22, name="b")],
            [truth(20)],
            ([("a", 20)], ["b"], []),
            id="nearer by 1 s beats the better box",
        ),
        pytest.param(
            [prediction(20.0000001, name="a", box=ASIDE), prediction(20.0000002, name="b")],
            [truth(20)],
            ([("b", 20)], ["a"], []),
            id="below a microsecond it is the same time, so the box decides",
        ),
        pytest.param(
            [prediction(20, name="a", box=BESIDE)],
            [truth(20), truth(26, box=ASIDE)],
            ([], ["a"], [20, 26]),
            id="too far aside for one, 6 s early for the other",
        ),
        pytest.param(
            [prediction(20, name="a", box=BESIDE)],
            [truth(20), truth(25, box=ASIDE)],
            ([("a", 25)], [], [20]),
            id="too far aside for one, 5 s early for the other: the edge counts",
        ),
        pytest.param(
            [prediction(20, name="a"), prediction(20, name="b", kind="dumping"), prediction(20, name="c", zone="gate")],
            [truth(20, zone="gate"), truth(20, kind="dumping"), truth(20)],
            ([("c", 20), ("b", 20), ("a", 20)], [], []),
            id="type and zone sort out who is who",
        ),
        pytest.param(
            [prediction(None, name="a"), prediction(4, name="b")],
            [truth(None), truth(3)],
            ([("a", None), ("b", 3)], [], []),  # a is 0 and -3 off, b is +4 and +1
            id="no onset is 0",
        ),
        pytest.param(
            [prediction(0, name="a"), prediction(None, name="b")],
            [truth(None)],
            ([("a", None)], ["b"], []),
            id="no onset and onset 0 are the same, so the first",
        ),
        pytest.param(
            [prediction(30, name="a"), prediction(26, name="b"), prediction(22, name="c")],
            [truth(20), truth(24), truth(28)],
            # c-20, b-24, a-28 are +2 and so are none; c-24 and b-28 are -2: all equally near, all boxes the same. By the
            # order of truths, then predictions: 20 takes c, 24 takes b, 28 takes a.
            ([("c", 20), ("b", 24), ("a", 28)], [], []),
            id="a chain of ties",
        ),
        pytest.param(
            [prediction(21, name="a"), prediction(33, name="b")],
            [truth(20), truth(22)],
            # a is +1 and -1: a tie that the order gives to 20. b is 13 s and 11 s late.
            ([("a", 20)], ["b"], [22]),
            id="nearest first may leave a pair unmade: b is late for both",
        ),
        pytest.param(
            [prediction(25, name="a"), prediction(34, name="b")],
            [truth(20), truth(25)],
            # a-25 is 0, so 20 is left with b, 14 s late. Had 20 taken a (5 s late), b (9 s late) could have had 25: the rule
            # does not look for the most matches.
            ([("a", 25)], ["b"], [20]),
            id="nearest first is not the most matches",
        ),
    ],
)
def test_a_clip(
    predictions: list[Prediction],
    truths: list[Truth],
    expected: tuple[list[tuple[str, float | None]], list[str], list[float | None]],
) -> None:
    assert fit(predictions, truths) == expected


def test_a_score_or_an_end_does_not_change_who_is_who() -> None:
    sure = Prediction("sure", "illegal_parking", "kerb", 23.0, 54.0, TRUE_BOX, score=0.99, ended_s=90.0)
    near = Prediction("near", "illegal_parking", "kerb", 21.0, 52.0, TRUE_BOX, score=0.01)
    assert match([sure, near], [truth(20)]).matches[0].prediction is near


def test_everything_of_a_matching() -> None:
    result = match([prediction(90, name="b"), prediction(20, name="a")], [truth(50), truth(20)])
    assert [one.id for one in result.predictions] == ["a", "b"]
    assert [one.onset_s for one in result.truths] == [20, 50]
    assert len(result.everything) == 4
