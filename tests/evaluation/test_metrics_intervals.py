"""Bootstrap intervals: against the metrics themselves on the clips that were drawn, and where they must be silent."""

from __future__ import annotations

import math
import statistics
import time

import numpy as np
import pytest

from evaluation.errors import EvaluationError
from evaluation.metrics.intervals import (
    CLIPS_MIN,
    RESAMPLES,
    Interval,
    Intervals,
    _metrics,
    _weights,
    difference_intervals,
    intervals,
)
from evaluation.metrics.matching import Match, Matching
from evaluation.metrics.scoring import ClipScore, metrics
from tests.evaluation.incidents import alarm, clip, table, truth

SILENT = Intervals(None, None, None, None, None)


def scored(matching: Matching, name: str, media_s: float = 600.0) -> ClipScore:
    return ClipScore(name, "a", "ok", media_s, matching)


def random_clips(
    count: int, seed: int, *, found: float = 0.7, false_alarms: float = 0.3, truths: int = 3
) -> list[ClipScore]:
    """Clips of ten minutes with up to `truths` incidents, of which a share is found, late by an exponential delay."""
    rng = np.random.default_rng(seed)
    clips: list[ClipScore] = []
    for number in range(count):
        true = [truth(100.0 * place) for place in range(int(rng.integers(0, truths + 1)))]
        seen = [rng.random() < found for _ in true]
        matches = [
            Match(alarm(one.onset_s, late_s=rng.exponential(4)), one)
            for one, hit in zip(true, seen, strict=True)
            if hit
        ]
        misses = [one for one, hit in zip(true, seen, strict=True) if not hit]
        wrong = [alarm(5000.0) for _ in range(rng.poisson(false_alarms))]
        clips.append(scored(Matching(tuple(matches), tuple(wrong), tuple(misses)), f"clip-{number}"))
    return clips


def test_each_draw_has_the_metrics_of_the_clips_drawn() -> None:
    clips = random_clips(12, 1)
    weights = _weights(len(clips), 150, seed=5)
    assert (weights.sum(axis=1) == len(clips)).all()
    drawn = _metrics(clips, weights)
    for number, row in enumerate(weights):
        again = [one for one, times in zip(clips, row, strict=True) for _ in range(times)]
        expected = metrics([one.matching for one in again], sum(one.media_s for one in again))
        for name, value in (
            ("precision", expected.precision),
            ("recall", expected.recall),
            ("f1", expected.f1),
            ("fa_per_camera_hour", expected.fa_per_camera_hour),
            ("delay_median_s", expected.delay_s.median),
        ):
            got = drawn[name][number]
            assert np.isnan(got) if value is None else got == pytest.approx(value, abs=1e-12), name


def test_two_runs_agree_bit_for_bit_and_another_seed_does_not() -> None:
    clips = random_clips(40, 2)
    assert intervals(clips) == intervals(clips)
    assert intervals(clips) != intervals(clips, seed=3)


def test_the_interval_holds_the_metric() -> None:
    clips = random_clips(40, 3)
    whole, result = metrics([one.matching for one in clips], sum(one.media_s for one in clips)), intervals(clips)
    for interval, value in (
        (result.precision, whole.precision),
        (result.recall, whole.recall),
        (result.f1, whole.f1),
        (result.fa_per_camera_hour, whole.fa_per_camera_hour),
        (result.delay_median_s, whole.delay_s.median),
    ):
        assert interval is not None
        assert value is not None
        assert interval.low < value < interval.high


def test_more_clips_give_narrower_intervals() -> None:
    few, many = intervals(random_clips(20, 4)).f1, intervals(random_clips(320, 4)).f1
    assert few is not None
    assert many is not None
    # 16 times the clips: about a quarter of the width
    assert 0.15 < (many.high - many.low) / (few.high - few.low) < 0.4


@pytest.mark.slow
@pytest.mark.parametrize("count", [20, 60])
def test_about_95_of_100_intervals_hold_the_truth(count: int) -> None:
    # 1.5 incidents in a clip, of which 0.7 are found, and 0.3 false alarms: 1.8 an hour. The median of a delay is 4 * ln 2.
    truths = {
        "recall": 0.7,
        "precision": 1.05 / 1.35,
        "fa_per_camera_hour": 1.8,
        "delay_median_s": 4 * math.log(2),
    }
    runs = [intervals(random_clips(count, seed), resamples=1000) for seed in range(500)]
    for name, value in truths.items():
        found = [getattr(run, name) for run in runs]
        held = [one.low <= value <= one.high for one in found if one is not None]
        assert len(held) > 490, name
        assert 0.91 <= statistics.mean(held) <= 0.98, (
            name
        )  # 0.95, give or take three standard errors of 0.01 and a hair


