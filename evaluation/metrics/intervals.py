"""How sure the metrics are: 95 % intervals by the bootstrap over whole clips. Pure.

What happens within a clip hangs together (one street, one light, one queue), so clips are what is drawn, with replacement.
An interval lies between two percentiles of what the draws give. The plain ones, 2.5 and 97.5, make it too narrow where clips
are few; they are moved out as a t interval is wider than a normal one ("expanded percentiles", Hesterberg, "What Teachers
Should Know About the Bootstrap", The American Statistician, 2015): 0.6 and 99.4 for 8 clips, 2.4 and 97.6 for 200. From 20
clips on, about 95 of 100 intervals then hold the truth; from fewer it may be 90.
`scipy.stats.bootstrap` has no such correction, would draw anew for each metric, and answers NaN as soon as one draw leaves a
metric undefined, which happens with every rare incident.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from evaluation.errors import EvaluationError
from evaluation.metrics.scoring import ClipScore

RESAMPLES: Final = 2000  # the ends of an interval then rest on the 11 outermost draws on each side, or more
CONFIDENCE: Final = 0.95
CLIPS_MIN: Final = 8  # can be drawn in C(15, 8) = 6435 different ways; 7 clips in 1716, fewer than there are draws
UNDEFINED_MAX: Final = 0.05  # more draws without a value, and the interval would be of lucky draws only
SEED: Final = 20260101  # any number, but always the same: a report must not change by itself
_MILLISECONDS: Final = 1000  # whole numbers add up to the same in any order

_Draws = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Interval:
    """From where to where a number may well lie."""

    low: float
    high: float


@dataclass(frozen=True)
class Intervals:
    """Intervals of the metrics of the same names in `scoring.Metrics`, `delay_median_s` being that of `delay_s.median`.

    One is None where the clips are too few to say: fewer than `CLIPS_MIN`; or more than `UNDEFINED_MAX` of the draws have
    no such number (one clip with an incident among many without is left out of every third draw); or all draws have the
    same number: no false alarm in any clip is no proof that there never will be one.
    """

    precision: Interval | None
    recall: Interval | None
    f1: Interval | None
    fa_per_camera_hour: Interval | None
    delay_median_s: Interval | None


def intervals(clips: Sequence[ClipScore], *, resamples: int = RESAMPLES, seed: int = SEED) -> Intervals:
    """The intervals of the metrics of some clips.

    Args:
        clips: scored; take those of one camera or one type (`scoring.only_type`) for its intervals.
        resamples: how many draws.
        seed: of the draws; the same gives the same intervals, bit for bit.
    """
    if len(clips) < CLIPS_MIN:
        return Intervals(None, None, None, None, None)
    drawn = _metrics(clips, _weights(len(clips), resamples, seed))
    return Intervals(**{name: _interval(values, len(clips)) for name, values in drawn.items()})


def difference_intervals(
    before: Sequence[ClipScore], after: Sequence[ClipScore], *, resamples: int = RESAMPLES, seed: int = SEED
) -> Intervals:
    """The intervals of `after` minus `before`, two runs over the same clips; one without 0 in it is a real difference.

    Each draw takes the same clips of both runs. A clip that is hard for both then cancels out, so this tells smaller
    differences apart than two intervals side by side.

    Args:
        before: scored.
        after: the same clips, in any order.
        resamples: how many draws.
        seed: of the draws.

    Raises:
        EvaluationError: the clips are not the same, or two have the same name.
    """
    left, right = ({clip.name: clip for clip in clips} for clips in (before, after))
    if left.keys() != right.keys() or not len(left) == len(before) == len(after):
        odd = sorted(left.keys() ^ right.keys()) or ["a name is there twice"]
        raise EvaluationError(f"differences: the two runs need the same clips, each once; not so: {', '.join(odd)}")
    if len(before) < CLIPS_MIN:
        return Intervals(None, None, None, None, None)
    weights = _weights(len(before), resamples, seed)
    old, new = _metrics(before, weights), _metrics([right[clip.name] for clip in before], weights)
    return Intervals(**{name: _interval(new[name] - values, len(before)) for name, values in old.items()})


def _weights(clips: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """How often each clip is in each draw, int64 `(resamples, clips)`."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return np.asarray(rng.multinomial(clips, np.full(clips, 1 / clips), size=resamples), np.int64)


def _metrics(clips: Sequence[ClipScore], weights: NDArray[np.int64]) -> _Draws:
    """Each metric in each draw, float64 `(resamples,)`; NaN where it is undefined."""
    counts = np.array(
        [
            (
                len(clip.matching.matches),
                len(clip.matching.false_alarms),
                len(clip.matching.misses),
                round(clip.media_s * _MILLISECONDS),
            )
            for clip in clips
        ],
        np.int64,
    )
    found, false_alarms, misses, media_ms = (weights @ counts).T
    return {
        "precision": _ratio(found, found + false_alarms),
        "recall": _ratio(found, found + misses),
        "f1": _ratio(2 * found, 2 * found + false_alarms + misses),
        "fa_per_camera_hour": _ratio(false_alarms * 3600 * _MILLISECONDS, media_ms),
        "delay_median_s": _medians(clips, weights),
    }


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    quotient: NDArray[np.float64] = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return quotient


def _medians(clips: Sequence[ClipScore], weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """The median delay of each draw: of each delay as often as its clip was drawn."""
    delays = sorted((pair.delay_s, index) for index, clip in enumerate(clips) for pair in clip.matching.matches)
    if not delays:
        return np.full(len(weights), np.nan)
    values = np.array([delay_s for delay_s, _ in delays], np.float64)
    upto = np.cumsum(weights[:, [index for _, index in delays]], axis=1)
    count = upto[:, -1]
    # The delay at a place of the sorted draw is the first up to which more than that many were drawn.
    lower, upper = (np.argmax(upto > place[:, None], axis=1) for place in ((count - 1) // 2, count // 2))
    return np.where(count > 0, (values[lower] + values[upper]) / 2, np.nan)


def _interval(values: NDArray[np.float64], clips: int) -> Interval | None:
    defined = values[~np.isnan(values)]
    if len(defined) < (1 - UNDEFINED_MAX) * len(values) or np.ptp(defined) == 0:
        return None
    tail = ndtr(np.sqrt(clips / (clips - 1)) * stdtrit(clips - 1, (1 - CONFIDENCE) / 2))
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(low), float(high))
