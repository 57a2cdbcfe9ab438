"""DET curves, worked out by hand from NIST's definitions."""

from __future__ import annotations

import random

import pytest

from evaluation.errors import EvaluationError
from evaluation.metrics.det_curve import DetPoint, det_curve
from evaluation.metrics.matching import Prediction, Truth, match
from evaluation.metrics.scoring import metrics
from tests.evaluation.incidents import alarm, truth

TEN_MINUTES_S = 600.0
# 4 true incidents in 10 minutes of two clips. By score: .9 right, .8 wrong, .7 right, .7 wrong, .5 right; one is never found.
CLIPS = [
    ([alarm(100, score=0.9), alarm(900, score=0.8), alarm(200, score=0.5)], [truth(100), truth(200)]),
    ([alarm(300, score=0.7), alarm(700, score=0.7)], [truth(300), truth(400)]),
]
CURVE = det_curve(CLIPS, TEN_MINUTES_S)
assert CURVE is not None


def test_points() -> None:
    assert CURVE.points == (
        DetPoint(0.9, 3 / 4, 0.0),  # 1 of 4 found
        DetPoint(0.8, 3 / 4, 0.1),  # 1 false alarm in 10 minutes
        DetPoint(0.7, 2 / 4, 0.2),  # both of 0.7 come in together
        DetPoint(0.5, 1 / 4, 0.2),
    )
    assert (CURVE.truths, CURVE.media_s) == (4, 600.0)


@pytest.mark.parametrize(
    ("rfa", "p_miss"),
    [
        (0.0, 0.75),
        (0.05, 0.75),  # level between 0 and 0.1
        (0.1, 0.75),
        (0.15, 0.625),  # half-way between 0.75 and 0.5
        (0.2, 0.25),  # two points have this rate: the better one
        (1.0, 0.25),  # beyond the last point
    ],
)
def test_p_miss_at_a_rate_of_false_alarms(rfa: float, p_miss: float) -> None:
    assert CURVE.p_miss_at(rfa) == pytest.approx(p_miss)


def test_p_miss_at_the_targets_of_the_plan() -> None:
    expected = {"0.01": 0.75, "0.03": 0.75, "0.1": 0.75, "0.15": 0.625, "0.2": 0.25, "1": 0.25}
    assert CURVE.p_miss_at_targets() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("rfa_max", "naudc"),
    [
        (0.1, 0.75),  # level
        (0.15, (0.1 * 0.75 + 0.05 * (0.75 + 0.625) / 2) / 0.15),
        (0.2, (0.1 * 0.75 + 0.1 * (0.75 + 0.5) / 2) / 0.2),  # 0.6875
        (1.0, (0.1 * 0.75 + 0.1 * (0.75 + 0.5) / 2 + 0.8 * 0.25) / 1.0),  # level from the last point on: 0.3375
    ],
)
def test_the_area_under_the_curve(rfa_max: float, naudc: float) -> None:
    assert CURVE.naudc(rfa_max) == pytest.approx(naudc)


def test_the_default_limit_is_the_plans() -> None:
    assert CURVE.naudc() == CURVE.naudc(0.2) == pytest.approx(0.6875)


def test_a_detector_whose_surest_alarm_is_false() -> None:
    curve = det_curve([([alarm(900, score=0.9), alarm(100, score=0.4)], [truth(100)])], TEN_MINUTES_S)
    assert curve is not None
    assert curve.points == (DetPoint(0.9, 1.0, 0.1), DetPoint(0.4, 0.0, 0.1))
    assert curve.p_miss_at(0.05) == 1.0  # no threshold gives so few false alarms but one that gives nothing
    assert curve.p_miss_at(0.1) == 0.0
    assert curve.naudc(0.2) == pytest.approx(0.5)  # from (0, 1) level to (0.1, 1), down to (0.1, 0), level to (0.2, 0)


def test_perfect_and_silent_detectors() -> None:
    perfect = det_curve([([alarm(100, score=0.9)], [truth(100)])], 60.0)
    assert perfect is not None
    assert (perfect.p_miss_at(0.0), perfect.naudc()) == (0.0, 0.0)
    silent = det_curve([([], [truth(100)]), ([], [])], 60.0)
    assert silent is not None
    assert (silent.points, silent.p_miss_at(0.2), silent.naudc()) == ((), 1.0, 1.0)


def test_nothing_true_or_no_film_has_no_curve() -> None:
    assert det_curve([([alarm(100)], [])], 60.0) is None
    assert det_curve([([alarm(100)], [truth(100)])], 0.0) is None
    assert det_curve([], 60.0) is None


def test_the_alignment_is_made_anew_at_each_threshold() -> None:
    # At 0.8 the alarm 4 s late finds the incident. At 0.3 the one with the exact onset takes it, and the other is too many.
    curve = det_curve([([alarm(104, score=0.8), alarm(100, score=0.3)], [truth(100)])], 60.0)
    assert curve is not None
    assert curve.points == (DetPoint(0.8, 0.0, 0.0), DetPoint(0.3, 0.0, 1.0))


def test_scores_that_are_not_given_make_one_point() -> None:
    curve = det_curve([([alarm(100), alarm(900)], [truth(100), truth(200)])], 60.0)
    assert curve is not None
    assert curve.points == (DetPoint(1.0, 0.5, 1.0),)


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(EvaluationError, match="rfa_max is 0: allowed is more than 0"):
        CURVE.naudc(0.0)


@pytest.mark.parametrize("seed", range(20))
def test_the_curve_never_rises_and_ends_at_what_is_reported(seed: int) -> None:
    rng = random.Random(seed)
    clips: list[tuple[list[Prediction], list[Truth]]] = [
        (
            [alarm(rng.randint(0, 40), score=rng.randint(1, 9) / 10) for _ in range(rng.randint(0, 8))],
            [truth(rng.randint(0, 40)) for _ in range(rng.randint(1, 5))],
        )
        for _ in range(3)
    ]
    curve = det_curve(clips, 300.0)
    assert curve is not None
    misses, rates = ([getattr(one, name) for one in curve.points] for name in ("p_miss", "rfa_per_camera_minute"))
    assert misses == sorted(misses, reverse=True)
    assert rates == sorted(rates)
    whole = metrics([match(*clip) for clip in clips], 300.0)
    if curve.points:
        assert curve.points[-1].p_miss == pytest.approx(1 - whole.recall)
        assert curve.points[-1].rfa_per_camera_minute * 60 == pytest.approx(whole.fa_per_camera_hour)
    assert 0 <= curve.naudc() <= 1
