"""Metrics over matchings, by hand-made clips."""

from __future__ import annotations

import pytest

from detector.zoning.geometry import Box
from evaluation.metrics.ended_error import EndedErrors, ended_errors
from evaluation.metrics.matching import Matching, Prediction, Truth, match
from evaluation.metrics.scoring import ClipScore, Spread, confirmed, metrics, metrics_by_type, only, only_type, spread
from tests.evaluation.incidents import alarm, clip, table
from tests.evaluation.incidents import truth as true

BOX = Box(0.4, 0.4, 0.6, 0.5)


def truth(onset_s: float, kind: str = "illegal_parking") -> Truth:
    return Truth(kind, "kerb", onset_s, onset_s + 30, BOX)


def prediction(onset_s: float, confirmed_s: float, kind: str = "illegal_parking") -> Prediction:
    return Prediction(f"{kind}-{onset_s:g}", kind, "kerb", onset_s, confirmed_s, BOX)


def test_spread_of_one_and_of_none() -> None:
    assert spread([]).median is spread([]).p95 is spread([]).max is None
    one = spread([4.0])
    assert (one.median, one.p95, one.max) == (4.0, 4.0, 4.0)


def test_spread_of_an_even_number() -> None:
    # median between 2 and 4; p95 at place 0.95 * 3 = 2.85: 4 + 0.85 * (10 - 4)
    four = spread([10.0, 1.0, 2.0, 4.0])
    assert (four.median, four.max) == (3.0, 10.0)
    assert four.p95 == pytest.approx(9.1)


def test_nothing_true_and_nothing_predicted_has_no_f1() -> None:
    result = metrics([match([], [])], 3600)
    assert (result.precision, result.recall, result.f1) == (None, None, None)
    assert result.fa_per_camera_hour == 0
    assert result.delay_s.median is None


@pytest.mark.parametrize(
    ("predictions", "truths", "precision", "recall", "f1"),
    [
        ([], [truth(10)], None, 0, 0),  # 0 of 1 true; nothing predicted; 0 / (0 + 0 + 1)
        ([prediction(10, 40)], [], 0, None, 0),  # 0 of 1 predicted; nothing true
        ([prediction(10, 40)], [truth(10)], 1, 1, 1),
        ([prediction(10, 40), prediction(11, 41)], [truth(10)], 0.5, 1, 2 / 3),  # 2 * 1 / (2 * 1 + 1 + 0)
        ([prediction(50, 80)], [truth(10)], 0, 0, 0),
    ],
)
def test_rates(
    predictions: list[Prediction], truths: list[Truth], precision: float | None, recall: float | None, f1: float
) -> None:
    result = metrics([match(predictions, truths)], 60)
    assert (result.precision, result.recall, result.f1) == pytest.approx((precision, recall, f1))


def test_numbers_are_pooled_over_clips() -> None:
    # clip 1: found 2 with delays 41 - 40 = 1 and 95 - 90 = 5, errors +1 and -2; clip 2: one false alarm; clip 3: one miss
    first = match([prediction(11, 41), prediction(58, 95)], [truth(10), truth(60)])
    second, third = match([prediction(3, 33)], []), match([], [truth(10)])
    result = metrics([first, second, third], 600)
    assert (result.found, result.false_alarms, result.misses) == (2, 1, 1)
    assert result.precision == pytest.approx(2 / 3)
    assert result.recall == pytest.approx(2 / 3)
    assert result.fa_per_camera_hour == pytest.approx(6.0)  # 1 in 600 s
    assert result.delay_s.median == pytest.approx(3.0)
    assert result.delay_s.p95 == pytest.approx(4.8)  # 1 + 0.95 * 4
    assert result.onset_error_s.median == pytest.approx(1.5)  # of 1 and |-2|
    assert result.onset_error_s.max == pytest.approx(2.0)


def test_no_film_has_no_rate_of_false_alarms() -> None:
    assert metrics([], 0).fa_per_camera_hour is None


def test_types_are_scored_apart_over_all_film() -> None:
    matching = match(
        [prediction(10, 40), prediction(10, 40, "dumping")], [truth(10), truth(20, "street_vending"), truth(80)]
    )
    types = metrics_by_type(
        [ClipScore("a.yaml", "a", "ok", 1800, matching), ClipScore("b.yaml", "b", "ok", 1800, Matching((), (), ()))]
    )
    assert list(types) == ["dumping", "illegal_parking", "street_vending"]
    assert (types["illegal_parking"].found, types["illegal_parking"].misses) == (1, 1)
    assert types["dumping"].fa_per_camera_hour == pytest.approx(1.0)  # 1 in 3600 s, both clips
    assert types["dumping"].recall is None
    assert types["street_vending"].recall == 0


def test_only_confirmed_incidents_are_scored() -> None:
    common = {"type": "dumping", "zone": "z", "box": [0.1, 0.2, 0.3, 0.4]}
    found = confirmed(
        [
            {"id": "a", "onset_s": 1.0, "confirmed_s": 9.5, **common},
            {"id": "b", "onset_s": 1.0, "confirmed_s": None, **common},
            {"id": "c", "onset_s": 1.0, **common},
            {"id": "d", "confirmed_s": 0, **common},  # at the very start is confirmed, too
        ]
    )
    assert [prediction.id for prediction in found] == ["a", "d"]
    assert found[0].box == Box(0.1, 0.2, 0.3, 0.4)
    assert found[1].onset_s is None


