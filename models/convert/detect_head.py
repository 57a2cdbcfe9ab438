"""The detection head of YOLOv8, YOLO11 and YOLO26: from three feature maps to boxes and scores.

Each side of a box is a distance from the anchor: in YOLOv8 and YOLO11 the mean of a distribution over `reg_max` bins
(distribution focal loss, Li et al. 2020, arXiv:2006.04388), in YOLO26 a plain number. Anchors are the cell centres of each
map. YOLO26 has a second pair of branches (`one2one_…`) that was trained to give one box for one thing (as YOLOv10, Wang et
al. 2024, arXiv:2405.14458): its best 300 need no suppression.
"""

from collections.abc import Sequence

import numpy as np
import onnx

from models.convert.checkpoint import Module
from models.convert.graph import GraphBuilder
from models.convert.modules import emit

END_TO_END_BOXES = 300  # Ultralytics' max_det; what reads the output expects as many rows
_HALF = np.array(0.5, np.float32)


def add_detect_head(builder: GraphBuilder, head: Module, features: Sequence[str]) -> tuple[str, list[str | int]]:
    """Add the head to a graph.

    Args:
        builder: the graph so far.
        head: the `Detect` module.
        features: names of its feature maps, float32 `(N, C, h, w)`, finest first.

    Returns:
        The name of the output and its sizes behind the batch: `(4 + classes, anchors)`, that is cx, cy, w, h in pixels of the
        input, then scores 0…1; or end to end `(300, 6)`, that is x1, y1, x2, y2, score, class, best first.
    """
    bins, classes = int(head.setting("reg_max")), int(head.setting("nc"))
    strides = [int(stride) for stride in np.asarray(head.setting("stride"))]
    end_to_end = _is_end_to_end(head)
    branch = "one2one_" if end_to_end else ""
    boxes, scores, centres, scales = [], [], [], []
    for level, (feature, stride) in enumerate(zip(features, strides, strict=True)):
        box = emit(builder, head.child(f"{branch}cv2").child(str(level)), [feature])
        score = emit(builder, head.child(f"{branch}cv3").child(str(level)), [feature])
        boxes.append(builder.one("Reshape", box, builder.integers(0, 4 * bins, -1)))
        scores.append(builder.one("Reshape", score, builder.integers(0, classes, -1)))
        centre, scale = _anchors(builder, feature, stride)
        centres.append(centre)
        scales.append(scale)
    distances = builder.one("Concat", *boxes, axis=2)
    if bins > 1:
        distances = _mean_distance(builder, distances, bins)
    centre, scale = builder.one("Concat", *centres, axis=1), builder.one("Concat", *scales, axis=1)
    corners = _corners(builder, distances, centre)
    sides = corners if end_to_end else _middle_and_size(builder, *corners)
    scaled = builder.one("Mul", builder.one("Concat", *sides, axis=1), scale)
    chance = builder.one("Sigmoid", builder.one("Concat", *scores, axis=2))
    if end_to_end:
        return _best(builder, scaled, chance, classes), [END_TO_END_BOXES, 6]
    return builder.one("Concat", scaled, chance, axis=1), [4 + classes, "anchors"]


def _is_end_to_end(head: Module) -> bool:
    """A head that was built with the second branches is read by them; its switch `_end2end` only says how it ran last."""
    return "one2one_cv2" in head.children


def _anchors(builder: GraphBuilder, feature: str, stride: int) -> tuple[str, str]:
    """Cell centres `(2, h·w)`, x then y, in cells, and the stride `(1, h·w)` of each."""
    shape = builder.one("Shape", feature)
    cells = builder.one("Slice", shape, builder.integers(2), builder.integers(4))
    x = builder.one("Expand", builder.one("Reshape", _centres(builder, shape, 3), builder.integers(1, -1)), cells)
    y = builder.one("Expand", builder.one("Reshape", _centres(builder, shape, 2), builder.integers(-1, 1)), cells)
    flat_x, flat_y = (builder.one("Reshape", grid, builder.integers(1, -1)) for grid in (x, y))
    scale = builder.one("Expand", builder.weight(np.array([[stride]], np.float32)), builder.one("Shape", flat_x))
    return builder.one("Concat", flat_x, flat_y, axis=0), scale


