"""Whether a score means what it says: of the alarms with score 0.8, are four in five true? Pure.

The curve has bins of equal count, which leave none empty when most scores are high (Nguyen and O'Connor, "Posterior calibration
and exploratory analysis for natural language processing models", 2015). The expected calibration error is that of Naeini,
Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", 2015: the mean over all alarms of the
distance between the mean score of their bin and the share of it that is true.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Matching

BINS: Final = 10
PREDICTIONS_MIN: Final = (
    100  # 10 to a bin: the share of a bin is then known to 0.16 (one standard error at 0.5), not worse
)


@dataclass(frozen=True)
class ReliabilityBin:
    """Alarms of neighbouring scores.

    Attributes:
        score_low: the lowest of their scores.
        score_high: the highest.
        score_mean: the mean.
        found_share: how many of them are true incidents.
        predictions: how many there are.
    """

    score_low: float
    score_high: float
    score_mean: float
    found_share: float
    predictions: int


@dataclass(frozen=True)
class Reliability:
    """How well scores are calibrated.

    Attributes:
        bins: lowest scores first.
        expected_calibration_error: 0 is perfect, 1 is always sure and always wrong.
        predictions: how many alarms there are.
    """

    bins: tuple[ReliabilityBin, ...]
    expected_calibration_error: float
    predictions: int


def reliability(
    matchings: Iterable[Matching], *, bins: int = BINS, predictions_min: int = PREDICTIONS_MIN
) -> Reliability | None:
    """Compare the scores of confirmed predictions with how many of them are true; None with fewer than `predictions_min`.

    Equal scores are never parted: bins are as equal as that allows, and there is only one if all scores are the same.

    Raises:
        EvaluationError: `bins` is not 1 or more.
    """
    if bins < 1:
        raise EvaluationError(f"reliability: bins is {bins}: allowed is 1 and more")
    known = list(matchings)
    alarms = sorted(
        [(pair.prediction.score, True) for matching in known for pair in matching.matches]
        + [(wrong.score, False) for matching in known for wrong in matching.false_alarms]
    )
    if not alarms or len(alarms) < predictions_min:
        return None
    scores, found = np.array([score for score, _ in alarms]), np.array([true for _, true in alarms], np.float64)
    starts = _starts(scores, bins)
    parts = [
        ReliabilityBin(float(part[0]), float(part[-1]), float(part.mean()), float(true.mean()), len(part))
        for part, true in zip(np.split(scores, starts), np.split(found, starts), strict=True)
    ]
    error = sum(part.predictions * abs(part.score_mean - part.found_share) for part in parts) / len(alarms)
    return Reliability(tuple(parts), float(error), len(alarms))


def _starts(scores: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Where all bins but the first begin in sorted scores: at an equal cut, or at the nearer end of a run of equal scores."""
    cuts = np.arange(1, bins) * len(scores) // bins
    before, after = (np.searchsorted(scores, scores[cuts], side) for side in ("left", "right"))
    nearest = np.unique(np.where(cuts - before < after - cuts, before, after))
    return np.asarray(nearest[(nearest > 0) & (nearest < len(scores))], np.int64)
