import numpy as np
import pytest

from models.detections import Detections
from models.errors import ModelError
from models.families.suppression import suppress

NAMES = ("person", "car", "truck")


def three() -> Detections:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 5, 5], [2, 2, 8, 8]], np.float32)
    return Detections(boxes, np.array([1, 0, 2]), np.array([0.9, 0.8, 0.3], np.float32), NAMES)


def test_selecting() -> None:
    seen = three()
    assert len(seen.select(seen.scores > 0.5)) == 2
    assert seen.select(np.array([2])).classes.tolist() == [2]
    assert seen.of_role("vehicle", {"car": "vehicle", "truck": "vehicle"}).classes.tolist() == [1, 2]
    assert len(seen.of_role("goods", {"car": "vehicle"})) == 0
    assert len(Detections.none(NAMES).of_role("vehicle", {"car": "vehicle"})) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes_px": np.zeros((3, 5), np.float32)}, "boxes_px must be float32"),
        ({"boxes_px": np.zeros((3, 4), np.float64)}, "boxes_px must be float32"),
        ({"classes": np.zeros(2, np.int64)}, "classes must be int64"),
        ({"scores": np.zeros((3, 1), np.float32)}, "scores must be float32"),
        ({"classes": np.array([0, 1, 3])}, "classes must lie in 0…2"),
        ({"classes": np.array([0, 1, -1])}, "classes must lie in 0…2"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, np.ndarray], message: str) -> None:
    fields = {name: getattr(three(), name) for name in ("boxes_px", "classes", "scores")} | change
    with pytest.raises(ModelError, match=message):
        Detections(**fields, names=NAMES)


def test_suppression_is_within_a_class() -> None:
    # Boxes 0 and 1 share 81 of 100 + 81 − 81 = 100 px²: IoU 0.81. Box 2 is box 0 in another class. Box 3 shares
    # 50 of 100 + 50 − 50 = 100 px² with box 0: IoU 0.5.
    boxes = np.array([[0, 0, 10, 10], [0, 0, 9, 9], [0, 0, 10, 10], [0, 0, 5, 10]], np.float32)
    scores = np.array([0.5, 0.9, 0.6, 0.7], np.float32)
    kept = suppress(boxes, np.array([1, 1, 2, 1]), scores, 0.7)
    # Best first: 1 (0.9) drops 0; 3 shares 45 of 81 + 50 − 45 = 86 px² with 1: 0.52, so it stays; 2 has its own class.
    assert kept.scores.tolist() == pytest.approx([0.9, 0.7, 0.6])
    assert kept.classes.tolist() == [1, 1, 2]
    assert kept.boxes_px.tolist() == [[0, 0, 9, 9], [0, 0, 5, 10], [0, 0, 10, 10]]
