"""Making a part of a picture unrecognisable so that nothing can bring it back: what is left is the mean of large blocks."""

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.zoning.geometry import Box

Method = Literal["pixelate", "blur", "fill"]
METHODS: tuple[Method, ...] = ("pixelate", "blur", "fill")

BLOCKS = 4
"""Along the shorter side of a box: a face, a third of a person's width, is one block or two. A plate has four in all."""
BLOCK_MIN_PX = 8
GREY = 128


def made_unrecognisable(image_rgb: NDArray[np.uint8], boxes: Sequence[Box], method: Method) -> NDArray[np.uint8]:
    """A copy with these parts made unrecognisable.

    `pixelate` and `blur` keep the same few means, as squares or run into each other: a Gaussian blur of the pixels
    themselves could be undone. `fill` keeps nothing.

    Args:
        image_rgb: `(height, width, 3)` uint8.
        boxes: In fractions of the frame.
        method: How.

    Returns:
        RGB `(height, width, 3)` uint8 of the same size.
    """
    done = image_rgb.copy()
    height, width = image_rgb.shape[:2]
    for box in boxes:
        left, top = int(box.left * width), int(box.top * height)
        right, bottom = min(width, int(np.ceil(box.right * width))), min(height, int(np.ceil(box.bottom * height)))
        if right > left and bottom > top:
            done[top:bottom, left:right] = _covered(done[top:bottom, left:right], method)
    return done


def _covered(part: NDArray[np.uint8], method: Method) -> NDArray[np.uint8]:
    height, width = part.shape[:2]
    if method == "fill":
        return np.full_like(part, GREY)
    block_px = max(BLOCK_MIN_PX, round(min(height, width) / BLOCKS))
    size = max(1, round(width / block_px)), max(1, round(height / block_px))
    means = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    how = cv2.INTER_NEAREST if method == "pixelate" else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(means, (width, height), interpolation=how), np.uint8)
