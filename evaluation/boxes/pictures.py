"""A detector over pictures whose boxes are known, in a file of COCO's form."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from tqdm import tqdm

from evaluation.datasets.formats.coco import CocoFile
from evaluation.datasets.formats.layout import load_json
from evaluation.errors import EvaluationError
from evaluation.metrics.detection_ap import DetectionAP, detection_ap, true_boxes
from models.detections import Detections
from models.detector import Detector

log = logging.getLogger(__name__)

SCORE_MIN = 0.001
"""COCO's rules let weak detections count, too."""

_Boxes = list[tuple[list[float], str]]


def score_pictures(truth: Path, folder: Path, detector: Detector) -> tuple[DetectionAP, dict[str, int]]:
    """Average precision of a detector on the pictures that a truth file lists.

    Args:
        truth: COCO JSON; categories go by their names.
        folder: where the pictures lie.
        detector: looks at each once.

    Returns:
        The figures, and what of the truth was left out, by cause.

    Raises:
        EvaluationError: the file is not COCO, a picture is missing, or none of its categories is known to the model.
    """
    file = load_json(truth, TypeAdapter(CocoFile))
    left_out = Counter[str]()
    boxes = _boxes(file, set(detector.names), left_out)
    if not any(boxes.values()):
        raise EvaluationError(
            f"{truth}: holds no box of a class that {detector.name} knows: {', '.join(detector.names)}"
        )
    known: list[Detections] = []
    seen: list[Detections] = []
    for image in _shown(file.images):
        picture = _picture(folder / image.file_name)
        known.append(_true(boxes[image.id], detector.names))
        seen.append(detector.detect(picture, detector.plan(picture.shape[1], picture.shape[0]), score_min=SCORE_MIN))
    return detection_ap(known, seen), dict(left_out)


def _boxes(file: CocoFile, names: set[str], left_out: Counter[str]) -> dict[int, _Boxes]:
    categories = {category.id: category.name for category in file.categories}
    boxes: dict[int, _Boxes] = {image.id: [] for image in file.images}
    for annotation in file.annotations:
        name = categories.get(annotation.category_id, str(annotation.category_id))
        left, top, width, height = annotation.bbox
        if annotation.image_id not in boxes:
            left_out["annotation of a picture that is not listed"] += 1
        elif annotation.iscrowd:
            left_out["annotation of a crowd"] += 1
        elif width <= 0 or height <= 0:
            left_out["annotation whose box is empty"] += 1
        elif name not in names:
            left_out[f"class that the model does not know: {name}"] += 1
        else:
            boxes[annotation.image_id].append(([left, top, left + width, top + height], name))
    return boxes


def _true(boxes: _Boxes, names: Sequence[str]) -> Detections:
    return true_boxes([box for box, _ in boxes], [name for _, name in boxes], names)


def _shown(images: Sequence[Any]) -> Iterable[Any]:
    shown: Iterable[Any] = tqdm(images, unit="picture", disable=None)
    return shown


def _picture(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path)) if path.is_file() else None
    if picture is None:
        raise EvaluationError(f"{path}: is no picture that can be read")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
