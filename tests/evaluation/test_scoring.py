"""Metrics over matchings, by hand-made clips."""

from __future__ import annotations

import pytest

from detector.geometry import Box
from evaluation.metrics.matching import Matching, Prediction, Truth, match
from evaluation.metrics.scoring import ClipScore, confirmed, metrics, metrics_by_type, spread

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
