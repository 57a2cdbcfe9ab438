"""A tiny detector of white squares: a real network of five convolutions with a head, small enough to quantise in a moment."""

from pathlib import Path

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray

helper, numpy_helper, FLOAT = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT

SIDE_PX = 64
CELL_PX = 8  # 8 x 8 cells, an anchor each
METADATA = {"names": "{0: 'square'}", "license": "CC0-1.0"}


def square_detector(*, opset: int = 17, named: bool = True, kinds: int = 4) -> onnx.ModelProto:
    """YOLOv8's layout (1, 4 + 1, 64): the box of each cell, and how white the cell is.

    Convolution 1 takes the mean of the cell through `kinds` channels, convolution 2 brings all to 8 times the mean, 3 and 4 mix
    them, 5 gives the logit. A SiLU of x well above 0 is nearly x, so it is about 12·m - 6 for a mean m of 0…1: a white cell has
    a score of 1 and a dark one 0.
    """
    rng = np.random.default_rng(0)
    gain = rng.uniform(2, 4, kinds)
    mean = np.repeat(gain[:, None], 3 * CELL_PX**2, axis=1).reshape(kinds, 3, CELL_PX, CELL_PX) / (3 * CELL_PX**2)
    mixing = rng.uniform(0.5, 1.5, (2, kinds, kinds, 1, 1))
    centre = (np.mgrid[0:8, 0:8][::-1].reshape(2, 64) + 0.5) * CELL_PX
    weights = {
        "w1": mean,
        "w2": np.diag(8 / gain).reshape(kinds, kinds, 1, 1),
        "w3": mixing[0] / mixing[0].sum(axis=1, keepdims=True),
        "b3": np.zeros(kinds),
        "w4": mixing[1] / mixing[1].sum(axis=1, keepdims=True),
        "b4": np.zeros(kinds),
        "w5": np.full((1, kinds, 1, 1), 1.5 / kinds),
        "b5": np.array([-6]),
        "boxes": np.concatenate([centre, np.full((2, 64), CELL_PX)])[None],
    }
    nodes = [helper.make_node("Conv", ["images", "w1"], ["c1"], "c1", strides=[CELL_PX, CELL_PX])]
    for level in range(1, 5):
        x, gate, given = f"c{level}", f"s{level}", f"a{level}"
        bias = [f"b{level + 1}"] if f"b{level + 1}" in weights else []
        nodes += [
            helper.make_node("Sigmoid", [x], [gate], gate),
            helper.make_node("Mul", [x, gate] if level % 2 else [gate, x], [given], given),
            helper.make_node("Conv", [given, f"w{level + 1}", *bias], [f"c{level + 1}"], f"c{level + 1}"),
        ]
    nodes += [
        helper.make_node("Reshape", ["c5", "flat"], ["logits"], "flatten"),
        helper.make_node("Sigmoid", ["logits"], ["scores"], "score"),
        helper.make_node("Concat", ["boxes", "scores"], ["output0"], "join", axis=1),
    ]
    if not named:
        for node in nodes:
            node.name = ""
    constants = [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()]
    constants.append(numpy_helper.from_array(np.array([1, 1, 64]), "flat"))
    graph = helper.make_graph(
        nodes,
        "squares",
        [helper.make_tensor_value_info("images", FLOAT, [1, 3, SIDE_PX, SIDE_PX])],
        [helper.make_tensor_value_info("output0", FLOAT, [1, 5, 64])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)
    helper.set_model_props(model, METADATA)
    onnx.checker.check_model(model)
    return model


def squares(seed: int) -> NDArray[np.uint8]:
    """A dark picture with six white cells, uint8 (64, 64, 3)."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 40, (SIDE_PX, SIDE_PX, 3), np.uint8)
    for row, column in rng.choice(8, (6, 2)) * CELL_PX:
        image[row : row + CELL_PX, column : column + CELL_PX] = rng.integers(200, 256)
    return image


def folder_of_squares(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    for index in range(count):
        cv2.imwrite(str(folder / f"{index:03}.png"), squares(index))
    return folder
