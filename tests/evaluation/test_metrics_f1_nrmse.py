"""F1 · (1 - NRMSE), by hand."""

from __future__ import annotations

import math

import pytest

from evaluation.errors import EvaluationError
from evaluation.metrics.f1_nrmse import F1Nrmse, f1_nrmse
from evaluation.metrics.matching import match
from tests.evaluation.incidents import alarm, table, truth

# 3 s late and 4 s early: RMSE is the root of (9 + 16) / 2. With a miss, F1 is 2 * 2 / (2 * 2 + 1).
LATE_AND_EARLY = [match([alarm(103.0), alarm(196.0)], [truth(100.0), truth(200.0)]), match([], [truth(50.0)])]
RMSE_S = math.sqrt(12.5)


def test_late_and_early_onsets_and_a_miss() -> None:
    result = f1_nrmse(LATE_AND_EARLY)
    assert result is not None
    assert result.f1 == pytest.approx(0.8)
    assert result.rmse_s == pytest.approx(RMSE_S)
    assert result.score == pytest.approx(0.8 * (1 - RMSE_S / 300))


@pytest.mark.parametrize(
    ("nrmse_max_s", "score"),
    [(10.0, 0.8 * (1 - RMSE_S / 10)), (RMSE_S, 0.0), (1.0, 0.0)],  # at the limit and beyond, onsets count for nothing
)
def test_another_normalisation(nrmse_max_s: float, score: float) -> None:
    result = f1_nrmse(LATE_AND_EARLY, nrmse_max_s=nrmse_max_s)
    assert result is not None
    assert result.score == pytest.approx(score)


def test_exact_onsets_leave_f1() -> None:
    # F1 is 2 * 3 / (2 * 3 + 1 + 2).
    assert f1_nrmse([table(3, 1, 2)]) == F1Nrmse(pytest.approx(2 / 3), pytest.approx(2 / 3), 0.0)


def test_what_had_begun_before_the_clip_counts_as_0() -> None:
    result = f1_nrmse([match([alarm(6.0)], [truth(None)])])
    assert result is not None
    assert result.rmse_s == pytest.approx(6.0)


def test_nothing_found_is_0_and_nothing_at_all_is_undefined() -> None:
    assert f1_nrmse([table(0, 1, 1)]) == F1Nrmse(0.0, 0.0, None)
    assert f1_nrmse([match([], [])]) is None
    assert f1_nrmse([]) is None


def test_the_winner_of_2020_keeps_most_of_its_f1() -> None:
    # Published: F1 0.9855 and RMSE 4.8737. 34 found, 1 missed: 68 / 69 = 0.98551. 0.98551 * (1 - 4.8737 / 300) = 0.9695
    times_s = [100.0 * place for place in range(34)]
    result = f1_nrmse(
        [match([alarm(time_s + 4.8737) for time_s in times_s], [*(truth(time_s) for time_s in times_s), truth(9000)])]
    )
    assert result is not None
    assert round(result.score, 4) == 0.9695


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(EvaluationError, match="nrmse_max_s is 0: allowed is more than 0"):
        f1_nrmse([], nrmse_max_s=0)
