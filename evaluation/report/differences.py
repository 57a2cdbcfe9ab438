"""Why a false alarm is not the true incident that it resembles most, and a miss not found by what came nearest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from detector.zoning.geometry import iou
from evaluation.metrics.matching import (
    ONSET_EARLY_S,
    ONSET_LATE_S,
    Matching,
    Prediction,
    Truth,
    is_near,
    onset_error_s,
)

Aspect = Literal["type", "zone", "onset", "place"]
_DIGITS = 6  # as in matching: below a microsecond two times are the same


@dataclass(frozen=True)
class Nearest:
    """The counterpart that comes nearest.

    Attributes:
        prediction: what was predicted.
        truth: what is true.
        differs: in what they don't agree; empty: they do, but one of them belongs to another one that fits better.
        onset_off_s: predicted minus true onset; negative is early.
        iou: of the boxes.
    """

    prediction: Prediction
    truth: Truth
    differs: tuple[Aspect, ...]
    onset_off_s: float
    iou: float


def between(prediction: Prediction, truth: Truth) -> Nearest:
    """In what the two differ, by the rules of matching."""
    off_s = onset_error_s(prediction, truth)
    checks: tuple[tuple[Aspect, bool], ...] = (
        ("type", prediction.type == truth.type),
        ("zone", prediction.zone == truth.zone),
        ("onset", -ONSET_EARLY_S <= round(off_s, _DIGITS) <= ONSET_LATE_S),
        ("place", is_near(prediction.box, truth.box)),
    )
    differs = tuple(aspect for aspect, agrees in checks if not agrees)
    return Nearest(prediction, truth, differs, off_s, iou(prediction.box, truth.box))


def nearest_truth(prediction: Prediction, matching: Matching) -> Nearest | None:
    """The true incident of the clip that a prediction resembles most; None if nothing happens in the clip."""
    return _nearest([between(prediction, truth) for truth in matching.truths])


def nearest_prediction(truth: Truth, matching: Matching) -> Nearest | None:
    """The prediction of the clip that resembles a true incident most; None if nothing was predicted in the clip."""
    return _nearest([between(prediction, truth) for prediction in matching.predictions])


def _nearest(pairs: Sequence[Nearest]) -> Nearest | None:
    """What differs in the fewest aspects; then by onset, then by place, then the order of the input."""
    return min(pairs, key=lambda pair: (len(pair.differs), abs(pair.onset_off_s), -pair.iou), default=None)
