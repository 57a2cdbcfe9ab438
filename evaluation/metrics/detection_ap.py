"""Average precision of a detector over pictures whose boxes are known: COCO's AP. Pure.

The sum is done once in this project, by `models.quantising.agreement` (faster-coco-eval; 101 recall points, boxes of all sizes,
up to 300 detections a picture); there the truth is what another model saw, here it is what people drew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.errors import EvaluationError
from models.detections import Detections
from models.errors import ModelError
from models.quantising.agreement import agreement


@dataclass(frozen=True)
class ClassAP:
    """One class: its name, its boxes in truth, its average precision at IoU 0.5, and mean over 0.5, 0.55, … 0.95."""

    name: str
    boxes: int
    ap50: float
    ap50_95: float


@dataclass(frozen=True)
class DetectionAP:
    """How good a detector is.

    Attributes:
        pictures: how many were looked at.
        boxes: how many are true.
        ap50: average precision at IoU 0.5, mean over the classes of the truth, 0 to 1; None if there is no true box.
        ap50_95: the same, mean over IoU 0.5, 0.55, … 0.95.
        classes: those of the truth, in the order in which the model names them.
    """

    pictures: int
    boxes: int
    ap50: float | None
    ap50_95: float | None
    classes: tuple[ClassAP, ...]


def true_boxes(boxes_px: Sequence[Sequence[float]], classes: Sequence[str], names: Sequence[str]) -> Detections:
    """The truth of one picture.

    Args:
        boxes_px: N boxes x1, y1, x2, y2 in pixels of the picture, origin top left.
        classes: N names of classes.
        names: all classes that the model knows.

    Raises:
        EvaluationError: the two are not as many, a class is none of `names`, or a box is empty.
    """
    if len(boxes_px) != len(classes):
        raise EvaluationError(f"truth: {len(boxes_px)} boxes, but {len(classes)} classes")
    for x1, y1, x2, y2 in boxes_px:
        if x1 >= x2 or y1 >= y2:
            raise EvaluationError(f"truth: box {x1:g}, {y1:g}, {x2:g}, {y2:g} is empty: allowed is x1 < x2 and y1 < y2")
    index = {name: place for place, name in enumerate(names)}
    unknown = [name for name in classes if name not in index]
    if unknown:
        raise EvaluationError(f"truth: class {unknown[0]} is none that the model knows: {', '.join(names)}")
    return Detections(
        np.array(boxes_px, np.float32).reshape(-1, 4),
        np.array([index[name] for name in classes], np.int64),
        np.ones(len(classes), np.float32),
        tuple(names),
    )


def detection_ap(truth: Sequence[Detections], seen: Sequence[Detections]) -> DetectionAP:
    """Score what a detector saw.

    Args:
        truth: of each picture, its boxes (`true_boxes`); each counts whatever its score.
        seen: in the same pictures, in the same order, of the same classes. Give all that was found, down to a floor of about
            0.001, as COCO's rules have it: weak detections count, too.

    Raises:
        EvaluationError: the pictures are not as many, or the classes are others.
    """
    if len(truth) != len(seen):
        raise EvaluationError(f"detection AP: truth of {len(truth)} pictures, detections of {len(seen)}")
    indices = np.unique(np.concatenate([np.empty(0, np.int64), *(one.classes for one in truth)]))
    try:
        classes = tuple(_class_ap(truth, seen, index) for index in indices)
    except ModelError as error:
        raise EvaluationError(str(error)) from error
    return DetectionAP(
        pictures=len(truth),
        boxes=sum(map(len, truth)),
        ap50=float(np.mean([one.ap50 for one in classes])) if classes else None,
        ap50_95=float(np.mean([one.ap50_95 for one in classes])) if classes else None,
        classes=classes,
    )


def _class_ap(truth: Sequence[Detections], seen: Sequence[Detections], index: np.int64) -> ClassAP:
    """Of one class alone, where the mean over classes is its own."""
    only = [[found.select(found.classes == index) for found in group] for group in (truth, seen)]
    result = agreement(*only, score_min=0.0)
    return ClassAP(truth[0].names[index], result.boxes, result.ap50, result.ap50_95)
