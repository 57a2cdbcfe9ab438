"""YOLOv5 as its own repository exports it (and YOLOv7 without its end-to-end option): objectness, three anchors a cell.

The newer `yolov5nu` of Ultralytics has the layout of YOLOv8.
"""

from dataclasses import dataclass

import numpy as np

from models.families.family import Head, Layout, Outputs, Raw, corners
from models.families.graph import Graph, fits, only_picture, refuse
from models.families.preparation import ULTRALYTICS
from models.families.suppression import suppress
from models.letterbox import Letterbox

IOU_MAX = 0.45  # of its own detect.py
ANCHORS = 3
GRIDS_PX = ((8, 16, 32), (8, 16, 32, 64))  # the second of the models for 1280 px


@dataclass(frozen=True, slots=True)
class YoloV5:
    """The family."""

    gives: str = "(N, 3 x cells, 5 + classes), boxes decoded"

    def layout(self, graph: Graph) -> Layout:
        """The decoded boxes; old exports give the three undecoded grids, `(N, 3, H, W, 5 + classes)`, besides."""
        only_picture("yolov5", graph)
        decoded = [index for index, port in enumerate(graph.outputs) if len(port.shape) == 3]  # noqa: PLR2004
        grids = [port for port in graph.outputs if len(port.shape) == 5]  # noqa: PLR2004
        counts = {cells * ANCHORS for strides in GRIDS_PX if (cells := graph.cells(strides)) is not None}
        expected = f"(N, {' or '.join(map(str, sorted(counts))) or 'anchors'}, 5 + {graph.classes} classes)"
        if len(decoded) != 1 or len(decoded) + len(grids) != len(graph.outputs):
            raise refuse("yolov5", graph, expected)
        _, anchors, columns = graph.outputs[decoded[0]].shape
        if not fits(columns, 5 + graph.classes) or (counts and not fits(anchors, *counts)):
            raise refuse("yolov5", graph, expected)
        return Layout("objectness, boxes decoded", graph.picture, ULTRALYTICS, YoloV5Head(decoded[0]))


@dataclass(frozen=True, slots=True)
class YoloV5Head(Head):
    """Output `(anchors, 5 + classes)`: cx, cy, w, h in pixels of the padded picture, objectness, a score 0…1 per class."""

    output: int = 0
    iou_max: float = IOU_MAX

    def read(self, outputs: Outputs, plan: Letterbox, score_min: float) -> Raw:
        """Boxes whose objectness times best class score reaches the score, each with that class alone."""
        del plan  # the graph decodes by itself
        rows = outputs[self.output]
        rows = rows[rows[:, 4] >= score_min]  # a product can't reach it where its first factor doesn't
        scores = (rows[:, 4:5] * rows[:, 5:]).astype(np.float32)
        best = scores.max(axis=1, initial=0)
        kept = best >= score_min
        return suppress(corners(rows[kept]), scores[kept].argmax(axis=1), best[kept], self.iou_max)
