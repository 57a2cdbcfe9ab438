"""One thing seen in two parts of a picture that overlap is told once."""

import numpy as np
from numpy.typing import NDArray

from models.detections import Detections

SAME_IOU = 0.5
"""Boxes of one class from two tiles that overlap more are one thing, whose pixels were looked at twice."""
PART_IOS = 0.7
"""A cut box of which more lies in a box of the same class from another tile is a part of that thing."""


def without_doubles(seen: Detections, tile: NDArray[np.int64], cut: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Which boxes of one picture stay when those that other tiles show better are left out.

    Whole things go before cut ones, then the better score before the worse. Boxes of one tile never drop each other: the
    detector's own suppression has been there. Two cut parts of a thing that overlap little both stay, marked as they are.

    Args:
        seen: all boxes of the picture, from all its tiles.
        tile: int64 `(N,)`, which tile each comes from.
        cut: bool `(N,)`, whether its tile's edge cut it.

    Returns:
        int64 indices of those that stay, best score first.
    """
    kept: list[int] = []
    for index in np.lexsort((-seen.scores, cut)):
        others = [k for k in kept if tile[k] != tile[index] and seen.classes[k] == seen.classes[index]]
        if not _shown(seen.boxes_px[index], seen.boxes_px[others], cut=bool(cut[index])):
            kept.append(int(index))
    return np.array(sorted(kept, key=lambda k: -seen.scores[k]), np.int64)


def _shown(box: NDArray[np.float32], others: NDArray[np.float32], *, cut: bool) -> bool:
    """True when one of the others shows the same thing; `cut`: or the thing that this is a part of."""
    shared = np.clip(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0, None).prod(axis=1)
    area, areas = (box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(axis=1)
    same = shared > SAME_IOU * (area + areas - shared)
    part = shared > PART_IOS * area
    return bool((same | part if cut else same).any())
