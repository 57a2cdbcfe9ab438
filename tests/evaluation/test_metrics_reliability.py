"""Calibration of scores, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Matching, match
from evaluation.metrics.reliability import PREDICTIONS_MIN, ReliabilityBin, reliability
from tests.evaluation.incidents import alarm, truth


def scored(*alarms: tuple[float, bool]) -> Matching:
    """Alarms of a score that are right or wrong, in a clip."""
    times_s = [100.0 * place for place in range(len(alarms))]
    return match(
        [alarm(time_s, score=score) for time_s, (score, _) in zip(times_s, alarms, strict=True)],
        [truth(time_s) for time_s, (_, right) in zip(times_s, alarms, strict=True) if right],
    )


def test_two_bins_of_equal_count() -> None:
    result = reliability(
        [scored((0.8, True), (0.2, False)), scored((0.4, True), (0.6, True))], bins=2, predictions_min=4
    )
    assert result is not None
    assert result.bins == (
        ReliabilityBin(0.2, 0.4, pytest.approx(0.3), 0.5, 2),
        ReliabilityBin(0.6, 0.8, pytest.approx(0.7), 1.0, 2),
    )
    assert result.expected_calibration_error == pytest.approx(0.25)  # (2 * |0.3 - 0.5| + 2 * |0.7 - 1|) / 4
    assert result.predictions == 4


@pytest.mark.parametrize(
    ("scores", "counts"),
    [
        ([0.5, 0.5, 0.5, 0.5, 0.9], [4, 1]),  # the cut after 2 lies as near to 0 as to 4, but a bin can't be empty
        ([0.1, 0.9, 0.9, 0.9, 0.9], [1, 4]),  # the cut after 2 is nearer to 1 than to 5
        ([0.1, 0.2, 0.2, 0.2, 0.3, 0.4], [4, 2]),  # the cut after 3 is nearer to 4 than to 1
        ([0.7] * 6, [6]),
        ([0.1, 0.2, 0.3, 0.4, 0.5], [2, 3]),
    ],
)
def test_equal_scores_are_never_parted(scores: list[float], counts: list[int]) -> None:
    result = reliability([scored(*((score, True) for score in scores))], bins=2, predictions_min=1)
    assert result is not None
    assert [part.predictions for part in result.bins] == counts


def test_the_order_of_equal_scores_does_not_matter() -> None:
    right, wrong = (0.5, True), (0.5, False)
    orders = ([right, wrong, right, wrong], [wrong, wrong, right, right], [right, right, wrong, wrong])
    results = [reliability([scored(*order)], bins=2, predictions_min=1) for order in orders]
    assert results[0] == results[1] == results[2]
    assert results[0] is not None
    assert results[0].expected_calibration_error == 0.0  # half of those with 0.5 are right


def test_always_sure_is_off_by_what_is_false() -> None:
    result = reliability([scored((1.0, True), (1.0, True), (1.0, False))], predictions_min=3)
    assert result is not None
    assert result.expected_calibration_error == pytest.approx(1 / 3)  # |1 - 2/3|
    assert len(result.bins) == 1


def test_too_few_say_nothing() -> None:
    assert reliability([scored(*[(0.5, True)] * (PREDICTIONS_MIN - 1))]) is None
    assert reliability([scored(*[(0.5, True)] * PREDICTIONS_MIN)]) is not None
    assert reliability([], predictions_min=0) is None


def test_misses_do_not_count() -> None:
    assert reliability([match([], [truth(10)])], predictions_min=1) is None


def test_a_calibrated_detector_has_a_small_error() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(2000)
    result = reliability([scored((float(score), bool(rng.random() < score))) for score in scores])
    assert result is not None
    assert [part.predictions for part in result.bins] == [200] * 10
    assert result.expected_calibration_error < 0.05  # one standard error of a bin of 200 is at most 0.035


def test_no_bins_are_refused() -> None:
    with pytest.raises(EvaluationError, match="bins is 0: allowed is 1 and more"):
        reliability([], bins=0)
