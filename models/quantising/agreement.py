"""How well a detector's boxes agree with another's: average precision with the reference's own detections as truth."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import supervision
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from models.detections import Detections
from models.errors import ModelError
from models.families.family import DETECTIONS_MAX

TRUTH_SCORE_MIN = 0.25  # Ultralytics' floor for what it shows: of weaker boxes the reference is not sure itself
IOU_MIN = 0.5  # two boxes of a class that overlap so much are the same thing (PASCAL VOC; COCO's AP50)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """One class: its name, its boxes in the truth, and average precision at IoU 0.5."""

    name: str
    boxes: int
    ap50: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well detections agree with those of a reference.

    Attributes:
        frames: that were looked at.
        boxes: of the truth.
        score_min: floor of the truth, 0…1.
        ap50: average precision at IoU 0.5, mean over the classes of the truth, 0…1.
        ap50_95: the same, mean over IoU 0.5, 0.55, … 0.95.
        score_difference: mean absolute difference of the scores of boxes that are the same thing; None if there are none.
        missed: boxes of the truth that are not there at `score_min`.
        extra: boxes there at `score_min` that the truth does not have.
        classes: those of the truth, worst first.
    """

    frames: int
    boxes: int
    score_min: float
    ap50: float
    ap50_95: float
    score_difference: float | None
    missed: int
    extra: int
    classes: tuple[ClassAgreement, ...]


def agreement(
    reference: Sequence[Detections], seen: Sequence[Detections], *, score_min: float = TRUTH_SCORE_MIN
) -> Agreement:
    """Compare what two detectors saw in the same frames.

    Average precision is COCO's (101 recall points, boxes of all sizes), by `faster-coco-eval`. As in COCO weaker detections
    count too: give all that was found, from a floor well below `score_min`.

    Args:
        reference: of each frame; its boxes at `score_min` or better are the truth.
        seen: of the same frames, in the same order.
        score_min: 0…1.

    Returns:
        The figures.

    Raises:
        ModelError: the frames are not as many, the classes are others, or the truth is empty.
    """
    if len(reference) != len(seen):
        raise ModelError(f"agreement: {len(reference)} frames of the reference, {len(seen)} of the other")
    truth = [found.select(found.scores >= score_min) for found in reference]
    boxes = sum(map(len, truth))
    if not boxes:
        raise ModelError(f"agreement: the reference has no box of score {score_min} or better in {len(truth)} frames")
    names = truth[0].names
    if any(found.names != names for found in (*truth, *seen)):
        raise ModelError("agreement: the two know other classes")
    counts = np.bincount(np.concatenate([found.classes for found in truth]), minlength=len(names))
    precision = _average_precision(truth, seen, names)
    classes = [
        ClassAgreement(names[index], int(counts[index]), float(precision[0, index])) for index in np.flatnonzero(counts)
    ]
    pairs = np.concatenate([_pairs(one, other) for one, other in zip(truth, seen, strict=True)])
    found = int((pairs[:, 1] >= score_min).sum())
    return Agreement(
        frames=len(truth),
        boxes=boxes,
        score_min=score_min,
        ap50=float(precision[0, counts > 0].mean()),
        ap50_95=float(precision[:, counts > 0].mean()),
        score_difference=float(np.abs(pairs[:, 0] - pairs[:, 1]).mean()) if len(pairs) else None,
        missed=boxes - found,
        extra=sum(int((other.scores >= score_min).sum()) for other in seen) - found,
        classes=tuple(sorted(classes, key=lambda one: (one.ap50, one.name))),
    )


def _average_precision(
    truth: Sequence[Detections], seen: Sequence[Detections], names: Sequence[str]
) -> NDArray[np.float64]:
    """Average precision float64 `(10, classes)`: at IoU 0.5, 0.55, … 0.95, of each class; -1 where the truth has none."""
    gold = COCO(
        {
            "images": [{"id": image} for image in range(len(truth))],
            "categories": [{"id": index, "name": name} for index, name in enumerate(names)],
            "annotations": [box | {"id": number, "iscrowd": 0} for number, box in enumerate(_boxes(truth), start=1)],
        }
    )
    evaluation = COCOeval_faster(gold, gold.loadRes(list(_boxes(seen))), "bbox", print_function=_log.debug)
    evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, np.inf]], ["all"]
    evaluation.params.maxDets = [DETECTIONS_MAX]  # COCO's own 100 would cut a crowd
    evaluation.evaluate()
    evaluation.accumulate()
    precision = np.asarray(evaluation.eval["precision"], np.float64)  # IoU, recall, class, area, most detections
    return np.asarray(precision[:, :, :, 0, 0].mean(axis=1), np.float64)


def _boxes(frames: Sequence[Detections]) -> Iterator[dict[str, Any]]:
    """Boxes as COCO writes them; the index of a frame is its id."""
    for image, found in enumerate(frames):
        columns = found.boxes_px.tolist(), found.classes.tolist(), found.scores.tolist()
        for (x1, y1, x2, y2), category, score in zip(*columns, strict=True):
            width, height = x2 - x1, y2 - y1
            yield {
                "image_id": image,
                "category_id": category,
                "bbox": [x1, y1, width, height],
                "area": width * height,
                "score": score,
            }


def _pairs(truth: Detections, seen: Detections) -> NDArray[np.float64]:
    """Boxes of one picture that are the same thing, paired for the largest overlap: their scores, float64 `(P, 2)`."""
    overlap = np.asarray(supervision.box_iou_batch(truth.boxes_px, seen.boxes_px), np.float64)
    overlap[(truth.classes[:, None] != seen.classes[None]) | (overlap < IOU_MIN)] = 0
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    same = overlap[rows, columns] > 0
    return np.stack([truth.scores[rows[same]], seen.scores[columns[same]]], axis=1).astype(np.float64)