def _centres(builder: GraphBuilder, shape: str, axis: int) -> str:
    """0.5, 1.5, … for as many cells as the shape has along the axis."""
    count = builder.one("Gather", shape, builder.weight(np.array(axis, np.int64)))
    zero, one = builder.weight(np.array(0, np.int64)), builder.weight(np.array(1, np.int64))
    cells = builder.one("Cast", builder.one("Range", zero, count, one), to=onnx.TensorProto.FLOAT)
    return builder.one("Add", cells, builder.weight(_HALF))


def _mean_distance(builder: GraphBuilder, boxes: str, bins: int) -> str:
    """From `(N, 4·bins, A)` to the mean of each distribution, `(N, 4, A)`, in cells."""
    split = builder.one("Reshape", boxes, builder.integers(0, 4, bins, -1))
    likely = builder.one("Softmax", builder.one("Transpose", split, perm=[0, 2, 1, 3]), axis=1)
    values = builder.weight(np.arange(bins, dtype=np.float32).reshape(1, bins, 1, 1))
    return builder.one("Reshape", builder.one("Conv", likely, values), builder.integers(0, 4, -1))


def _corners(builder: GraphBuilder, distances: str, centres: str) -> tuple[str, str]:
    """From distances left, top, right, bottom `(N, 4, A)` to the corners, top left and bottom right, `(N, 2, A)`, in cells."""
    left_top, right_bottom = builder.op("Split", distances, builder.integers(2, 2), outputs=2, axis=1)
    return builder.one("Sub", centres, left_top), builder.one("Add", centres, right_bottom)


def _middle_and_size(builder: GraphBuilder, first: str, second: str) -> tuple[str, str]:
    middle = builder.one("Mul", builder.one("Add", first, second), builder.weight(_HALF))
    return middle, builder.one("Sub", second, first)


def _best(builder: GraphBuilder, boxes: str, scores: str, classes: int) -> str:
    """The best pairs of anchor and class.

    Args:
        builder: the graph so far.
        boxes: `(N, 4, A)`, x1, y1, x2, y2 in pixels.
        scores: `(N, classes, A)`.
        classes: how many.

    Returns:
        The name of `(N, K, 6)`, best first; K is 300, or all anchors where there are fewer. As Ultralytics: first the anchors
        with the best class, then the best pairs among those, so an anchor may come twice with two classes.
    """
    count = builder.one("Shape", scores)
    anchors = builder.one("Slice", count, builder.integers(2), builder.integers(3))
    kept = builder.one("Min", anchors, builder.integers(END_TO_END_BOXES))
    best_class = builder.one("ReduceMax", scores, axes=[1], keepdims=0)
    _, anchor = builder.op("TopK", best_class, kept, outputs=2, axis=1)  # (N, K)
    chosen_scores = _rows(builder, scores, anchor)  # (N, K, classes)
    pairs = builder.one("Reshape", chosen_scores, builder.integers(0, -1))
    score, pair = builder.op("TopK", pairs, kept, outputs=2, axis=1)  # (N, K)
    size = builder.weight(np.array(classes, np.int64))
    row = builder.one("Div", pair, size)
    kind = builder.one("Cast", builder.one("Mod", pair, size), to=onnx.TensorProto.FLOAT)
    chosen_boxes = _rows(builder, boxes, builder.one("GatherElements", anchor, row, axis=1))  # (N, K, 4)
    last = builder.integers(2)
    return builder.one(
        "Concat", chosen_boxes, builder.one("Unsqueeze", score, last), builder.one("Unsqueeze", kind, last), axis=2
    )


def _rows(builder: GraphBuilder, columns: str, index: str) -> str:
    """Out of `(N, C, A)` the columns at the index `(N, K)`, as rows `(N, K, C)`."""
    rows = builder.one("Transpose", columns, perm=[0, 2, 1])
    wide = builder.one("Shape", rows)
    channels = builder.one("Slice", wide, builder.integers(2), builder.integers(3))
    sizes = builder.one("Concat", builder.one("Shape", index), channels, axis=0)
    spread = builder.one("Expand", builder.one("Unsqueeze", index, builder.integers(2)), sizes)
    return builder.one("GatherElements", rows, spread, axis=1)
