"""YOLOX: BGR 0…255, top left in a square, boxes relative to a grid that is decoded here.

Ge et al. 2021, arXiv:2107.08430; layout of the ONNX files that its authors publish. Scaling and decoding as in `preproc` and
`demo_postprocess` of its repository; NMS within each class, as in its `postprocess` (the demo's runs over all classes at once).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.families.family import Head, Layout, Outputs, Raw, corners
from models.families.graph import Graph, fits, only_picture, refuse
from models.families.preparation import Fit, Preparation
from models.families.suppression import suppress
from models.letterbox import Letterbox

IOU_MAX = 0.45  # of the authors' own ONNX demo
STRIDES_PX = (8, 16, 32)
PREPARATION = Preparation(Fit.TOP_LEFT, bgr=True, full_px=255.0)


@dataclass(frozen=True, slots=True)
class YoloX:
    """The family."""

    gives: str = "(N, cells, 5 + classes), boxes relative to their cells"

    def layout(self, graph: Graph) -> Layout:
        """The only one there is: undecoded."""
        only_picture("yolox", graph)
        shape, cells = graph.outputs[0].shape, graph.cells(STRIDES_PX)
        right = len(graph.outputs) == 1 and len(shape) == 3 and fits(shape[2], 5 + graph.classes)  # noqa: PLR2004
        if not right or (cells is not None and not fits(shape[1], cells)):
            raise refuse("yolox", graph, f"(N, {cells or 'anchors'}, 5 + {graph.classes} classes)")
        return Layout("objectness, boxes relative to cells", graph.picture, PREPARATION, YoloXHead())


@dataclass(frozen=True, slots=True)
class YoloXHead(Head):
    """Output `(anchors, 5 + classes)`: offset x, y in cells, log w, log h, objectness 0…1, then a score 0…1 per class."""

    iou_max: float = IOU_MAX

    def read(self, outputs: Outputs, plan: Letterbox, score_min: float) -> Raw:
        """Boxes whose objectness times best class score reaches the score, each with that class alone."""
        output = outputs[0]
        best = output[:, 4] * output[:, 5:].max(axis=1)
        kept = best >= score_min
        cells, stride = (values[kept] for values in _grid(*plan.padded))
        row = output[kept]
        boxes_px = np.concatenate([(row[:, :2] + cells) * stride, np.exp(row[:, 2:4]) * stride], axis=1)
        return suppress(corners(boxes_px), row[:, 5:].argmax(axis=1), best[kept].astype(np.float32), self.iou_max)

    def doubt(self, outputs: Outputs, plan: Letterbox) -> str:
        """Boxes that lie on their cells already: exported with `--decode_in_inference`."""
        cells, stride = _grid(*plan.padded)
        given, centres_px = outputs[0][:, :2], (cells + 0.5) * stride
        decoded = np.abs(given - centres_px).mean() < np.abs(given).mean()
        return "its boxes are decoded already: export it without --decode_in_inference" if decoded else ""


@lru_cache(maxsize=8)  # one size per model in practice
def _grid(width_px: int, height_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cell of each anchor, x then y, `(A, 2)`, and its stride `(A, 1)`, in the order of the output."""
    cells, strides = [], []
    for stride in STRIDES_PX:
        y, x = np.mgrid[0 : height_px // stride, 0 : width_px // stride]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
