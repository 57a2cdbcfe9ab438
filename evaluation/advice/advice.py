"""What the verdicts say: how precise each camera and rule is, why cases are rejected, and what a score threshold would do.

Pure. Nobody has reviewed what was never reported, so nothing is said about misses, and a threshold can only be raised.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from scipy.stats import binomtest

from evaluation.advice.verdicts import Reviews, Verdict

REVIEWS_MIN: Final = 30
"""With fewer, a precision of 0.5 is known to no better than ±0.17, and a threshold follows single cases."""
LOSSES_MAX: Final = (0.0, 0.02, 0.05)
"""Shares of the confirmed cases that a threshold may cost; a city decides which one it is ready to pay."""
CONFIDENCE: Final = 0.95
_DIGITS: Final = 4


@dataclass(frozen=True)
class Precision:
    """How many of the reviewed cases were confirmed, with the Wilson interval of 95 % (Wilson 1927)."""

    confirmed: int
    rejected: int
    precision: float
    low: float
    high: float


@dataclass(frozen=True)
class Threshold:
    """What a least score would have done to the cases that were reviewed.

    Attributes:
        loss_max: share of the confirmed cases that it may cost.
        score_min: the highest score that costs no more; alarms below it would not have been raised.
        rejections_saved: rejected cases below it.
        confirmed_lost: confirmed cases below it.
    """

    loss_max: float
    score_min: float
    rejections_saved: int
    confirmed_lost: int


def precision_of(verdicts: Sequence[Verdict]) -> Precision:
    """Of at least one verdict.

    Examples:
        >>> right, wrong = (Verdict("gate", "dumping", 0.9, confirmed=confirmed) for confirmed in (True, False))
        >>> precision_of([right] * 8 + [wrong] * 2)
        Precision(confirmed=8, rejected=2, precision=0.8, low=0.4902, high=0.9433)
    """
    confirmed = sum(verdict.confirmed for verdict in verdicts)
    interval = binomtest(confirmed, len(verdicts)).proportion_ci(CONFIDENCE, method="wilson")
    return Precision(
        confirmed,
        len(verdicts) - confirmed,
        round(confirmed / len(verdicts), _DIGITS),
        round(float(interval.low), _DIGITS),
        round(float(interval.high), _DIGITS),
    )


def threshold(verdicts: Sequence[Verdict], loss_max: float) -> Threshold | None:
    """The highest score that costs no more than this share of the confirmed cases; None if it would save nothing.

    With k cases to lose, it is the score of the confirmed case that is k + 1 from below: any higher one loses that as well.
    """
    confirmed = sorted(verdict.score for verdict in verdicts if verdict.confirmed)
    if not confirmed:
        return None
    score_min = confirmed[min(len(confirmed) - 1, math.floor(round(loss_max * len(confirmed), _DIGITS)))]
    saved = sum(not verdict.confirmed and verdict.score < score_min for verdict in verdicts)
    lost = sum(score < score_min for score in confirmed)
    return Threshold(loss_max, score_min, saved, lost) if saved else None


def advise(reviews: Reviews, reviews_min: int = REVIEWS_MIN) -> dict[str, Any]:
    """Everything, as a plain document."""
    verdicts = reviews.verdicts
    types = sorted({verdict.type for verdict in verdicts})
    pairs = sorted({(verdict.camera, verdict.type) for verdict in verdicts})
    return {
        "schema": 1,
        "reviewed": len(verdicts),
        "unreviewed": reviews.unreviewed,
        "problems": list(reviews.problems),
        "reviews_min": reviews_min,
        "reasons": _reasons(verdicts),
        "cameras": [
            {"camera": camera, "type": kind, **asdict(precision_of(_only(verdicts, kind, camera)))}
            for camera, kind in pairs
        ],
        "rules": [{"type": kind, **_rule(_only(verdicts, kind), reviews_min)} for kind in types],
    }


def _rule(verdicts: Sequence[Verdict], reviews_min: int) -> dict[str, Any]:
    rule: dict[str, Any] = {**asdict(precision_of(verdicts)), "reasons": _reasons(verdicts)}
    silence = _why_no_threshold(verdicts, reviews_min)
    if silence is not None:
        return {**rule, "thresholds": [], "curve": [], "no_threshold": silence}
    found = [chosen for loss_max in LOSSES_MAX if (chosen := threshold(verdicts, loss_max)) is not None]
    silence = (
        None if found else "no threshold saves a rejection at so small a loss: rejected cases score as high as others"
    )
    # One that saves no more than a cheaper one is no choice.
    useful = [
        it for index, it in enumerate(found) if index == 0 or it.rejections_saved > found[index - 1].rejections_saved
    ]
    return {**rule, "thresholds": [asdict(it) for it in useful], "curve": _curve(verdicts), "no_threshold": silence}


def _why_no_threshold(verdicts: Sequence[Verdict], reviews_min: int) -> str | None:
    if len(verdicts) < reviews_min:
        return f"too few reviews: {len(verdicts)} of {reviews_min}"
    if all(verdict.confirmed for verdict in verdicts):
        return "nothing was rejected"
    if not any(verdict.confirmed for verdict in verdicts):
        return "nothing was confirmed: look at the reasons, the zones and the model, not at a threshold"
    return None


def _curve(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """For each score that occurs, what it would have done as a threshold."""
    return [
        {
            "score_min": score,
            "rejections_saved": sum(not it.confirmed and it.score < score for it in verdicts),
            "confirmed_lost": sum(it.confirmed and it.score < score for it in verdicts),
        }
        for score in sorted({it.score for it in verdicts})
    ]


def _reasons(verdicts: Iterable[Verdict]) -> list[dict[str, Any]]:
    """Reject reasons, the most frequent first."""
    counts = Counter(verdict.reason for verdict in verdicts if verdict.reason is not None)
    return [
        {"reason": reason, "count": count} for reason, count in sorted(counts.items(), key=lambda it: (-it[1], it[0]))
    ]


def _only(verdicts: Sequence[Verdict], kind: str, camera: str | None = None) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.type == kind and camera in (None, verdict.camera)]
