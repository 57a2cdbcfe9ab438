"""P(miss) against the rate of false alarms over the score threshold: the DET curve of NIST's ActEV evaluations. Pure.

Definitions: NIST, "ActEV 2021 Sequestered Data Leaderboard (SDL) Evaluation Plan", 30 July 2021, activity detection metrics,
and its reference implementation `ActEV_Scorer` (protocol ActEV_SDL_V2). At a threshold t
    P(miss) = true incidents that no prediction of score ≥ t is aligned with / true incidents
    RFA     = predictions of score ≥ t that are aligned with no true incident / minutes of film
The unit is the plan's: false alarms per minute of film, here a camera-minute. nAUDC is the area under the curve from RFA 0 to a
limit, divided by the limit: 0 is perfect, 1 is a detector that finds nothing. (The plan also has a time-based false alarm,
TFA; it needs the extent of activities, which an incident that goes on at the end of a clip doesn't have.)

One thing differs. NIST's scorer aligns once, preferring the surer of two predictions, and then sweeps. Here the one-to-one
alignment of `matching` is made anew at each threshold, so a point is what a report says of a detector with that threshold.

NIST scores each activity by itself and takes the mean: give the predictions and truths of one type for its curve. Given all,
the curve is of all incidents together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Prediction, Truth, match

RFA_TARGETS: Final = (0.01, 0.03, 0.1, 0.15, 0.2, 1.0)
"""Per camera-minute, all in NIST's scorer: 0.01 is 0.6 an hour, 0.15 (in the tables of TRECVID 2019) is 9 an hour."""
NAUDC_RFA: Final = 0.2  # per camera-minute; the number that the plan reports nAUDC at, there of TFA
_SAME_RATE: Final = 1e-10  # as in NIST's scorer: two rates so near are the same


@dataclass(frozen=True)
class DetPoint:
    """What a detector does that keeps only predictions of at least this score."""

    threshold: float
    p_miss: float
    rfa_per_camera_minute: float


@dataclass(frozen=True)
class DetCurve:
    """A DET curve.

    Attributes:
        points: one for each score that occurs, highest threshold first. P(miss) never rises along them, and RFA never falls.
            The last is the detector as it is. No points if nothing was predicted.
        truths: how many true incidents there are.
        media_s: how much film.
    """

    points: tuple[DetPoint, ...]
    truths: int
    media_s: float

    def p_miss_at(self, rfa_per_camera_minute: float) -> float:
        """P(miss) at a rate of false alarms, as NIST's scorer reads it.

        Between two points it is interpolated linearly; at the rate of several points it is the best of them; beyond the last
        point it stays what it was. It is 1 if even the highest threshold gives more false alarms.
        """
        within = [one for one in self.points if one.rfa_per_camera_minute <= rfa_per_camera_minute + _SAME_RATE]
        if not within:
            return 1.0
        left = within[-1]
        if len(within) == len(self.points) or rfa_per_camera_minute - left.rfa_per_camera_minute < _SAME_RATE:
            return left.p_miss
        right = self.points[len(within)]
        return _between(
            rfa_per_camera_minute,
            (left.rfa_per_camera_minute, left.p_miss),
            (right.rfa_per_camera_minute, right.p_miss),
        )

    def p_miss_at_targets(self) -> dict[str, float]:
        """P(miss) at each of `RFA_TARGETS`, which are the keys, as in `0.15`."""
        return {f"{rfa:g}": self.p_miss_at(rfa) for rfa in RFA_TARGETS}

    def naudc(self, rfa_max: float = NAUDC_RFA) -> float:
        """Area under the curve from 0 to `rfa_max` false alarms per camera-minute, divided by `rfa_max`, by trapezia.

        The curve begins at RFA 0 and P(miss) 1, the detector that says nothing; beyond the last point it is level.

        Raises:
            EvaluationError: `rfa_max` is not more than 0.
        """
        if rfa_max <= 0:
            raise EvaluationError(f"nAUDC: rfa_max is {rfa_max:g}: allowed is more than 0")
        curve = [(0.0, 1.0), *((one.rfa_per_camera_minute, one.p_miss) for one in self.points)]
        curve.append((max(rfa_max, curve[-1][0]), curve[-1][1]))
        area = 0.0
        for (x1, y1), (x2, y2) in itertools.pairwise(curve):
            if x2 > rfa_max:
                return (area + (rfa_max - x1) * (y1 + _between(rfa_max, (x1, y1), (x2, y2))) / 2) / rfa_max
            area += (x2 - x1) * (y1 + y2) / 2
        return area / rfa_max


def det_curve(clips: Sequence[tuple[Sequence[Prediction], Sequence[Truth]]], media_s: float) -> DetCurve | None:
    """The curve over all scores that occur.

    Args:
        clips: what is predicted and what is true in each, in the order in which they would be matched.
        media_s: how much film they are.

    Returns:
        The curve; None if nothing is true or there is no film: one of the two rates then has no denominator.
    """
    truths = sum(len(true) for _, true in clips)
    if not truths or media_s <= 0:
        return None
    steps = sorted((step for clip in clips for step in _steps(*clip)), key=lambda step: -step[0])
    points: list[DetPoint] = []
    found = false_alarms = 0
    for threshold, group in itertools.groupby(steps, key=lambda step: step[0]):
        for _, more_found, more_false in group:
            found, false_alarms = found + more_found, false_alarms + more_false
        points.append(DetPoint(threshold, (truths - found) / truths, false_alarms / (media_s / 60)))
    return DetCurve(tuple(points), truths, media_s)


def _steps(predictions: Sequence[Prediction], truths: Sequence[Truth]) -> Iterator[tuple[float, int, int]]:
    """Each score of a clip, highest first: how many more are found, and are false alarms, once it is let in."""
    found = false_alarms = 0
    for threshold in sorted({one.score for one in predictions}, reverse=True):
        matching = match([one for one in predictions if one.score >= threshold], truths)
        yield threshold, len(matching.matches) - found, len(matching.false_alarms) - false_alarms
        found, false_alarms = len(matching.matches), len(matching.false_alarms)


def _between(x: float, left: tuple[float, float], right: tuple[float, float]) -> float:
    return left[1] + (right[1] - left[1]) * (x - left[0]) / (right[0] - left[0])
