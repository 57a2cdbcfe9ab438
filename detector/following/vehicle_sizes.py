"""How large vehicles are, where in the picture: what is as large and came by itself may be one that the detector misses."""

from collections import deque
from statistics import median

from detector.watching.looks import Look
from detector.zoning.geometry import Box

EVERY_S = 1.9
"""A patrol look; a vehicle that stands is one that is seen often, but no more often than that."""
REMEMBERED = 400
ROW_BAND = 0.12
"""Vehicles whose wheels are so little higher or lower in the picture are as far away."""
SEEN_MIN = 5
SURE = 0.4
"""Of fainter ones the outlines are rough, and some are none."""
LIKE = (0.5, 2.0)
"""Parts of a usual vehicle's area: a sofa covers a quarter of a car, a heap of sacks a third; a van covers nearly two."""


class VehicleSizes:
    """Remembers the vehicles that one camera has shown. Pure: pictures and times come in."""

    def __init__(self) -> None:
        self._seen: deque[Box] = deque(maxlen=REMEMBERED)
        self._noted_s: float | None = None

    def note(self, look: Look) -> None:
        """Takes a look."""
        if self._noted_s is None or look.time_s - self._noted_s >= EVERY_S or look.time_s < self._noted_s:
            self._noted_s = look.time_s
            self._seen.extend(it.box for it in look.of("vehicle") if it.score >= SURE)

    def is_like(self, box: Box) -> bool:
        """True for what is as large as vehicles are at this place, as far as some have been seen there."""
        near = [it.area for it in self._seen if abs(it.bottom - box.bottom) <= ROW_BAND]
        return len(near) >= SEEN_MIN and LIKE[0] <= box.area / median(near) <= LIKE[1]
