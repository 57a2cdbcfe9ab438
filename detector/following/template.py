"""What a place looks like: a small grey patch that is compared over time."""

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.zoning.geometry import Box

SIDE_PX = 24
"""Patches are resampled to this square: fine enough to tell a car from the road, coarse enough to forgive a pixel of shake."""
FLAT = 2.0
"""Standard deviation of luma (of 255) under which a patch has nothing in it but noise and resembles nothing."""

LOOKS_SAME = 0.8
"""Similarity from which a place shows what it showed before. Measured on real footage: a parked car keeps 0.96 and more, 0.7
while somebody walks in front of it; of pairs of different cars on one spot, seen from above, nine in ten stay below 0.84."""
DETAIL_CELLS = 1.5
"""Details are what differs from its surroundings within this distance: a lamp, a beam or a shadow edge is wider."""
DETAIL_EVEN = 0.25
"""Of the usual contrast, added to a cell's own: what is smooth is mostly noise, and must not be blown up."""
DETAILS_SAME = 0.7
"""Likeness in details from which it is the same under another light. A lamp that doubles or trebles the light on one side of a
parked car leaves 0.65 to 0.98 (and 0.5 to 0.9 of the plain similarity); different cars of one lane have 0.2 at the median and
0.58 at most in 99 of 100, empty ground up to 0.4."""

SHAKE_PX = 2.0
"""How far a pole that sways moves a place in the small grey picture (640 wide): a tenth of a distant car."""

Patch = NDArray[np.float32]


def patch_at(luma: NDArray[np.uint8], box: Box) -> Patch:
    """Cuts a box out of a grey picture and normalises it: `(24, 24)` float32, mean 0, norm 1; all 0 where it is flat."""
    left, top, right, bottom = _edges_px(luma, box)
    cut = luma[top:bottom, left:right]
    patch = cv2.resize(cut, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    patch -= patch.mean()
    if patch.std() < FLAT:
        return np.zeros_like(patch)
    return patch / np.linalg.norm(patch)


def similarity(a: Patch, b: Patch) -> float:
    """Zero-mean normalised cross-correlation, -1 to 1: blind to brightness and contrast, so to most changes of light."""
    return float(np.vdot(a, b))


def likeness(template: Patch, luma: NDArray[np.uint8], box: Box) -> float:
    """How much a place looks like a template, -1 to 1: the best similarity within `SHAKE_PX` of the place.

    Args:
        template: What the place looked like.
        luma: `(height, width)` uint8, a grey picture of the whole frame.
        box: The place, in fractions of the frame.
    """
    around = _around(luma, box)
    return _best(around, template) if template.any() and not _flat(around) else 0.0


def details_alike(template: Patch, luma: NDArray[np.uint8], box: Box) -> float:
    """The same of details alone, each cell by its own contrast: blind to a light that falls on a part of the place; -1 to 1."""
    around = _around(luma, box)
    return _best(_details(around), _details(template)) if template.any() and not _flat(around) else 0.0


def shows(template: Patch, luma: NDArray[np.uint8], box: Box) -> bool:
    """True when a place shows what it showed before, be it in another light."""
    return likeness(template, luma, box) >= LOOKS_SAME or details_alike(template, luma, box) >= DETAILS_SAME


def _best(around: Patch, template: Patch) -> float:
    scores = cv2.matchTemplate(around, template, cv2.TM_CCOEFF_NORMED)
    cv2.patchNaNs(scores, 0.0)
    return min(1.0, max(-1.0, cv2.minMaxLoc(scores)[1]))


def _flat(around: Patch) -> bool:
    """True when the middle of it, the place itself, has nothing in it but noise."""
    rows, columns = around.shape
    top, left = (rows - SIDE_PX) // 2, (columns - SIDE_PX) // 2
    _, deviation = cv2.meanStdDev(around[top : top + SIDE_PX, left : left + SIDE_PX])
    return float(deviation[0, 0]) < FLAT


def _details(patch: Patch) -> Patch:
    """What differs from its surroundings, by the contrast around it."""
    fine = patch - cv2.GaussianBlur(patch, (0, 0), DETAIL_CELLS)
    contrast = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), DETAIL_CELLS))
    return np.asarray(fine / (contrast + DETAIL_EVEN * contrast.mean() + 1e-9), np.float32)


def _edges_px(luma: NDArray[np.uint8], box: Box) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a box, within the picture and at least 2 pixels apart."""
    height, width = luma.shape
    left, top = min(max(round(box.left * width), 0), width - 2), min(max(round(box.top * height), 0), height - 2)
    right, bottom = min(round(box.right * width), width), min(round(box.bottom * height), height)
    return left, top, max(right, left + 2), max(bottom, top + 2)


def _around(luma: NDArray[np.uint8], box: Box) -> Patch:
    """A place and `SHAKE_PX` around it, in the cells of a template of it."""
    left, top, right, bottom = _edges_px(luma, box)
    wide_px, high_px = right - left, bottom - top
    # The margin is a whole number of cells, so that the template fits the resampled surroundings cell by cell.
    cells_x, cells_y = round(SHAKE_PX * SIDE_PX / wide_px), round(SHAKE_PX * SIDE_PX / high_px)
    margin_x, margin_y = round(wide_px * cells_x / SIDE_PX), round(high_px * cells_y / SIDE_PX)
    size = (SIDE_PX + 2 * cells_x, SIDE_PX + 2 * cells_y)
    height, width = luma.shape
    left, top, right, bottom = left - margin_x, top - margin_y, right + margin_x, bottom + margin_y
    cut = luma[max(top, 0) : bottom, max(left, 0) : right]
    outside = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    if any(outside):
        # Beyond the edge of the picture its last pixels go on.
        cut = np.asarray(cv2.copyMakeBorder(cut, *outside, cv2.BORDER_REPLICATE), np.uint8)
    around: Patch = cv2.resize(cut, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return around
