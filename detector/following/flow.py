"""Flow: the vehicles that only came by. Where they drive is a lane; where they never do, nobody waits for a light.

A glance every other second shows each of them once or twice. Over minutes that adds up to a picture of the street.
"""

import numpy as np
from numpy.typing import NDArray

from detector.zoning.geometry import Box

REMEMBERED = 400
"""Sightings at most: half an hour of a busy street."""
SAME_SPOT = 0.35
"""Boxes between two places that are one: sideways that is one lane, lengthways a third of a car."""
AREA_RATIO_MAX = 3.0
NEAR = 2.5
"""Boxes around a place in which enough must have come by before it means something that none did on the very spot."""
NEAR_MIN = 60
"""With two lanes, one of 14 glances at a vehicle near by shows it on the spot; that none of 60 does has a chance of 1 in 85."""


class Flow:
    """Remembers where vehicles drove before one camera. Pure: boxes and times come in."""

    def __init__(self) -> None:
        self._boxes: NDArray[np.float64] = np.zeros((REMEMBERED, 4))
        self._noted = 0

    def note(self, box: Box) -> None:
        """A vehicle was here and did not stay; the oldest is forgotten for it."""
        place = self._noted % REMEMBERED
        self._boxes[place] = box
        self._noted += 1

    def shift(self, dx: float, dy: float) -> None:
        """The camera was nudged: everything lies elsewhere in the picture, to the right and down."""
        self._boxes += (dx, dy, dx, dy)

    def beside_it_only(self, box: Box) -> bool:
        """True where plenty of vehicles drive close by, and none ever just here: at the kerb."""
        if self._noted < NEAR_MIN:
            return False
        off = self._offsets(box)
        return int((off <= NEAR).sum()) >= NEAR_MIN and not bool((off <= SAME_SPOT).any())

    def here(self, box: Box) -> int:
        """How many drove over a place, or waited on it for a moment."""
        return int((self._offsets(box) <= SAME_SPOT).sum())

    def _offsets(self, box: Box) -> NDArray[np.float64]:
        """How far from a place each came by, in its boxes: `(N,)`; without those of quite another size."""
        passed = self._boxes[: min(self._noted, REMEMBERED)]
        wide, high = box.right - box.left, box.bottom - box.top
        x, y = box.ground_contact
        sizes = (passed[:, 2] - passed[:, 0]) * (passed[:, 3] - passed[:, 1]) / max(box.area, 1e-9)
        like = (sizes >= 1 / AREA_RATIO_MAX) & (sizes <= AREA_RATIO_MAX)
        off_x, off_y = ((passed[:, 0] + passed[:, 2]) / 2 - x) / wide, (passed[:, 3] - y) / high
        offsets: NDArray[np.float64] = np.hypot(off_x, off_y)[like]
        return offsets
