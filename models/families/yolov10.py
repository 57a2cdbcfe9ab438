"""YOLOv10 and YOLO26, end to end; and every export of Ultralytics with NMS baked in (`nms=True`), which has their layout."""

from dataclasses import dataclass

import numpy as np

from models.families.family import Head, Layout, Outputs, Raw
from models.families.graph import Graph, fits, only_picture, refuse
from models.families.preparation import ULTRALYTICS
from models.letterbox import Letterbox

COLUMNS = 6
NORMALISED_MAX = 2.0  # boxes that all lie below this are no pixels: they would fill a corner of two by two


@dataclass(frozen=True, slots=True)
class YoloV10:
    """The family."""

    gives: str = "(N, boxes, 6), x1, y1, x2, y2, score, class"

    def layout(self, graph: Graph) -> Layout:
        """The only one there is; the RT-DETR of Ultralytics has its shape, but says so in its metadata."""
        only_picture("yolov10", graph)
        shape = graph.outputs[0].shape
        transformer = graph.metadata.get("head") == "RTDETRDecoder"
        if len(graph.outputs) != 1 or len(shape) != 3 or not fits(shape[2], COLUMNS) or transformer:  # noqa: PLR2004
            raise refuse("yolov10", graph, "(N, boxes, 6), of no transformer,")
        return Layout("end to end", graph.picture, ULTRALYTICS, YoloV10Head(graph.classes))


@dataclass(frozen=True, slots=True)
class YoloV10Head(Head):
    """Output `(boxes, 6)`: x1, y1, x2, y2 in pixels of the padded picture, score 0…1, index of the class; empty rows are 0."""

    classes: int

    def read(self, outputs: Outputs, plan: Letterbox, score_min: float) -> Raw:
        """Boxes that reach the score; the graph has suppressed overlaps, or never makes any."""
        del plan
        rows = outputs[0][outputs[0][:, 4] >= score_min]
        return Raw(rows[:, :4].astype(np.float32), rows[:, 5].astype(np.int64), rows[:, 4].astype(np.float32)).best()

    def doubt(self, outputs: Outputs, plan: Letterbox) -> str:
        """Classes that are none, or boxes from 0 to 1."""
        del plan
        rows = outputs[0][outputs[0][:, 4] > 0]
        problem = class_problem(rows[:, 5], self.classes)
        if not problem and len(rows) and np.abs(rows[:, :4]).max() <= NORMALISED_MAX:
            return "its boxes are no pixels"
        return problem


def class_problem(column: np.ndarray, classes: int) -> str:
    """What is wrong with a column of class indices; empty if nothing is."""
    if not np.array_equal(column, np.rint(column)):
        return "its last column holds no indices of classes"
    if len(column) and not (column.min() >= 0 and column.max() < classes):
        return f"it speaks of class {int(column.max())}, but the list of classes has {classes}"
    return ""
