"""Graphs with NMS inside that give four outputs, as TensorRT's EfficientNMS does and exports for ONNX Runtime imitate.

Fed as the YOLO models are that are exported so (YOLOv6 to YOLOv9 with `--end2end`): RGB 0…1 inside grey.
"""

from dataclasses import dataclass

import numpy as np

from models.families.family import Head, Layout, Outputs, Raw
from models.families.graph import Graph, fits, only_picture, refuse
from models.families.preparation import ULTRALYTICS
from models.families.yolov10 import class_problem
from models.letterbox import Letterbox

_OUTPUTS = 4


@dataclass(frozen=True, slots=True)
class Nms:
    """The family."""

    gives: str = "num_dets (N, 1), boxes (N, boxes, 4), scores and classes (N, boxes)"

    def layout(self, graph: Graph) -> Layout:
        """The only one there is; outputs are told apart by their names, which differ in front alone."""
        only_picture("nms", graph)
        expected = f"four outputs, {self.gives},"
        found = tuple(graph.output(*words) for words in (("num",), ("box",), ("score",), ("class", "label")))
        count, boxes, scores, classes = found
        if count is None or boxes is None or scores is None or classes is None or len(set(found)) != _OUTPUTS:
            raise refuse("nms", graph, expected)
        shape = graph.outputs[boxes].shape
        if len(graph.outputs) != _OUTPUTS or len(shape) != 3 or not fits(shape[2], 4):  # noqa: PLR2004
            raise refuse("nms", graph, expected)
        head = NmsHead(count, boxes, scores, classes, graph.classes)
        return Layout("NMS inside, four outputs", graph.picture, ULTRALYTICS, head)


@dataclass(frozen=True, slots=True)
class NmsHead(Head):
    """Outputs count `(1,)`, boxes `(K, 4)` x1, y1, x2, y2 in pixels of the padded picture, scores `(K,)`, classes `(K,)`."""

    count: int
    boxes: int
    scores: int
    classes: int
    known: int

    def read(self, outputs: Outputs, plan: Letterbox, score_min: float) -> Raw:
        """As many boxes as the graph counts, where they reach the score; what lies behind them is left over."""
        del plan
        count = self._count(outputs)
        scores = outputs[self.scores].reshape(-1)[:count].astype(np.float32)
        kept = scores >= score_min
        boxes_px = outputs[self.boxes][:count][kept].astype(np.float32)
        return Raw(boxes_px, outputs[self.classes].reshape(-1)[:count][kept].astype(np.int64), scores[kept]).best()

    def doubt(self, outputs: Outputs, plan: Letterbox) -> str:
        """Classes that are none."""
        del plan
        return class_problem(outputs[self.classes].reshape(-1)[: self._count(outputs)], self.known)

    def _count(self, outputs: Outputs) -> int:
        return int(outputs[self.count].reshape(-1)[0])
