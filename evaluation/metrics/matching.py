"""Which prediction is which true incident, within one clip. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from detector.zoning.geometry import Box, iou

ONSET_EARLY_S: Final = 5.0
ONSET_LATE_S: Final = 10.0
"""A prediction counts from 5 s before to 10 s after the true onset, as in the illegal-waste contest IWDD."""
_DIGITS: Final = 6  # below a microsecond two times are the same: 0.1 + 0.2 is 0.3


@dataclass(frozen=True)
class Truth:
    """A true incident. `onset_s` is None if it had begun before the clip; `alarm_s` is when an ideal system raises it."""

    type: str
    zone: str
    onset_s: float | None
    alarm_s: float
    box: Box
    end_s: float | None = None
    """When it was over; None if it still went on when the clip ended."""


@dataclass(frozen=True)
class Prediction:
    """A confirmed incident as the detector reports it; times are seconds of media time."""

    id: str
    type: str
    zone: str
    onset_s: float | None
    confirmed_s: float
    box: Box
    score: float = 1.0
    """How sure the detector is, 0 to 1."""
    ended_s: float | None = None
    """When it was over; None if it still went on when the clip ended."""


@dataclass(frozen=True)
class Match:
    """A prediction and the true incident that it found."""

    prediction: Prediction
    truth: Truth

    @property
    def onset_error_s(self) -> float:
        """Predicted minus true onset; no onset counts as 0, the start of the clip."""
        return onset_error_s(self.prediction, self.truth)

    @property
    def delay_s(self) -> float:
        """How long after the ideal moment the alarm came; negative if it came before."""
        return self.prediction.confirmed_s - self.truth.alarm_s

    @property
    def iou(self) -> float:
        """Intersection over union of the two boxes."""
        return iou(self.prediction.box, self.truth.box)


@dataclass(frozen=True)
class Matching:
    """All of one clip: what was found, what was raised for nothing, what was missed. Each in the order of the input."""

    matches: tuple[Match, ...]
    false_alarms: tuple[Prediction, ...]
    misses: tuple[Truth, ...]

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """All that was predicted: what was found, then what is a false alarm."""
        return tuple(pair.prediction for pair in self.matches) + self.false_alarms

    @property
    def truths(self) -> tuple[Truth, ...]:
        """All that is true: what was found, then what was missed."""
        return tuple(pair.truth for pair in self.matches) + self.misses

    @property
    def everything(self) -> tuple[Prediction | Truth, ...]:
        """All that was predicted and all that is true."""
        return (*self.predictions, *self.truths)


def onset_error_s(prediction: Prediction, truth: Truth) -> float:
    """Predicted minus true onset; None counts as 0."""
    return (prediction.onset_s or 0.0) - (truth.onset_s or 0.0)


def is_near(prediction: Box, truth: Box) -> bool:
    """Whether the centre of the predicted box lies in the true one grown by half its width and height on each side."""
    half_width, half_height = (truth.right - truth.left) / 2, (truth.bottom - truth.top) / 2
    x, y = prediction.center
    return round(truth.left - half_width - x, _DIGITS) <= 0 <= round(truth.right + half_width - x, _DIGITS) and round(
        truth.top - half_height - y, _DIGITS
    ) <= 0 <= round(truth.bottom + half_height - y, _DIGITS)


def may_match(prediction: Prediction, truth: Truth) -> bool:
    """Whether the prediction can be this incident at all: type, zone, onset and place."""
    error_s = round(onset_error_s(prediction, truth), _DIGITS)
    return (
        (prediction.type, prediction.zone) == (truth.type, truth.zone)
        and -ONSET_EARLY_S <= error_s <= ONSET_LATE_S
        and is_near(prediction.box, truth.box)
    )


def match(predictions: Sequence[Prediction], truths: Sequence[Truth]) -> Matching:
    """Pair predictions with true incidents one to one: nearest onset first, then best IoU, then the order of the input.

    What is left over is a false alarm or a miss, so a vehicle that was reported twice costs a false alarm.
    """
    pairs = [
        (abs(round(onset_error_s(prediction, truth), _DIGITS)), -round(iou(prediction.box, truth.box), _DIGITS), t, p)
        for t, truth in enumerate(truths)
        for p, prediction in enumerate(predictions)
        if may_match(prediction, truth)
    ]
    found: dict[int, int] = {}
    for _, _, t, p in sorted(pairs):
        if t not in found and p not in found.values():
            found[t] = p
    taken = set(found.values())
    return Matching(
        tuple(Match(predictions[p], truths[t]) for t, p in sorted(found.items())),
        tuple(prediction for p, prediction in enumerate(predictions) if p not in taken),
        tuple(truth for t, truth in enumerate(truths) if t not in found),
    )
