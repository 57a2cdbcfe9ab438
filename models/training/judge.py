"""Judges the graph that will be installed: how good it is on val, and that it says what the trained model says."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.detections import Detections
from models.detector import Detector
from models.errors import ModelError
from models.letterbox import Letterbox
from models.quantising.agreement import Agreement, agreement
from models.runtime.session import open_session
from models.training.dataset import Sample

SCORE_MIN = 0.001  # the floor that mAP is customarily measured from: weaker boxes move it no more
PARITY_PICTURES = 8  # each holds thousands of anchors, every one of which is compared
# As tests/models/test_reference.py: float32 kernels round differently, scores in 0…1, boxes in pixels, over all anchors.
_SCORE_DIFFERENCE_MAX = 1e-4
_BOX_DIFFERENCE_MAX_PX = 2e-2


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest differences between the graph and the trained model, over all anchors of some pictures.

    Attributes:
        pictures: compared.
        score: largest difference of a score, 0…1.
        box_px: largest difference of a coordinate.
    """

    pictures: int
    score: float
    box_px: float


def judge(detector: Detector, val: Sequence[Sample]) -> Agreement:
    """How well a detector finds what val is labelled with: average precision as COCO defines it.

    Args:
        detector: of the graph that will be installed.
        val: samples, at least one with a box.

    Returns:
        The figures, with the labels as the truth.
    """
    truth, seen = [], []
    for sample in val:
        scores = np.ones(len(sample.classes), np.float32)
        truth.append(Detections(sample.boxes_px, sample.classes, scores, detector.names))
        image = read_rgb(sample.picture)
        plan = detector.plan(image.shape[1], image.shape[0])
        seen.append(detector.detect(image, plan, score_min=SCORE_MIN))
    return agreement(truth, seen)


def compare(checkpoint: Path, graph: Path, samples: Sequence[Sample], input_px: int) -> Parity:
    """Show the same pictures to the trained model and to the graph that was made of it. `load_offline` has been called.

    Args:
        checkpoint: of the trained model, written by this run.
        graph: made of it.
        samples: of which the first few are shown.
        input_px: side of the square that pictures are scaled into.

    Raises:
        ModelError: they differ by more than two float32 runs of one model do.
    """
    import torch  # noqa: PLC0415 - the extra `train`
    from ultralytics.nn.tasks import load_checkpoint  # noqa: PLC0415

    model, _ = load_checkpoint(str(checkpoint))
    session = open_session(graph, provider="cpu")
    score, box_px = 0.0, 0.0
    shown = samples[:PARITY_PICTURES]
    for sample in shown:
        planes = _planes(read_rgb(sample.picture), input_px)
        with torch.inference_mode():
            theirs = _decoded(model(torch.from_numpy(planes)))
        ours = session.run({session.inputs[0].name: planes})[0]
        score = max(score, float(np.abs(ours[:, 4:] - theirs[:, 4:]).max()))
        box_px = max(box_px, float(np.abs(ours[:, :4] - theirs[:, :4]).max()))
    if score > _SCORE_DIFFERENCE_MAX or box_px > _BOX_DIFFERENCE_MAX_PX:
        raise ModelError(
            f"{graph}: differs from the trained model by {score:.1e} in scores and {box_px:.1e} px in boxes; at most "
            f"{_SCORE_DIFFERENCE_MAX:.0e} and {_BOX_DIFFERENCE_MAX_PX:.0e} px are allowed"
        )
    return Parity(len(shown), score, box_px)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """A picture file as uint8 `(height, width, 3)`, red first, as it is shown (EXIF orientation applied).

    Raises:
        ModelError: it cannot be read.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ModelError(f"{path}: cannot be read as a picture")
    return np.ascontiguousarray(picture[:, :, ::-1]).astype(np.uint8, copy=False)


def _planes(image: NDArray[np.uint8], input_px: int) -> NDArray[np.float32]:
    """The picture in the least rectangle of whole strides, float32 `(1, 3, height, width)`, 0…1."""
    padded = Letterbox.plan(image.shape[1], image.shape[0], input_px=input_px).apply(image)
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None] / np.float32(255), np.float32)


def _decoded(output: Any) -> NDArray[np.float32]:
    """The decoded output `(1, 4 + classes, anchors)`: a model in evaluation gives it first, the raw maps after it."""
    first = output[0] if isinstance(output, list | tuple) else output
    return np.asarray(first.numpy(), np.float32)
