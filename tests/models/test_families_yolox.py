"""YOLOX on real pictures against the decoding of the published demo, written down a second time, box by box."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.detector import load_detector
from models.registry.add import add_model
from models.runtime.session import open_session
from tests.models.conftest import read_rgb

SIDE_PX = 416
SCORE_MIN = 0.25
IOU_MAX = 0.45
PICTURES = 12  # of the 64; all were compared once: the same bounds hold


def prepared(image_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """Blue first, scaled into the corner of a grey square, not divided by anything; and the scale."""
    height, width = image_rgb.shape[:2]
    scale = min(SIDE_PX / height, SIDE_PX / width)
    square = np.full((SIDE_PX, SIDE_PX, 3), 114, np.uint8)
    small = cv2.resize(image_rgb[:, :, ::-1], (int(width * scale), int(height * scale)), interpolation=cv2.INTER_LINEAR)
    square[: small.shape[0], : small.shape[1]] = small
    return square.transpose(2, 0, 1)[None].astype(np.float32), scale


def decoded(rows: NDArray[np.float32]) -> list[tuple[float, int, list[float]]]:
    """Score, class and corners in pixels of the square of every anchor that reaches the score."""
    found, row = [], 0
    for stride in (8, 16, 32):
        for cell_y in range(SIDE_PX // stride):
            for cell_x in range(SIDE_PX // stride):
                x, y, log_w, log_h, objectness = (float(value) for value in rows[row, :5])
                kind = int(np.argmax(rows[row, 5:]))
                score = objectness * float(rows[row, 5 + kind])
                if score > SCORE_MIN:
                    x, y = (x + cell_x) * stride, (y + cell_y) * stride
                    w, h = np.exp(log_w) * stride, np.exp(log_h) * stride
                    found.append((score, kind, [x - w / 2, y - h / 2, x + w / 2, y + h / 2]))
                row += 1
    assert row == len(rows)
    return found


def suppressed(found: list[tuple[float, int, list[float]]]) -> list[tuple[float, int, list[float]]]:
    kept: list[tuple[float, int, list[float]]] = []
    for one in sorted(found, key=lambda it: -it[0]):
        if all(one[1] != other[1] or iou(one[2], other[2]) <= IOU_MAX for other in kept):
            kept.append(one)
    return kept


def iou(one: list[float], other: list[float]) -> float:
    w = min(one[2], other[2]) - max(one[0], other[0])
    h = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(w, 0) * max(h, 0)
    return shared / ((one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - shared)


def test_the_same_boxes_as_the_demo(shared: Path) -> None:
    file = shared / "models" / "yolox_nano.onnx"
    add_model(file, "nano", input_px=SIDE_PX)
    detector, session = load_detector("nano", provider="cpu"), open_session(file, provider="cpu")
    compared = 0
    for path in sorted((shared / "images" / "calibration").glob("*.jpg"))[:PICTURES]:
        image = read_rgb(path)
        planes, scale = prepared(image)
        (output,) = session.run({session.inputs[0].name: planes})
        expected = suppressed(decoded(output[0]))
        height, width = image.shape[:2]
        plan = detector.plan(width, height)
        seen = detector.detect(image, plan, score_min=SCORE_MIN)
        assert seen.classes.tolist() == [kind for _, kind, _ in expected], path.name
        assert seen.scores.tolist() == pytest.approx([score for score, _, _ in expected], abs=1e-5)
        # The demo divides by the one scale, although its sizes were rounded down; we take what each side really was: of the
        # whole picture that is less than a pixel of the square.
        limits = np.array([width, height] * 2)
        theirs = np.array([corner for _, _, corner in expected]).reshape(-1, 4) / scale
        np.testing.assert_allclose(seen.boxes_px, np.clip(theirs, 0, limits), atol=1 / scale)
        ours = np.array([corner for _, _, corner in expected]).reshape(-1, 4) * (limits / (plan.resized * 2))
        np.testing.assert_allclose(seen.boxes_px, np.clip(ours, 0, limits), atol=2e-3)
        compared += len(seen)
    assert compared > 20
