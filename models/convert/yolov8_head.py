"""The detection head of YOLOv8: from three feature maps to boxes and scores.

Each side of a box is a distance from the anchor, predicted as a distribution over `reg_max` bins (distribution focal loss,
Li et al. 2020, arXiv:2006.04388); its mean is the distance. Anchors are the cell centres of each map.
"""

from collections.abc import Callable, Sequence

import numpy as np
import onnx

from models.convert.checkpoint import Module
from models.convert.graph import GraphBuilder
from models.errors import ModelError

Emit = Callable[[GraphBuilder, Module, Sequence[str]], str]


def add_detect_head(builder: GraphBuilder, head: Module, features: Sequence[str], emit: Emit) -> str:
    """Add the head to a graph.

    Args:
        builder: the graph so far.
        head: the `Detect` module.
        features: names of its feature maps, float32 `(N, C, h, w)`, finest first.
        emit: adds one inner module and returns the name of its output.

    Returns:
        The name of the output, `(N, 4 + classes, anchors)`: cx, cy, w, h in pixels of the input, then scores 0…1.

    Raises:
        ModelError: the head is of another generation (end to end).
    """
    if "one2one_cv2" in head.children:
        raise ModelError("checkpoint: an end-to-end head (one2one_cv2) is not YOLOv8's")
    bins, classes = int(head.setting("reg_max")), int(head.setting("nc"))
    strides = [int(stride) for stride in np.asarray(head.setting("stride"))]
    boxes, scores, centres, scales = [], [], [], []
    for level, (feature, stride) in enumerate(zip(features, strides, strict=True)):
        box = emit(builder, head.child("cv2").child(str(level)), [feature])
        score = emit(builder, head.child("cv3").child(str(level)), [feature])
        boxes.append(builder.one("Reshape", box, builder.integers(0, 4 * bins, -1)))
        scores.append(builder.one("Reshape", score, builder.integers(0, classes, -1)))
        centre, scale = _anchors(builder, feature, stride)
        centres.append(centre)
        scales.append(scale)
    distances = _mean_distance(builder, builder.one("Concat", *boxes, axis=2), bins)
    decoded = _decode(
        builder, distances, builder.one("Concat", *centres, axis=1), builder.one("Concat", *scales, axis=1)
    )
    return builder.one("Concat", decoded, builder.one("Sigmoid", builder.one("Concat", *scores, axis=2)), axis=1)


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
    return builder.one("Add", cells, builder.weight(np.array(0.5, np.float32)))


def _mean_distance(builder: GraphBuilder, boxes: str, bins: int) -> str:
    """From `(N, 4·bins, A)` to the mean of each distribution, `(N, 4, A)`, in cells."""
    split = builder.one("Reshape", boxes, builder.integers(0, 4, bins, -1))
    likely = builder.one("Softmax", builder.one("Transpose", split, perm=[0, 2, 1, 3]), axis=1)
    values = builder.weight(np.arange(bins, dtype=np.float32).reshape(1, bins, 1, 1))
    return builder.one("Reshape", builder.one("Conv", likely, values), builder.integers(0, 4, -1))


def _decode(builder: GraphBuilder, distances: str, centres: str, scales: str) -> str:
    """From distances left, top, right, bottom `(N, 4, A)` to cx, cy, w, h in pixels of the input."""
    left_top, right_bottom = builder.op("Split", distances, builder.integers(2, 2), outputs=2, axis=1)
    first, second = builder.one("Sub", centres, left_top), builder.one("Add", centres, right_bottom)
    middle = builder.one("Mul", builder.one("Add", first, second), builder.weight(np.array(0.5, np.float32)))
    return builder.one("Mul", builder.one("Concat", middle, builder.one("Sub", second, first), axis=1), scales)
