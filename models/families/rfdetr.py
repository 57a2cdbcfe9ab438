"""RF-DETR: RGB normalised as ImageNet, stretched to the whole square, no NMS.

Preparation and ranking as in `RFDETR.predict` and `decode_detections` of its package: bilinear without smoothing, the best
pairs of query and class. That package scales floats, which no frame that was scaled beforehand can be: values here are rounded
to whole steps of 255 first.
"""

from dataclasses import dataclass

import numpy as np

from models.families.family import Head, Layout, Outputs, Raw
from models.families.graph import Graph, fits, only_picture, refuse
from models.families.preparation import Fit, Preparation
from models.families.queries import best_pairs
from models.letterbox import Letterbox

PREPARATION = Preparation(Fit.STRETCHED, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

COCO_SLOTS = 91
"""The published weights have a slot for each category id of COCO up to 90; ten of these ids, and 0, name nothing."""
_UNUSED_IDS = {0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83}  # of the annotations of COCO 2017
COCO_IDS = tuple(sorted(set(range(COCO_SLOTS)) - _UNUSED_IDS))


@dataclass(frozen=True, slots=True)
class RfDetr:
    """The family."""

    gives: str = "dets (N, queries, 4) and labels (N, queries, classes + 1, or 91 for COCO)"

    def layout(self, graph: Graph) -> Layout:
        """A slot per class and one for no object behind them; or the 91 slots of COCO's ids for 80 classes.

        Its own export names the outputs `dets` and `labels`; conversions of Transformers, `pred_boxes` and `logits`.
        """
        only_picture("rfdetr", graph)
        boxes, logits = graph.output("dets", "pred_boxes"), graph.output("labels", "logits")
        slots = {graph.classes + 1} | ({COCO_SLOTS} if graph.classes == len(COCO_IDS) else set())
        expected = f"dets (N, queries, 4) and labels (N, queries, {' or '.join(map(str, sorted(slots)))})"
        if boxes is None or logits is None or len(graph.outputs) != 2:  # noqa: PLR2004
            raise refuse("rfdetr", graph, expected)
        shapes = graph.outputs[boxes].shape, graph.outputs[logits].shape
        if any(len(shape) != 3 for shape in shapes) or not fits(shapes[0][2], 4) or not fits(shapes[1][2], *slots):  # noqa: PLR2004
            raise refuse("rfdetr", graph, expected)
        own = graph.outputs[boxes].name == "dets"
        head = RfDetrHead(boxes, logits, graph.classes, own)
        return Layout("own export" if own else "export of Transformers", graph.picture, PREPARATION, head)


@dataclass(frozen=True, slots=True)
class RfDetrHead(Head):
    """Outputs boxes `(Q, 4)`, cx, cy, w, h, 0…1, and logits `(Q, slots)`; slots that name no class are left out."""

    boxes: int
    logits: int
    classes: int
    own: bool = True

    def read(self, outputs: Outputs, plan: Letterbox, score_min: float) -> Raw:
        """The best pairs of query and class."""
        logits = outputs[self.logits]
        coco = logits.shape[1] == COCO_SLOTS and self.classes == len(COCO_IDS)
        named = logits[:, np.array(COCO_IDS)] if coco else logits[:, : self.classes]
        return best_pairs(outputs[self.boxes], named, plan, score_min)

    def doubt(self, outputs: Outputs, plan: Letterbox) -> str:
        """Outputs whose names and shapes are those of DETR as well, which is fed and read otherwise."""
        del outputs, plan
        return "" if self.own else "a DETR, which is another family, gives the same"
