"""How well the end of an incident is known: the car has driven off, the rubbish is gone. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evaluation.metrics.matching import Match


@dataclass(frozen=True)
class EndedErrors:
    """The ends of what was found. Every match is in exactly one of the four.

    Attributes:
        errors_s: predicted minus true end where both have one, in the order of the matches; negative is early.
        missed: over in truth, but still going on for the detector: nobody is told that it is over.
        invented: still going on in truth, but over for the detector: a case is closed too soon.
        agreed_open: still going on in both when the clip ended. They agree, and there are no seconds to compare.
    """

    errors_s: tuple[float, ...]
    missed: int
    invented: int
    agreed_open: int


def ended_errors(matches: Iterable[Match]) -> EndedErrors:
    """Compare the ends of predictions with those of the true incidents that they found."""
    errors_s: list[float] = []
    missed = invented = agreed_open = 0
    for pair in matches:
        predicted_s, true_s = pair.prediction.ended_s, pair.truth.end_s
        if predicted_s is not None and true_s is not None:
            errors_s.append(predicted_s - true_s)
        elif true_s is not None:
            missed += 1
        elif predicted_s is not None:
            invented += 1
        else:
            agreed_open += 1
    return EndedErrors(tuple(errors_s), missed, invented, agreed_open)
