"""What every detector family must say."""

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.letterbox import PAD_VALUE, Letterbox

DETECTIONS_MAX = 300  # Ultralytics' max_det; a street picture holds far fewer


@dataclass(frozen=True, slots=True)
class Raw:
    """Boxes in pixels of the padded picture: float32 `(N, 4)` x1, y1, x2, y2; classes int64 `(N,)`; scores float32 `(N,)`."""

    boxes_px: NDArray[np.float32]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]


class Family(Protocol):
    """Pre- and post-processing of one kind of detector."""

    def plan(self, width_px: int, height_px: int, input_px: int, *, fixed: bool) -> Letterbox:
        """How a frame of this size is fed; `fixed`: the graph takes one square size and no other."""

    def feed(self, image_rgb: NDArray[np.uint8], plan: Letterbox) -> NDArray[np.float32]:
        """The input `(1, 3, padded height, padded width)` of a picture of the size `plan.resized`."""

    def read(self, output: NDArray[np.float32], plan: Letterbox, score_min: float) -> Raw:
        """Boxes out of the raw output of one picture (no batch axis), overlaps suppressed, best first."""

    def check_output(self, shape: tuple[int | str | None, ...], classes: int) -> None:
        """Raises `ModelError` when an output of this shape is not this family's with so many classes."""


def blob(image: NDArray[np.uint8], plan: Letterbox, scale: float) -> NDArray[np.float32]:
    """Planes of a picture inside grey, in one pass over the pixels.

    Args:
        image: uint8 `(height, width, 3)` of the size `plan.resized`.
        plan: where it goes.
        scale: factor for every value, the grey too.

    Returns:
        float32 `(1, 3, padded height, padded width)`, channels in the order of the image.
    """
    (width, height), (left, top) = plan.resized, plan.offset
    planes = np.full((1, 3, plan.padded[1], plan.padded[0]), PAD_VALUE * scale, np.float32)
    inside = planes[0, :, top : top + height, left : left + width]
    for plane, target in zip(cv2.split(image), inside, strict=True):
        np.multiply(plane, np.float32(scale), out=target)
    return planes


def suppress(
    boxes_px: NDArray[np.float32], classes: NDArray[np.int64], scores: NDArray[np.float32], iou_max: float
) -> Raw:
    """Non-maximum suppression within each class.

    Args:
        boxes_px: float32 `(N, 4)`, x1, y1, x2, y2.
        classes: int64 `(N,)`.
        scores: float32 `(N,)`.
        iou_max: of two boxes of one class that overlap more than this the better stays.

    Returns:
        What is left, best first, at most `DETECTIONS_MAX`.
    """
    if not len(scores):
        return Raw(boxes_px, classes, scores)
    # Arrays go in as they are; its stubs ask for sequences. It takes x, y, w, h, and keeps the classes apart.
    xywh: Any = np.concatenate([boxes_px[:, :2], boxes_px[:, 2:] - boxes_px[:, :2]], axis=1)
    weights: Any = scores
    kinds: Any = classes.astype(np.int32)
    kept = np.asarray(cv2.dnn.NMSBoxesBatched(xywh, weights, kinds, 0.0, iou_max), np.int64).reshape(-1)
    kept = kept[np.argsort(-scores[kept], kind="stable")][:DETECTIONS_MAX]
    return Raw(boxes_px[kept], classes[kept], scores[kept])


def refuse_output(family: str, shape: tuple[int | str | None, ...], expected: str) -> ModelError:
    """The error for an output that is not this family's."""
    sizes = ", ".join(str(size) for size in shape)
    return ModelError(f"{family}: output of shape ({sizes}) where {expected} is expected")
