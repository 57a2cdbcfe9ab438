"""A part of a picture looked at closely: what is small in the whole is large enough there."""

import numpy as np
from numpy.typing import NDArray

from models.detections import Detections
from models.detector import SCORE_MIN, Detector

Part = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of a picture; right and bottom are the first beyond it."""


def detect_part(
    detector: Detector, image_rgb: NDArray[np.uint8], part: Part, *, score_min: float = SCORE_MIN
) -> Detections:
    """Looks at a part of a picture as if it were a picture of its own.

    Args:
        detector: Scales the part to what it takes.
        image_rgb: uint8 `(height, width, 3)`, red first.
        part: Within the picture.
        score_min: boxes below are dropped, 0…1.

    Returns:
        Boxes in pixels of the whole picture, best first.

    Raises:
        ModelError: the part is empty.
    """
    left, top, right, bottom = part
    shown = np.ascontiguousarray(image_rgb[top:bottom, left:right])
    found = detector.detect(shown, detector.plan(shown.shape[1], shown.shape[0]), score_min=score_min)
    moved = found.boxes_px + np.array([left, top, left, top], np.float32)
    return Detections(moved, found.classes, found.scores, found.names)
