"""The change gate: does a zone look different from when it was last analysed, or is a re-check due?

It may only save work. A street changes in light far more often than in content, so what is compared is structure: how a
spot differs from its surroundings, in units of contrast. Exposure, dusk, and the soft edge of a headlight's beam leave
that alone; a thing on the ground does not, because where it meets the ground there is an edge.

The picture is compared with the one at the *last analysis*, not with the one before, so that what creeps adds up.
"""

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

PLANE_PX = 160
"""Longer side of the plane that is compared: a cell is 4 x 4 pixels of what a detector at 640 sees, so the least that it can
find, about 12 x 8 of those, still covers 3 x 2 cells, and sensor noise is averaged away."""
HALVED_FROM_PX = 2 * PLANE_PX + 1
"""Larger pictures are brought to twice the plane's size before they become floating-point numbers."""
SMOOTH_CELLS = 3
"""Cells are averaged over this square: a rain streak is one cell wide, a bicycle is three."""
SURROUNDINGS_CELLS = 11
"""A spot is compared with the mean of this square around it: narrower than a headlight's beam on the road, wider than a
distant car. What is larger shows at its edges."""
MARGIN_CELLS = 3
"""A region is grown by this much. What stands in a zone touches the ground in it, but at the zone's far edge nearly all of it
is above the zone; its lowest 3 cells are inside then, and the detector's box may end a little below the wheels."""
DARK_LUMA = 16.0
"""Added to luma before its logarithm: in the dark, noise would otherwise weigh more than a car."""
CONTRAST_MIN = 0.06
"""Change of contrast (logarithm: 0.06 is 6 %) from which a zone looks different. Quiet zones of fixed cameras reach 0.02 (95 %
of samples), noise of 5 levels 0.045. The weakest arrival on real footage has 0.27; the weakest vehicle that YOLOv8n still finds
when it is faded into the ground, 0.076 (236 composites, by day and at a quarter of the light)."""
CONTRAST_SURE = 0.15
"""The most that noise may raise the limit to: half of the weakest real arrival."""
NOISES = 8.0
"""The limit in noisy pictures, as a multiple of their own noise: white noise stays under 5, a codec's has heavier tails."""
NORMAL_MAD = 1.4826
"""Standard deviation of normal noise over its median absolute deviation."""
RECHECK_S = 10.0
"""At the latest after this long, a picture is analysed whatever it looks like: what the gate missed is still in the packet
ring, with its pre-roll. Every fifth sample, so a quiet street costs a fifth of the detector's time."""

Corners = Sequence[tuple[float, float]]
"""A polygon: x then y, in fractions of the frame."""

Plane = NDArray[np.float32]


class ChangeGate:
    """Says of each picture of one camera whether it needs analysis. Pure: pictures and times come in.

    What stands in a zone reaches out of it, but touches the ground in it (`MARGIN_CELLS`), so an arrival or a departure always
    changes the zone itself: the regions are the zones' own polygons, and traffic beyond them opens nothing.

    Args:
        regions: Polygons in fractions of the frame. With none, only a re-check opens the gate.
        recheck_s: Longest time between two analysed pictures, in seconds of media time.

    Raises:
        ValueError: `recheck_s` is not positive.
    """

    def __init__(self, regions: Sequence[Corners], recheck_s: float = RECHECK_S) -> None:
        if recheck_s <= 0:
            raise ValueError(f"recheck_s {recheck_s:g}: allowed is more than 0; a gate that is always open is no gate")
        self.recheck_s = recheck_s
        self._regions = tuple(regions)
        self._region = np.zeros((0, 0), np.bool_)
        self._reference: Plane | None = None
        self._newest: tuple[NDArray[np.uint8], Plane] | None = None
        self._analysed_s = 0.0

    def due(self, time_s: float) -> bool:
        """True when a picture at `time_s` of media time must be analysed whatever it shows."""
        return self._reference is None or time_s - self._analysed_s >= self.recheck_s

    def changed(self, luma: NDArray[np.uint8]) -> bool:
        """True when a region looks different from when it was last analysed; also when the picture has another shape.

        Args:
            luma: `(height, width)` uint8, a grey picture of the whole frame of any size.
        """
        plane = self._plane_of(luma)
        if self._reference is None or self._reference.shape != plane.shape:
            return True
        if not self._region.any():
            return False
        difference = np.abs(_contrast_change(self._reference, plane))
        noise = NORMAL_MAD * _median(difference)
        limit = min(max(CONTRAST_MIN, NOISES * noise), CONTRAST_SURE)
        return bool((difference * self._region).max() > limit)

    def analysed(self, time_s: float, luma: NDArray[np.uint8]) -> None:
        """Remembers the picture that has been analysed: what comes is compared with it.

        Args:
            time_s: Its media time.
            luma: As for `changed`.
        """
        plane = self._plane_of(luma)
        self._newest = None
        if self._region.shape != plane.shape:
            self._region = _region(self._regions, plane.shape)
        self._reference, self._analysed_s = plane, time_s

    def _plane_of(self, luma: NDArray[np.uint8]) -> Plane:
        """Most pictures that have changed are analysed next: each is looked at once."""
        if self._newest is None or self._newest[0] is not luma:
            self._newest = luma, _plane(luma)
        return self._newest[1]


def _plane(luma: NDArray[np.uint8]) -> Plane:
    """The picture in cells: float32, as whole levels are too coarse for the dark."""
    height, width = luma.shape
    scale = PLANE_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if max(height, width) >= HALVED_FROM_PX:
        # Whole levels at twice the size are a quarter of a level in a cell, at a quarter of the cost.
        luma = cast("NDArray[np.uint8]", cv2.resize(luma, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_AREA))
    cells = cv2.resize(luma.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(cells, (SMOOTH_CELLS, SMOOTH_CELLS)), np.float32)


def _contrast_change(before: Plane, now: Plane) -> Plane:
    """How the contrast of each cell with its surroundings has changed, as a difference of logarithms."""
    gain = _median((now + 1) / (before + 1))
    # The darker one is brightened, and clipped as the brighter one was: the other way round nobody knows what was clipped.
    if gain >= 1:
        before = np.minimum(before * gain, 255)
    else:
        now = np.minimum(now / gain, 255)
    ratio = cv2.log((now + DARK_LUMA) / (before + DARK_LUMA))
    return np.asarray(ratio - cv2.blur(ratio, (SURROUNDINGS_CELLS, SURROUNDINGS_CELLS)), np.float32)


def _median(plane: Plane) -> float:
    """Of every second cell in each direction: neighbours are smoothed into each other anyway."""
    return float(np.median(plane[::2, ::2]))


def _region(regions: Sequence[Corners], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The cells that belong to any region, with the margin."""
    mask = np.zeros(shape, np.uint8)
    for corners in regions:
        cells = np.round(np.array(corners) * (shape[1] - 1, shape[0] - 1)).astype(np.int32)
        cv2.fillPoly(mask, [cells], 1)
    side = 2 * MARGIN_CELLS + 1
    return np.asarray(cv2.dilate(mask, np.ones((side, side), np.uint8)) > 0)
