"""How good a tracker is: HOTA, IDF1 and MOTA, by TrackEval, from tracks in memory. Pure.

Sources: Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", IJCV 2021; for IDF1 Ristani et al.,
"Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking", 2016; for MOTA Bernardin and Stiefelhagen,
"Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", 2008. A box is found at an IoU of 0.5 for IDF1 and
MOTA; HOTA and its parts are means over 0.05, 0.1, … 0.95. Clips are pooled as TrackEval pools sequences: counts are summed up,
not rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from trackeval.metrics import CLEAR, HOTA, Identity

from evaluation.metrics.tracks import Tracks, sequence

_QUIET: Final = {"PRINT_CONFIG": False}


@dataclass(frozen=True)
class Clear:
    """Counts of CLEAR MOT over some clips.

    Attributes:
        found: true boxes that were predicted.
        misses: true boxes that were not.
        false_alarms: predicted boxes that are none.
        id_switches: how often a thing got another id than when it was last found.
    """

    found: int
    misses: int
    false_alarms: int
    id_switches: int

    @property
    def mota(self) -> float | None:
        """1 - (misses + false alarms + switches) / true boxes: at most 1, and without a floor; None without true boxes."""
        true = self.found + self.misses
        return (self.found - self.false_alarms - self.id_switches) / true if true else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall of the boxes; None if there are none at all."""
        boxes = 2 * self.found + self.misses + self.false_alarms
        return 2 * self.found / boxes if boxes else None


@dataclass(frozen=True)
class Tracking:
    """How good a tracker is on some clips; without a true box all but the counts are None.

    Attributes:
        hota: higher order tracking accuracy, 0 to 1: at each IoU the geometric mean of the next two.
        det_a: detection accuracy, 0 to 1: found of all true and predicted boxes.
        ass_a: association accuracy, 0 to 1: how far the ids of a thing and of its boxes agree over the clip.
        idf1: F1 of boxes with the right identity, each thing having one predicted id at most.
        mota: multiple object tracking accuracy, at most 1.
        clear: the counts that `mota` is made of.
    """

    hota: float | None
    det_a: float | None
    ass_a: float | None
    idf1: float | None
    mota: float | None
    clear: Clear


def tracking(clips: Sequence[tuple[Tracks, Tracks]]) -> Tracking:
    """Score tracks.

    Args:
        clips: true and predicted tracks of each clip; ids are of the clip alone.
    """
    sequences = [sequence(*clip) for clip in clips]
    counts = _clear(sequences, CLEAR(_QUIET | {"THRESHOLD": 0.5}))
    if not counts.found + counts.misses:
        return Tracking(None, None, None, None, None, counts)
    hota = _pooled(HOTA(), sequences)
    return Tracking(
        hota=float(np.mean(hota["HOTA"])),
        det_a=float(np.mean(hota["DetA"])),
        ass_a=float(np.mean(hota["AssA"])),
        idf1=float(_pooled(Identity(dict(_QUIET)), sequences)["IDF1"]),
        mota=counts.mota,
        clear=counts,
    )


def clear(clips: Sequence[tuple[Tracks, Tracks]], *, iou_min: float) -> Clear:
    """The counts of CLEAR MOT where a box is found at an IoU of at least `iou_min`."""
    return _clear([sequence(*clip) for clip in clips], CLEAR(_QUIET | {"THRESHOLD": iou_min}))


def _clear(sequences: Sequence[dict[str, Any]], metric: CLEAR) -> Clear:
    pooled = _pooled(metric, sequences)
    return Clear(*(int(pooled[key]) for key in ("CLR_TP", "CLR_FN", "CLR_FP", "IDSW")))


def _pooled(metric: Any, sequences: Sequence[dict[str, Any]]) -> dict[str, Any]:
    results = {str(place): metric.eval_sequence(one) for place, one in enumerate(sequences)}
    pooled: dict[str, Any] = metric.combine_sequences(results)
    return pooled