def test_clips_are_drawn_whole() -> None:
    # Half of the clips have 4 found, half 4 missed. Were incidents drawn one by one, recall would spread by
    # sqrt(0.25 / 80) = 0.056; the 20 clips make it sqrt(0.25 / 20) = 0.112. With 2.147 of them to each side 0.5 ± 0.24.
    clips = [scored(table(4, 0, 0) if number % 2 else table(0, 0, 4), str(number)) for number in range(20)]
    recall = intervals(clips).recall
    assert recall == Interval(pytest.approx(0.26, abs=0.04), pytest.approx(0.74, abs=0.04))


def test_a_rate_by_hand() -> None:
    # 1 false alarm in every other clip of 10 minutes. Of 24 clips drawn, those with one are binomial(24, 1/2). The tail is
    # that below sqrt(24 / 23) * 2.069 = 2.113 standard deviations, 1.7 %: 6 and fewer are 1.1 %, 7 and fewer 3.2 %. So it is
    # from 7 to 17 of 24 clips, each with 6 an hour.
    clips = [scored(table(1, number % 2, 0), str(number)) for number in range(24)]
    assert intervals(clips).fa_per_camera_hour == Interval(pytest.approx(6 * 7 / 24), pytest.approx(6 * 17 / 24))


@pytest.mark.parametrize("count", [0, 1, CLIPS_MIN - 1])
def test_too_few_clips_say_nothing(count: int) -> None:
    assert intervals(random_clips(count, 1)) == SILENT


def test_as_many_clips_as_needed_say_something() -> None:
    assert intervals(random_clips(CLIPS_MIN, 1)).f1 is not None


def test_nothing_predicted_nothing_true_says_nothing() -> None:
    assert intervals([clip() for _ in range(20)]) == SILENT


def test_all_clips_alike_say_nothing() -> None:
    # F1 is 1 and there is no false alarm in any draw, which is no proof that it is so in the next clip.
    assert intervals([clip([alarm(10.0)], [truth(10.0)]) for _ in range(20)]) == SILENT


def test_one_clip_with_incidents_among_many_says_nothing_of_recall() -> None:
    # (1 - 1/20) ** 20 = 36 % of the draws are without it.
    clips = [scored(table(1, 0, 1), "rare"), *(scored(table(0, number % 2, 0), str(number)) for number in range(19))]
    result = intervals(clips)
    assert (result.recall, result.delay_median_s) == (None, None)
    assert result.fa_per_camera_hour is not None


def test_the_difference_of_the_same_says_nothing_and_of_a_better_one_is_above_zero() -> None:
    before = random_clips(40, 6, found=0.5)
    assert difference_intervals(before, before) == SILENT
    # The same clips, but every other one without its false alarms and misses.
    after = [
        one if number % 2 else scored(Matching(one.matching.matches, (), ()), one.name)
        for number, one in enumerate(before)
    ]
    better = difference_intervals(before, after[::-1])
    assert better.f1 is not None
    assert better.f1.low > 0
    assert better.fa_per_camera_hour is not None
    assert better.fa_per_camera_hour.high <= 0
    assert better.delay_median_s is None  # the same were found, as late as before


def test_a_paired_difference_is_narrower_than_two_intervals() -> None:
    before = random_clips(60, 7)
    after = [
        scored(Matching(one.matching.matches, one.matching.false_alarms[1:], one.matching.misses), one.name)
        for one in before
    ]
    paired, old, new = difference_intervals(before, after).f1, intervals(before).f1, intervals(after).f1
    assert None not in (paired, old, new)
    assert paired.low > 0  # every draw is better or as good
    assert old.high > new.low  # side by side nothing could be said


def test_differences_need_the_same_clips() -> None:
    clips = random_clips(10, 8)
    with pytest.raises(EvaluationError, match="not so: clip-9"):
        difference_intervals(clips, clips[:-1])
    with pytest.raises(EvaluationError, match="a name is there twice"):
        difference_intervals([*clips, clips[0]], [*clips, clips[0]])


def test_200_clips_take_a_fifth_of_a_second() -> None:
    clips = random_clips(200, 9)
    took_s: list[float] = []
    for _ in range(3):
        started = time.thread_time()
        intervals(clips)
        took_s.append(time.thread_time() - started)
    assert RESAMPLES == 2000
    assert statistics.median(took_s) < 0.2
