"""What each head makes of raw outputs, and what each family makes of pixels, by hand."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import ModelError
from models.families import FAMILIES
from models.families.family import Raw
from models.families.graph import Graph, InputSize, input_size
from models.families.rfdetr import COCO_IDS
from models.families.suppression import suppress
from models.letterbox import Letterbox
from models.runtime.session import Port

PICTURE = Port("images", (1, 3, 64, 64), "float32")
SIZE = InputSize(64, 64, fixed=True)
PLAN = Letterbox.stretch(64, 64, input_px=64)

Outputs = dict[str, NDArray[Any]]


def graph_of(outputs: Outputs, classes: int, **options: Any) -> Graph:
    ports = tuple(Port(name, values.shape, str(values.dtype)) for name, values in outputs.items())
    return Graph(options.get("inputs", (PICTURE,)), ports, options.get("metadata", {}), classes)


def read(family: str, outputs: Outputs, classes: int, score_min: float = 0.25, **options: Any) -> Raw:
    layout = FAMILIES[family].layout(graph_of(outputs, classes, **options))
    return layout.read(tuple(outputs.values()), PLAN, score_min)


def check(raw: Raw, rows: list[list[float]]) -> None:
    """Rows of x1, y1, x2, y2, class, score."""
    assert (raw.boxes_px.dtype, raw.classes.dtype, raw.scores.dtype) == (np.float32, np.int64, np.float32)
    given = np.column_stack([raw.boxes_px, raw.classes, raw.scores]).tolist()
    assert given == [pytest.approx(row, abs=1e-5) for row in rows]


def columns(rows: list[list[float]], anchors: int, width: int) -> NDArray[np.float32]:
    """Anchors (1, anchors, width): the rows given, from the third on, among nothing."""
    table = np.zeros((1, anchors, width), np.float32)
    table[0, 2 : 2 + len(rows)] = rows
    return table


# Centre, size → corners:
#   A 20 20 20 20 → 10 10 30 30
#   B 21 20 20 20 → 11 10 31 30   A ∩ B = 19 x 20 = 380 of 400 + 400 − 380 = 420: IoU 0.905
#   C 24 20 20 20 → 14 10 34 30   A ∩ C = 16 x 20 = 320 of 480: 0.667, above 0.45 and below 0.7
A, B, C = [20, 20, 20, 20], [21, 20, 20, 20], [24, 20, 20, 20]
A_PX, B_PX, C_PX = [10, 10, 30, 30], [11, 10, 31, 30], [14, 10, 34, 30]


def test_yolov5_multiplies_with_objectness() -> None:
    rows = [
        [*A, 0.9, 0.5, 0.1],  # 0.45, class 0
        [*B, 0.8, 0.6, 0.1],  # 0.48, class 0: better than A, which it suppresses
        [*B, 1.0, 0.1, 0.4],  # 0.40, class 1: another class
        [*C, 0.5, 0.8, 0.0],  # 0.40, class 0: IoU with B 17 x 20 = 340 of 460: 0.739 > 0.45, suppressed
        [*A, 0.3, 0.8, 0.0],  # 0.24: too little
        [50, 50, 8, 8, 0.5, 0.5, 0.5],  # 0.25, the first of two equal classes
    ]
    expected = [[*B_PX, 0, 0.48], [*B_PX, 1, 0.40], [46, 46, 54, 54, 0, 0.25]]
    check(read("yolov5", {"output0": columns(rows, 252, 7)}, 2), expected)


def test_yolov8_takes_the_best_class() -> None:
    rows = [
        [*A, 0.45, 0.1],
        [*B, 0.48, 0.1],  # suppresses A
        [*B, 0.1, 0.4],
        [*C, 0.4, 0.1],  # IoU with B 0.739 > 0.7: suppressed
        [26, 20, 20, 20, 0.3, 0.2],  # IoU with B 15 x 20 = 300 of 500: 0.6, stays
        [*A, 0.24, 0.2],
    ]
    expected = [[*B_PX, 0, 0.48], [*B_PX, 1, 0.40], [16, 10, 36, 30, 0, 0.3]]
    check(read("yolov8", {"output0": columns(rows, 84, 6).transpose(0, 2, 1)}, 2), expected)


def test_yolov10_suppresses_nothing() -> None:
    rows = [[*A_PX, 0.9, 1], [*B_PX, 0.8, 1], [*C_PX, 0.2, 0], [*C_PX, 0.25, 0]]
    check(read("yolov10", {"output0": columns(rows, 300, 6)}, 2), [[*A_PX, 1, 0.9], [*B_PX, 1, 0.8], [*C_PX, 0, 0.25]])


def test_yolox_decodes_on_its_grids() -> None:
    rows = np.zeros((1, 84, 7), np.float32)
    # 64x64 px: 8x8 cells of 8 px, then 4x4 of 16, then 2x2 of 32. Row 8 + 2 = 10 is cell 2, 1 of the first grid.
    rows[0, 10] = [0.5, 0.5, math.log(2.5), 0.0, 0.9, 0.5, 0.2]  # centre 2.5 x 8, 1.5 x 8; size 2.5 x 8, 1 x 8
    rows[0, 64 + 5] = [0.25, 0.0, 0.0, math.log(0.5), 0.8, 0.1, 0.5]  # cell 1, 1: 1.25 x 16, 1 x 16; 16, 8
    rows[0, 64 + 16 + 3] = [-0.5, 0.0, 0.0, 0.0, 0.5, 0.4, 0.2]  # cell 1, 1: 0.5 x 32, 32; 32, 32; score 0.2
    expected = [[10, 8, 30, 16, 0, 0.45], [12, 12, 28, 20, 1, 0.40], [0, 16, 32, 48, 0, 0.2]]
    check(read("yolox", {"output": rows}, 2, score_min=0.15), expected)


def logits(scores: list[list[float]]) -> NDArray[np.float32]:
    return np.array([[[math.log(score / (1 - score)) for score in row] for row in scores]], np.float32)


UNITS = np.array([[[0.5, 0.5, 0.5, 0.25], [0.25, 0.25, 0.5, 0.5], [0.9, 0.9, 0.1, 0.1]]], np.float32)
# Times 64: centre 32 32, size 32 16 → 16 24 48 40; centre 16 16, size 32 32 → 0 0 32 32.


def test_transformers_rank_pairs() -> None:
    outputs = {"logits": logits([[0.3, 0.7], [0.6, 0.1], [0.2, 0.2]]), "pred_boxes": UNITS}
    expected = [[16, 24, 48, 40, 1, 0.7], [0, 0, 32, 32, 0, 0.6], [16, 24, 48, 40, 0, 0.3]]  # one query, two classes
    check(read("rtdetr", outputs, 2), expected)
    # As many pairs as queries and no more: of these six pairs above 0.25 the three best.
    outputs["logits"] = logits([[0.3, 0.7], [0.6, 0.4], [0.35, 0.45]])
    expected = [[16, 24, 48, 40, 1, 0.7], [0, 0, 32, 32, 0, 0.6], [54.4, 54.4, 60.8, 60.8, 1, 0.45]]
    check(read("rtdetr", outputs, 2), expected)
    outputs["logits"][0, 0, 0], outputs["logits"][0, 0, 1] = 200, -200  # beyond what exp can take
    assert read("rtdetr", outputs, 2, score_min=0.0).scores.tolist() == pytest.approx([1.0, 0.6, 0.45])


def test_the_authors_export_is_told_its_own_size() -> None:
    outputs = {
        "labels": np.array([[1, 0, 1]]),
        "boxes": np.array([[A_PX, B_PX, C_PX]], np.float32),
        "scores": np.array([[0.3, 0.9, 0.1]], np.float32),
    }
    inputs = Port("images", ("N", 3, 64, 48), "float32"), Port("orig_target_sizes", ("N", 2), "int64")
    layout = FAMILIES["rtdetr"].layout(graph_of(outputs, 2, inputs=inputs))
    plan = layout.plan(1920, 1080, input_size(inputs[0], 640))
    feeds = layout.feed(np.zeros((64, 48, 3), np.uint8), plan)
    assert {name: (values.shape, str(values.dtype)) for name, values in feeds.items()} == {
        "images": ((1, 3, 64, 48), "float32"),
        "orig_target_sizes": ((1, 2), "int64"),
    }
    assert feeds["orig_target_sizes"].tolist() == [[48, 64]]  # width first
    check(layout.read(tuple(outputs.values()), plan, 0.25), [[*B_PX, 0, 0.9], [*A_PX, 1, 0.3]])


def test_the_transformer_of_ultralytics_before_and_after() -> None:
    before = np.concatenate([UNITS, np.array([[[0.3, 0.7], [0.6, 0.1], [0.2, 0.2]]], np.float32)], axis=2)
    check(read("rtdetr", {"output0": before}, 2), [[16, 24, 48, 40, 1, 0.7], [0, 0, 32, 32, 0, 0.6]])
    after = np.concatenate([UNITS, np.array([[[0.7, 1], [0.6, 0], [0.2, 1]]], np.float32)], axis=2)
    head = {"head": "RTDETRDecoder"}
    check(read("rtdetr", {"output0": after}, 2, metadata=head), [[16, 24, 48, 40, 1, 0.7], [0, 0, 32, 32, 0, 0.6]])
    with pytest.raises(ModelError, match=r"yolov10: .* of no transformer"):
        read("yolov10", {"output0": after}, 2, metadata=head)


def test_rfdetr_leaves_out_slots_that_name_nothing() -> None:
    outputs = {"dets": UNITS, "labels": logits([[0.3, 0.7, 0.99], [0.6, 0.1, 0.99], [0.2, 0.2, 0.99]])}
    expected = [[16, 24, 48, 40, 1, 0.7], [0, 0, 32, 32, 0, 0.6], [16, 24, 48, 40, 0, 0.3]]
    check(read("rfdetr", outputs, 2), expected)


def test_rfdetr_knows_the_ids_of_coco() -> None:
    slots = np.full((1, 3, 91), 0.01)
    slots[0, 0, 3], slots[0, 1, 90], slots[0, 2, 12] = (
        0.8,
        0.7,
        0.9,
    )  # car, toothbrush; 12 is the street sign of no picture
    raw = read("rfdetr", {"dets": UNITS, "labels": logits(slots[0].tolist())}, 80)
    assert (len(COCO_IDS), raw.classes.tolist()) == (80, [2, 79])
    with pytest.raises(ModelError, match=r"rfdetr: .*labels \(N, queries, 81 or 91\)"):
        read("rfdetr", {"dets": UNITS, "labels": np.zeros((1, 3, 80), np.float32)}, 80)


def test_nms_counts() -> None:
    outputs = {
        "num_detections": np.array([[2]], np.int32),
        "detection_boxes": np.array([[B_PX, A_PX, C_PX]], np.float32),
        "detection_scores": np.array([[0.3, 0.9, 0.8]], np.float32),
        "detection_classes": np.array([[1, 0, 7]], np.float32),
    }
    check(read("nms", outputs, 2), [[*A_PX, 0, 0.9], [*B_PX, 1, 0.3]])
    outputs["num_detections"][0, 0] = 0
    check(read("nms", outputs, 2), [])


@pytest.mark.parametrize("family", ["yolov5", "yolov8", "yolov10", "yolox"])
def test_nothing_seen(family: str) -> None:
    shape = {"yolov5": (1, 252, 7), "yolov8": (1, 6, 84), "yolov10": (1, 300, 6), "yolox": (1, 84, 7)}[family]
    raw = read(family, {"output0": np.zeros(shape, np.float32)}, 2)
    assert raw.boxes_px.shape == (0, 4)
    check(raw, [])


@pytest.mark.parametrize(
    ("family", "outputs", "red", "grey"),
    [
        # A red pixel, 255 0 0, and the grey around it, 114; three planes as the graph gets them.
        ("yolov8", {"o": (1, 6, 84)}, (1, 0, 0), (114 / 255,) * 3),
        ("yolox", {"o": (1, 84, 7)}, (0, 0, 255), (114,) * 3),  # blue first
        ("rtdetr", {"logits": (1, 300, 2), "pred_boxes": (1, 300, 4)}, (1, 0, 0), None),
        # (1 − 0.485) / 0.229, (0 − 0.456) / 0.224, (0 − 0.406) / 0.225
        ("rfdetr", {"dets": (1, 300, 4), "labels": (1, 300, 3)}, (2.248908, -2.035714, -1.804444), None),
    ],
)
def test_what_becomes_of_a_pixel(
    family: str,
    outputs: dict[str, tuple[int, ...]],
    red: tuple[float, ...],
    grey: tuple[float, ...] | None,
) -> None:
    layout = FAMILIES[family].layout(graph_of({name: np.zeros(shape) for name, shape in outputs.items()}, 2))
    plan = layout.plan(128, 64, SIZE)
    image = np.zeros((plan.resized[1], plan.resized[0], 3), np.uint8)
    image[0, 0, 0] = 255
    (planes,) = layout.feed(image, plan).values()
    assert (planes.shape, planes.dtype) == ((1, 3, 64, 64), np.float32)
    left, top = plan.offset
    assert planes[0, :, top, left].tolist() == pytest.approx(list(red), abs=1e-6)
    if grey:
        assert planes[0, :, 63, 0].tolist() == pytest.approx(list(grey), abs=1e-6)
        assert planes.size - (planes == planes[0, 0, 63, 0]).sum() == 64 * 32 * 3  # grey to the last pixel
    else:
        assert plan.padding == (0, 0, 0, 0)


def greedy(
    boxes: NDArray[np.float32], classes: NDArray[np.int64], scores: NDArray[np.float32], iou_max: float
) -> list[int]:
    """NMS within each class as torchvision defines it, one box after the other, in double precision."""
    corner = boxes.astype(np.float64)
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        overlaps = [iou(corner[index], corner[other]) for other in kept if classes[other] == classes[index]]
        if all(overlap <= iou_max for overlap in overlaps):
            kept.append(int(index))
    return kept


def iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = max(0.0, sides[0]) * max(0.0, sides[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(shared / (areas[0] + areas[1] - shared))


@pytest.mark.parametrize("case", ["plain", "equal scores", "equal boxes", "far out", "left of the picture"])
@pytest.mark.parametrize("iou_max", [0.45, 0.7])
def test_suppression_equals_the_definition(case: str, iou_max: float) -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        count = int(random.integers(2, 120))
        corner = random.random((count, 2)) * 200
        boxes = np.concatenate([corner, corner + random.random((count, 2)) * 150 + 4], axis=1).astype(np.float32)
        classes, scores = random.integers(0, 3, count), random.random(count).astype(np.float32) + np.float32(0.01)
        if case in {"equal scores", "equal boxes"}:
            scores = np.ceil(scores * 5).astype(np.float32) / 5
        if case == "equal boxes":
            boxes = boxes[random.integers(0, count // 4 + 1, count)]
        if case == "far out":
            boxes *= 100  # 35,000 px
        if case == "left of the picture":
            boxes -= 150
        kept = greedy(boxes, classes, scores, iou_max)
        raw = suppress(boxes, classes, scores, iou_max)
        np.testing.assert_array_equal(raw.boxes_px, boxes[kept])
        np.testing.assert_array_equal(raw.classes, classes[kept])
        np.testing.assert_array_equal(raw.scores, scores[kept])


def test_an_overlap_of_exactly_the_limit_is_none() -> None:
    # 10x10 and its upper half: 50 of 100 px², IoU 0.5. In another class, and the same box twice.
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 5]], np.float32)
    raw = suppress(boxes, np.array([0, 0, 0]), np.array([0.9, 0.8, 0.7], np.float32), 0.5)
    assert raw.scores.tolist() == pytest.approx([0.9, 0.8])
    assert len(suppress(boxes, np.array([0, 0, 1]), np.array([0.9, 0.8, 0.7], np.float32), 0.49).scores) == 2


def test_boxes_that_are_turned_round_are_none() -> None:
    # Both of class 0, areas 2 x 10 and −3 x 10 px²: in sum below 0, which is one box for OpenCV.
    boxes = np.array([[0, 0, 2, 10], [9, 0, 6, 10], [30, 0, 30, 10]], np.float32)
    raw = suppress(boxes, np.array([0, 0, 0]), np.array([0.8, 0.9, 0.7], np.float32), 0.5)
    assert raw.boxes_px.tolist() == [[0, 0, 2, 10]]
    rows = [[*boxes[1].tolist(), 0.9, 0], [*A_PX, 0.8, 1]]
    check(read("yolov10", {"output0": columns(rows, 300, 6)}, 2), [[*A_PX, 1, 0.8]])
