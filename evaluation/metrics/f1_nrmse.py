"""S = F1 · (1 - NRMSE), the score of the AI City Challenge's traffic anomaly track. Pure.

Source: Naphade et al., "The 4th AI City Challenge", CVPR Workshops 2020 (track 4, S4): NRMSE = min(RMSE, 300) / 300, RMSE being
the root of the mean squared error of the start time over the true positives. Here both are seconds, which rates onset errors
mildly: with `matching`, which lets an onset be 5 s early to 10 s late, the factor never falls below 1 - 10 / 300 = 0.967. The
text of the paper calls the 300 frames; at its 30 pictures a second that is `nrmse_max_s=10`.

What enters: the onset error of each match, predicted minus true, squared (early is as bad as late); no onset counts as 0, as in
matching. False alarms and misses enter through F1 alone. Matches are ours, not the challenge's (10 s either way).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Matching

NRMSE_MAX_S: Final = 300.0
"""RMSE at and beyond which onsets count for nothing: the challenge's 300, in seconds."""


@dataclass(frozen=True)
class F1Nrmse:
    """The score and what it is made of.

    Attributes:
        score: F1 · (1 - NRMSE), 0 to 1.
        f1: harmonic mean of precision and recall.
        rmse_s: of the onsets of what was found; None if nothing was, and the score is then 0.
    """

    score: float
    f1: float
    rmse_s: float | None


def f1_nrmse(matchings: Iterable[Matching], *, nrmse_max_s: float = NRMSE_MAX_S) -> F1Nrmse | None:
    """Score what was matched; None if nothing is true and nothing was predicted.

    Raises:
        EvaluationError: `nrmse_max_s` is not more than 0.
    """
    if nrmse_max_s <= 0:
        raise EvaluationError(f"f1_nrmse: nrmse_max_s is {nrmse_max_s:g}: allowed is more than 0")
    known = list(matchings)
    errors_s = [pair.onset_error_s for matching in known for pair in matching.matches]
    wrong = sum(len(matching.false_alarms) + len(matching.misses) for matching in known)
    if not errors_s:
        return F1Nrmse(0.0, 0.0, None) if wrong else None
    f1 = 2 * len(errors_s) / (2 * len(errors_s) + wrong)
    rmse_s = math.sqrt(math.fsum(error_s**2 for error_s in errors_s) / len(errors_s))
    return F1Nrmse(f1 * (1 - min(rmse_s, nrmse_max_s) / nrmse_max_s), f1, rmse_s)
