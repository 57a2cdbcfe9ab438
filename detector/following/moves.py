"""What stood close by before: a chair or a bin that somebody has moved was not dumped."""

from dataclasses import dataclass

import cv2
import numpy as np

from detector.following.cells import Plane, Reach
from detector.following.ground import Ground

MOVED_SIZES = 4.0
"""What was there before is sought this many times its size around."""
MOVED_LIKE = 0.75
"""Likeness from which it is the same thing a little further on; two bundles of one sort reach 0.6."""
REMEMBERED_S = 30.0
"""What has left is remembered this long: nobody takes longer to put a bin elsewhere."""
PLAIN = 4.0
"""Standard deviation, in steps of brightness, under which there is nothing to recognise."""
LEFT_SHARE = 0.3
"""Part of the old place that must have changed: what still stands there has not been moved."""
MARGIN = 3
"""Cells around what has left: its outline as a change is rough."""


@dataclass(frozen=True, slots=True, eq=False)
class _Left:
    time_s: float
    reach: Reach
    looked: Plane


class Moves:
    """Remembers what has left the ground of one camera's zones lately. Pure."""

    def __init__(self) -> None:
        self._left: list[_Left] = []

    def left(self, ground: Ground, reach: Reach, now_s: float) -> None:
        """Something has left a place: the reference still shows it, for the last time."""
        reach = reach.grown(MARGIN, ground.now.shape)
        self._left = [it for it in self._left if now_s - it.time_s <= REMEMBERED_S]
        self._left.append(_Left(now_s, reach, reach.of(ground.layers.reference).copy()))

    def brought(self, ground: Ground, reach: Reach, now_s: float) -> bool:
        """True for a thing that stood close by before: there it shows no more."""
        patch: Plane = np.ascontiguousarray(reach.of(ground.now))
        if float(patch.std()) < PLAIN:
            return False
        span = round(MOVED_SIZES * max(reach.wide, reach.high))
        field = reach.grown(span, ground.now.shape)
        for it in self._left:
            close = field.with_(it.reach) == field
            if close and now_s - it.time_s <= REMEMBERED_S and _found(it.looked, patch)[0] >= MOVED_LIKE:
                return True
        alike, x, y = _found(np.ascontiguousarray(field.of(ground.layers.reference)), patch)
        there = Reach(field.left + x, field.top + y, field.left + x + reach.wide, field.top + y + reach.high)
        changed = np.count_nonzero(there.of(ground.changed)) / patch.size
        return bool(alike >= MOVED_LIKE and changed >= LEFT_SHARE)


def _found(field: Plane, patch: Plane) -> tuple[float, int, int]:
    """Where a patch is found best in a larger plane, and how well, -1 to 1."""
    high, wide = patch.shape
    if field.shape[0] < high or field.shape[1] < wide:
        return -1.0, 0, 0
    scores = np.nan_to_num(cv2.matchTemplate(field, patch, cv2.TM_CCOEFF_NORMED))
    y, x = np.unravel_index(int(scores.argmax()), scores.shape)
    return float(np.clip(scores[y, x], -1.0, 1.0)), int(x), int(y)
