"""What a place looks like: a small grey patch that is compared over time."""

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.geometry import Box

SIDE_PX = 24
"""Patches are resampled to this square: fine enough to tell a car from the road, coarse enough to forgive a pixel of shake."""
FLAT = 2.0
"""Standard deviation of luma (of 255) under which a patch has nothing in it but noise and resembles nothing."""

SHAKE_PX = 2.0
"""How far a pole that sways moves a place in the small grey picture (640 wide): a tenth of a distant car."""

Patch = NDArray[np.float32]


def patch_at(luma: NDArray[np.uint8], box: Box) -> Patch:
    """Cuts a box out of a grey picture and normalises it: `(24, 24)` float32, mean 0, norm 1; all 0 where it is flat."""
    height, width = luma.shape
    left, right = round(box.left * width), round(box.right * width)
    top, bottom = round(box.top * height), round(box.bottom * height)
    left, top = min(max(left, 0), width - 2), min(max(top, 0), height - 2)
    cut = luma[top : max(bottom, top + 2), left : max(right, left + 2)]
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
    if not template.any() or not patch_at(luma, box).any():
        return 0.0
    height, width = luma.shape
    wide_px, high_px = (box.right - box.left) * width, (box.bottom - box.top) * height
    # The margin is a whole number of cells, so that the template fits the resampled surroundings cell by cell.
    cells_x, cells_y = round(SHAKE_PX * SIDE_PX / max(1.0, wide_px)), round(SHAKE_PX * SIDE_PX / max(1.0, high_px))
    if not (cells_x or cells_y):
        return similarity(template, patch_at(luma, box))
    margin_x, margin_y = round(wide_px * cells_x / SIDE_PX), round(high_px * cells_y / SIDE_PX)
    # Beyond the edge of the picture its last pixels go on.
    framed = cv2.copyMakeBorder(luma, margin_y, margin_y, margin_x, margin_x, cv2.BORDER_REPLICATE)
    left, top = round(box.left * width), round(box.top * height)
    right, bottom = round(box.right * width) + 2 * margin_x, round(box.bottom * height) + 2 * margin_y
    size = (SIDE_PX + 2 * cells_x, SIDE_PX + 2 * cells_y)
    around = cv2.resize(framed[top:bottom, left:right], size, interpolation=cv2.INTER_AREA).astype(np.float32)
    scores = cv2.matchTemplate(around, template, cv2.TM_CCOEFF_NORMED)
    return float(np.clip(np.nan_to_num(scores), -1.0, 1.0).max())