def test_score_and_end_are_read_if_they_are_there() -> None:
    common = {"type": "dumping", "zone": "z", "box": [0.1, 0.2, 0.3, 0.4], "confirmed_s": 9.5}
    plain, full, null = confirmed(
        [
            {"id": "a", **common},
            {"id": "b", "score": 0.25, "ended_s": 40, **common},
            {"id": "c", "score": None, "ended_s": None, **common},
        ]
    )
    assert (plain.score, plain.ended_s) == (1.0, None)
    assert (full.score, full.ended_s) == (0.25, 40)
    assert (null.score, null.ended_s) == (1.0, None)


# Ends of five that were found, 100 s apart: 3 s late, 1 s early, never told, told too soon, still there in both.
ENDS = match(
    [
        alarm(0, ended_s=53),
        alarm(100, ended_s=149),
        alarm(200, ended_s=None),
        alarm(300, ended_s=350),
        alarm(400, ended_s=None),
        alarm(900, ended_s=950),  # a false alarm: its end is no end of anything
    ],
    [true(0, end_s=50), true(100, end_s=150), true(200, end_s=250), true(300), true(400), true(600, end_s=650)],
)


def test_ends_of_what_was_found() -> None:
    assert ended_errors(ENDS.matches) == EndedErrors((3, -1), missed=1, invented=1, agreed_open=1)
    assert ended_errors([]) == EndedErrors((), 0, 0, 0)


def test_ends_in_the_metrics() -> None:
    result = metrics([ENDS], 1000)
    assert result.ended_error_s == Spread(pytest.approx(2.0), pytest.approx(2.9), 3.0)  # of 3 and |-1|: 1 + 0.95 * 2
    assert (result.ended_missed, result.ended_invented) == (1, 1)
    nothing = metrics([match([], [])], 1000)
    assert (nothing.ended_error_s, nothing.ended_missed, nothing.ended_invented) == (Spread(None, None, None), 0, 0)


@pytest.mark.parametrize(
    ("counts", "precision", "recall", "f1", "per_hour"),
    [
        # in 20 minutes
        ((0, 0, 0), None, None, None, 0),
        ((0, 0, 3), None, 0, 0, 0),
        ((0, 2, 0), 0, None, 0, 6),  # 2 in 1/3 h
        ((0, 2, 3), 0, 0, 0, 6),
        ((4, 0, 0), 1, 1, 1, 0),
        ((3, 1, 0), 3 / 4, 1, 6 / 7, 3),  # 6 / (6 + 1)
        ((3, 0, 1), 1, 3 / 4, 6 / 7, 0),
        ((3, 1, 2), 3 / 4, 3 / 5, 6 / 9, 3),  # 6 / (6 + 1 + 2)
        ((37, 13, 7), 0.74, 37 / 44, 74 / 94, 39),  # about what the contest IWDD publishes: .74, .84, .79
    ],
)
def test_counts_to_rates(
    counts: tuple[int, int, int],
    precision: float | None,
    recall: float | None,
    f1: float | None,
    per_hour: float,
) -> None:
    result = metrics([table(*counts)], 1200)
    assert (result.found, result.false_alarms, result.misses) == counts
    assert (result.precision, result.recall, result.f1) == pytest.approx((precision, recall, f1))
    assert result.fa_per_camera_hour == pytest.approx(per_hour)


def test_how_clips_are_cut_does_not_matter() -> None:
    whole, parts = table(5, 3, 4), [table(2, 0, 4), table(0, 3, 0), table(3, 0, 0), table(0, 0, 0)]
    assert metrics([whole], 900) == metrics(parts, 900)


def test_delays_keep_their_sign_and_onset_errors_do_not() -> None:
    # Delays -4, 0 and 10; onset errors -2, 0 and 0. Median 0; p95 at place 0.95 * 2 = 1.9: 0 + 0.9 * 10 and 0 + 0.9 * 2.
    result = metrics(
        [match([alarm(98, late_s=-2), alarm(200), alarm(300, late_s=10)], [true(100), true(200), true(300)])], 900
    )
    assert result.delay_s == Spread(0.0, pytest.approx(9.0), 10.0)
    assert result.onset_error_s == Spread(0.0, pytest.approx(1.8), 2.0)


def test_all_alarms_too_early() -> None:
    result = metrics([match([alarm(100, late_s=-3), alarm(200, late_s=-1)], [true(100), true(200)])], 900)
    assert result.delay_s == Spread(-2.0, pytest.approx(-1.1), -1.0)  # -3 + 0.95 * 2


def test_a_clip_whose_film_is_missing_counts_its_misses() -> None:
    scores = [clip([alarm(10)], [true(10)], media_s=1800), clip([], [true(10)], media_s=0)]
    result = metrics([one.matching for one in scores], sum(one.media_s for one in scores))
    assert (result.recall, result.fa_per_camera_hour) == (0.5, 0)


def test_a_part_of_a_matching() -> None:
    both = match(
        [alarm(10, zone="kerb"), alarm(10, zone="gate"), alarm(500, zone="gate", kind="dumping")],
        [true(10, zone="kerb"), true(10, zone="gate"), true(300, zone="gate")],
    )
    gate, dumping = only(both, lambda one: one.zone == "gate"), only_type(both, "dumping")
    assert (len(gate.matches), len(gate.false_alarms), len(gate.misses)) == (1, 1, 1)
    assert (len(dumping.matches), len(dumping.false_alarms), len(dumping.misses)) == (0, 1, 0)
