"""Non-maximum suppression within each class."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.families.family import Raw


def suppress(
    boxes_px: NDArray[np.float32], classes: NDArray[np.int64], scores: NDArray[np.float32], iou_max: float
) -> Raw:
    """Of boxes of one class that overlap, the best stays; boxes without an area go.

    Gives what torchvision's `batched_nms` gives, class by class: greedy, equal scores in the order of the input, an overlap of
    exactly `iou_max` is none. Ultralytics moves the classes apart by 7680 px, so that they mix in larger pictures.

    Args:
        boxes_px: float32 `(N, 4)`, x1, y1, x2, y2.
        classes: int64 `(N,)`.
        scores: float32 `(N,)`, above 0.
        iou_max: of two boxes that overlap more than this the better stays.

    Returns:
        What is left, best first, at most `DETECTIONS_MAX`.
    """
    raw = Raw(boxes_px, classes, scores).with_area()  # OpenCV would take two without for one
    if not len(raw.scores):
        return raw
    # OpenCV keeps the classes apart by the largest coordinate, which holds for boxes that begin at 0; in double precision, so
    # that no class is too far out.
    shifted = raw.boxes_px.astype(np.float64) - min(0.0, float(raw.boxes_px.min()))
    # Arrays go in as they are; its stubs ask for sequences. It takes x, y, w, h.
    xywh: Any = np.concatenate([shifted[:, :2], shifted[:, 2:] - shifted[:, :2]], axis=1)
    weights: Any = raw.scores
    kinds: Any = raw.classes.astype(np.int32)
    kept = np.asarray(cv2.dnn.NMSBoxesBatched(xywh, weights, kinds, 0.0, iou_max), np.int64).reshape(-1)
    return raw.select(np.sort(kept)).best()  # sorted, so that equal scores stay in the order of the input
