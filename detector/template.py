"""What a place looks like: a small grey patch that is compared over time."""

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.geometry import Box

SIDE_PX = 24
"""Patches are resampled to this square: fine enough to tell a car from the road, coarse enough to forgive a pixel of shake."""
FLAT = 2.0
"""Standard deviation of luma (of 255) under which a patch has nothing in it but noise and resembles nothing."""

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
