"""YOLOv8, and what Ultralytics exports in the same layout (v5u, v9, 11, 12; v10 and 26 without their end-to-end head)."""

from dataclasses import dataclass

import numpy as np

from models.families.family import Head, Layout, Outputs, Raw, corners
from models.families.graph import Graph, cells, fits, only_picture, refuse
from models.families.preparation import ULTRALYTICS
from models.families.suppression import suppress
from models.letterbox import Letterbox

IOU_MAX = 0.7  # Ultralytics' own for prediction
GRIDS_PX = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))  # usual, for large pictures (p6), for small things (p2)


@dataclass(frozen=True, slots=True)
class YoloV8:
    """The family."""

    gives: str = "(N, 4 + classes, anchors)"

    def layout(self, graph: Graph) -> Layout:
        """The only one there is."""
        only_picture("yolov8", graph)
        shape = graph.outputs[0].shape
        if len(graph.outputs) != 1 or len(shape) != 3 or not fits(shape[1], 4 + graph.classes):  # noqa: PLR2004
            raise refuse("yolov8", graph, f"(N, 4 + {graph.classes} classes, anchors)")
        return Layout("one score per class, boxes decoded", graph.picture, ULTRALYTICS, YoloV8Head())


@dataclass(frozen=True, slots=True)
class YoloV8Head(Head):
    """Output `(4 + classes, anchors)`: cx, cy, w, h in pixels of the padded picture, then a score 0…1 per class."""

    iou_max: float = IOU_MAX

    def read(self, outputs: Outputs, plan: Letterbox, score_min: float) -> Raw:
        """Boxes whose best class reaches the score, each with that class alone."""
        del plan  # the graph decodes by itself
        output = outputs[0]
        best = output[4:].max(axis=0)
        kept = best >= score_min  # 5,040 anchors become a few dozen before anything else is done
        column = output[:, kept]
        return suppress(corners(column[:4].T), column[4:].argmax(axis=0), best[kept].astype(np.float32), self.iou_max)

    def doubt(self, outputs: Outputs, plan: Letterbox) -> str:
        """As many anchors as none of its grids has cells."""
        anchors = outputs[0].shape[1]
        counts = [cells(*plan.padded, strides) for strides in GRIDS_PX]
        return "" if anchors in counts else f"it has {anchors} anchors, and {' or '.join(map(str, counts))} are usual"
