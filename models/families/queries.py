"""What detection transformers have in common: a set of queries, each with a box from 0 to 1 and a logit per class."""

import math

import numpy as np
from numpy.typing import NDArray

from models.families.family import DETECTIONS_MAX, Raw, corners
from models.letterbox import Letterbox

_EXP_MAX = 80.0  # exp of more leaves float32


def pixels(boxes: NDArray[np.float32], plan: Letterbox) -> NDArray[np.float32]:
    """Boxes `(N, 4)` of centre x, y, width, height, 0…1, as x1, y1, x2, y2 in pixels of the padded picture."""
    return corners(boxes) * np.array(plan.padded * 2, np.float32)


def best_pairs(boxes: NDArray[np.float32], logits: NDArray[np.float32], plan: Letterbox, score_min: float) -> Raw:
    """The best pairs of a query and a class, as DETR's successors score them: a sigmoid each, no NMS.

    A query that reaches the score with two classes gives two boxes. At most as many pairs as queries are kept, and at most
    `DETECTIONS_MAX`: `post_process_object_detection` of Transformers and `PostProcess` of RT-DETR and RF-DETR.

    Args:
        boxes: float32 `(Q, 4)`, centre x, y, width, height, 0…1.
        logits: float32 `(Q, classes)`.
        plan: the picture.
        score_min: 0…1.
    """
    query, kind = np.nonzero(logits >= logit(score_min))
    chosen = np.minimum(_EXP_MAX, -logits[query, kind])
    scores = (1 / (1 + np.exp(chosen))).astype(np.float32)
    return Raw(pixels(boxes[query], plan), kind.astype(np.int64), scores).best(min(len(boxes), DETECTIONS_MAX))


def logit(score: float) -> float:
    """The logit whose sigmoid is this score.

    Examples:
        >>> logit(0.5), logit(0.0), logit(1.0)
        (0.0, -inf, inf)
    """
    if score <= 0:
        return -math.inf
    return math.inf if score >= 1 else math.log(score / (1 - score))
