"""YOLOX: BGR 0…255, top left in a square, boxes relative to a grid that is decoded here.

Ge et al. 2021, arXiv:2107.08430; layout of the ONNX files that its authors publish.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.families.family import Raw, blob, refuse_output, suppress
from models.letterbox import Letterbox

IOU_MAX = 0.45  # of the authors' own ONNX demo
STRIDES_PX = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class YoloX:
    """Output `(anchors, 5 + classes)`: offset x, y in cells, log w, log h, objectness 0…1, then a score 0…1 per class."""

    iou_max: float = IOU_MAX

    def plan(self, width_px: int, height_px: int, input_px: int, *, fixed: bool) -> Letterbox:
        """Top left in the square, whether the graph takes other sizes or not: so the family was trained."""
        del fixed
        return Letterbox.plan_top_left(width_px, height_px, input_px=input_px)

    def feed(self, image_rgb: NDArray[np.uint8], plan: Letterbox) -> NDArray[np.float32]:
        """The input `(1, 3, H, W)`, BGR 0…255, of a picture of the size `plan.resized`."""
        planes = blob(image_rgb, plan, 1.0)
        return planes[:, ::-1]

    def read(self, output: NDArray[np.float32], plan: Letterbox, score_min: float) -> Raw:
        """Boxes whose objectness times best class score reaches the score, each with that class alone."""
        best = output[:, 4] * output[:, 5:].max(axis=1)
        kept = best >= score_min
        cells, stride = (values[kept] for values in _grid(*plan.padded))
        row = output[kept]
        centre, half = (row[:, :2] + cells) * stride, np.exp(row[:, 2:4]) * stride / 2
        boxes_px = np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
        return suppress(boxes_px, row[:, 5:].argmax(axis=1), best[kept], self.iou_max)

    def check_output(self, shape: tuple[int | str | None, ...], classes: int) -> None:
        """Raise unless the output is `(N, anchors, 5 + classes)`."""
        if len(shape) != 3 or (isinstance(shape[2], int) and shape[2] != 5 + classes):  # noqa: PLR2004
            raise refuse_output("yolox", shape, f"(N, anchors, 5 + {classes} classes)")


@lru_cache(maxsize=8)  # one size per model in practice
def _grid(width_px: int, height_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cell of each anchor, x then y, `(A, 2)`, and its stride `(A, 1)`, in the order of the output."""
    cells, strides = [], []
    for stride in STRIDES_PX:
        y, x = np.mgrid[0 : height_px // stride, 0 : width_px // stride]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
