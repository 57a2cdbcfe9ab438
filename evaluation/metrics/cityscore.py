"""0.85 · F1 + 0.15 · MOTA, the score of the city-governance contest 大运河杯. Pure.

Both are over boxes of the pictures, each of a thing with an id: a box is found where it overlaps a true one by an IoU of *more*
than 0.5. F1 and MOTA come from the same CLEAR MOT matching (TrackEval's), so the two never disagree on what was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evaluation.metrics.tracking import clear
from evaluation.metrics.tracks import Tracks

F1_WEIGHT: Final = 0.85
MOTA_WEIGHT: Final = 0.15
"""The contest's."""
IOU_OVER: Final = 0.5 + 1e-9  # TrackEval asks for "at least"; this leaves out a half, and whatever rounding makes of it


@dataclass(frozen=True)
class CityScore:
    """The score and what it is made of: `score` is at most 1, and negative where MOTA is very much so."""

    score: float
    f1: float
    mota: float


def cityscore(clips: Sequence[tuple[Tracks, Tracks]]) -> CityScore | None:
    """Score tracks; None without a true box, where MOTA is undefined.

    Args:
        clips: true and predicted tracks of each clip; ids are of the clip alone. Counts are summed up over the clips.
    """
    counts = clear(clips, iou_min=IOU_OVER)
    if counts.f1 is None or counts.mota is None:
        return None
    return CityScore(F1_WEIGHT * counts.f1 + MOTA_WEIGHT * counts.mota, counts.f1, counts.mota)
