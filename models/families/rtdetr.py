"""RT-DETR, RT-DETRv2 and D-FINE, as three projects export them: RGB 0…1, the frame stretched to the whole input, no NMS.

How the frame is scaled is each project's own: the authors and Transformers use Pillow's bilinear filter, which smooths when it
shrinks (`T.Resize` in their deployment scripts; `RTDetrImageProcessor`), Ultralytics uses OpenCV's, which doesn't
(`RTDETRPredictor`). None of them normalises.
"""

from dataclasses import dataclass

import numpy as np

from models.families.family import Head, Layout, Outputs, Raw
from models.families.graph import Graph, fits, only_picture, refuse
from models.families.preparation import Fit, Preparation
from models.families.queries import best_pairs, pixels
from models.families.yolov10 import COLUMNS, NORMALISED_MAX, class_problem
from models.letterbox import Letterbox

SMOOTH = Preparation(Fit.STRETCHED, antialias=True)
SHARP = Preparation(Fit.STRETCHED)
SIZES = "orig_target_sizes"
_EXPECTED = (
    "labels, boxes (N, queries, 4) and scores with the input orig_target_sizes, logits (N, queries, {0}) and pred_boxes "
    "(N, queries, 4), or (N, queries, 4 + {0}) or (N, queries, 6) of Ultralytics,"
)


@dataclass(frozen=True, slots=True)
class RtDetr:
    """The family."""

    gives: str = "labels, boxes, scores; or logits and pred_boxes; or the export of Ultralytics"

    def layout(self, graph: Graph) -> Layout:
        """That of the authors' export, of Transformers (Optimum), or of Ultralytics before or after it ranked by itself."""
        layout = _official(graph) or _transformers(graph) or _ultralytics(graph)
        if layout is None:
            raise refuse("rtdetr", graph, _EXPECTED.format(f"{graph.classes} classes"))
        return layout


def _official(graph: Graph) -> Layout | None:
    labels, boxes, scores = (graph.output(word) for word in ("labels", "boxes", "scores"))
    if labels is None or boxes is None or scores is None or len(graph.outputs) != 3:  # noqa: PLR2004
        return None
    sizes = [port for port in graph.inputs[1:] if port.name == SIZES]
    if len(graph.inputs) != 2 or not sizes:  # noqa: PLR2004 - the picture and its size
        return None
    head = RankedHead(labels, boxes, scores, graph.classes)
    return Layout("export of its authors", graph.picture, SMOOTH, head, sizes[0])


def _transformers(graph: Graph) -> Layout | None:
    logits, boxes = graph.output("logits"), graph.output("pred_boxes")
    if logits is None or boxes is None or len(graph.inputs) != 1:
        return None
    shapes = graph.outputs[logits].shape, graph.outputs[boxes].shape
    if any(len(shape) != 3 for shape in shapes):  # noqa: PLR2004
        return None
    if not fits(shapes[0][2], graph.classes) or not fits(shapes[1][2], 4):
        return None
    return Layout("export of Transformers", graph.picture, SMOOTH, PairsHead(boxes, logits))


def _ultralytics(graph: Graph) -> Layout | None:
    only_picture("rtdetr", graph)
    shape, head = graph.outputs[0].shape, graph.metadata.get("head")
    if len(graph.outputs) != 1 or len(shape) != 3 or head not in {None, "RTDETRDecoder"}:  # noqa: PLR2004
        return None
    name = "export of Ultralytics"
    # Versions that write the head into the metadata rank by themselves. With two classes both are six columns wide.
    if fits(shape[2], 4 + graph.classes) and not (head and fits(shape[2], COLUMNS)):
        return Layout(f"{name}, a score per class", graph.picture, SHARP, ScoresHead())
    if fits(shape[2], COLUMNS):
        return Layout(f"{name}, ranked", graph.picture, SHARP, RankedRowsHead(graph.classes))
    return None


@dataclass(frozen=True, slots=True)
class RankedHead(Head):
    """Outputs labels int64 `(Q,)`, boxes `(Q, 4)` in pixels of the size that the graph was told, scores `(Q,)` 0…1."""

    labels: int
    boxes: int
    scores: int
    classes: int

    def read(self, outputs: Outputs, plan: Letterbox, score_min: float) -> Raw:
        """Boxes that reach the score."""
        del plan  # the graph was told its own size
        scores = outputs[self.scores].astype(np.float32)
        kept = scores >= score_min
        boxes_px = outputs[self.boxes][kept].astype(np.float32)
        return Raw(boxes_px, outputs[self.labels][kept].astype(np.int64), scores[kept]).best()

    def doubt(self, outputs: Outputs, plan: Letterbox) -> str:
        """Classes that are none."""
        del plan
        return class_problem(outputs[self.labels], self.classes)


@dataclass(frozen=True, slots=True)
class PairsHead(Head):
    """Outputs boxes `(Q, 4)`, cx, cy, w, h, 0…1, and logits `(Q, classes)`."""

    boxes: int
    logits: int

    def read(self, outputs: Outputs, plan: Letterbox, score_min: float) -> Raw:
        """The best pairs of query and class."""
        return best_pairs(outputs[self.boxes], outputs[self.logits], plan, score_min)


@dataclass(frozen=True, slots=True)
class ScoresHead(Head):
    """Output `(Q, 4 + classes)`: cx, cy, w, h, 0…1, then a score 0…1 per class; each query has its best class alone."""

    def read(self, outputs: Outputs, plan: Letterbox, score_min: float) -> Raw:
        """Queries that reach the score."""
        best = outputs[0][:, 4:].max(axis=1)
        rows = outputs[0][best >= score_min]
        return Raw(pixels(rows[:, :4], plan), rows[:, 4:].argmax(axis=1), best[best >= score_min]).best()

    def doubt(self, outputs: Outputs, plan: Letterbox) -> str:
        """Pixels where there should be boxes from 0 to 1, or nothing at all."""
        del plan
        return _no_unit_boxes(outputs[0])


@dataclass(frozen=True, slots=True)
class RankedRowsHead(Head):
    """Output `(Q, 6)`: cx, cy, w, h, 0…1, score 0…1, index of the class."""

    classes: int

    def read(self, outputs: Outputs, plan: Letterbox, score_min: float) -> Raw:
        """Rows that reach the score."""
        rows = outputs[0][outputs[0][:, 4] >= score_min]
        return Raw(pixels(rows[:, :4], plan), rows[:, 5].astype(np.int64), rows[:, 4].astype(np.float32)).best()

    def doubt(self, outputs: Outputs, plan: Letterbox) -> str:
        """Pixels where there should be boxes from 0 to 1, or classes that are none."""
        del plan
        return _no_unit_boxes(outputs[0]) or class_problem(outputs[0][:, 5], self.classes)


def _no_unit_boxes(rows: np.ndarray) -> str:
    largest = np.abs(rows[:, :4]).max(initial=0)
    if largest > NORMALISED_MAX:
        return "its boxes do not lie in 0…1"
    return "" if largest > 0 else "it gives no boxes, and a transformer always does"
