"""Predictions, truths and scored clips in few words, for tests of metrics."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from detector.zoning.geometry import Box
from evaluation.metrics.matching import Matching, Prediction, Truth, match
from evaluation.metrics.scoring import ClipScore

BOX = Box(0.4, 0.4, 0.6, 0.5)
_numbers = itertools.count()


def truth(
    onset_s: float | None,
    *,
    end_s: float | None = None,
    kind: str = "illegal_parking",
    zone: str = "kerb",
    box: Box = BOX,
) -> Truth:
    """A true incident; the alarm is due 30 s after its onset."""
    return Truth(kind, zone, onset_s, (onset_s or 0.0) + 30, box, end_s)


def alarm(
    onset_s: float | None,
    *,
    late_s: float = 0.0,
    score: float = 1.0,
    ended_s: float | None = None,
    kind: str = "illegal_parking",
    zone: str = "kerb",
    box: Box = BOX,
) -> Prediction:
    """A prediction, raised `late_s` after 30 s from its onset."""
    confirmed_s = (onset_s or 0.0) + 30 + late_s
    return Prediction(f"p{next(_numbers)}", kind, zone, onset_s, confirmed_s, box, score, ended_s)


def clip(
    predictions: Sequence[Prediction] = (),
    truths: Sequence[Truth] = (),
    *,
    camera: str = "a",
    media_s: float = 600.0,
    name: str | None = None,
) -> ClipScore:
    return ClipScore(name or f"clip-{next(_numbers)}", camera, "ok", media_s, match(predictions, truths))


def table(found: int, false_alarms: int, misses: int) -> Matching:
    """So many of each, far enough apart that nothing else can match."""
    times_s = [100.0 * place for place in range(found + false_alarms + misses)]
    return match(
        [alarm(time_s) for time_s in times_s[: found + false_alarms]],
        [truth(time_s) for time_s in times_s[:found] + times_s[found + false_alarms :]],
    )
