"""Parts of the converter against NumPy, on trees made by hand; whole models: test_convert_reference.py, where PyTorch is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from models.convert import graph
from models.convert.checkpoint import Checkpoint, Module
from models.convert.detect_head import END_TO_END_BOXES, _best
from models.convert.graph import GraphBuilder
from models.convert.modules import emit
from models.convert.ultralytics import convert_ultralytics
from models.errors import ModelError

RANDOM = np.random.default_rng(7)


def module(
    kind: str,
    children: Mapping[str, Module] | None = None,
    tensors: Mapping[str, NDArray[np.float32]] | None = None,
    **settings: Any,
) -> Module:
    """A module as the reader makes it."""
    made = type(kind, (Module,), {"__slots__": (), "kind": f"somewhere.{kind}"})()
    made.state = {"_modules": dict(children or {}), "_parameters": dict(tensors or {}), **settings}
    return made


def pointwise(weight: NDArray[np.float32]) -> Module:
    """A 1x1 convolution without activation: a matrix for every cell."""
    conv = module(
        "Conv2d",
        tensors={"weight": weight[:, :, None, None]},
        padding=(0, 0),
        stride=(1, 1),
        dilation=(1, 1),
        groups=1,
    )
    return module("Conv", {"conv": conv, "act": module("Identity")})


def depthwise(weight: NDArray[np.float32]) -> Module:
    """A 1x1 convolution of each channel by itself: a factor."""
    conv = module(
        "Conv2d",
        tensors={"weight": weight[:, None, None, None]},
        padding=(0, 0),
        stride=(1, 1),
        dilation=(1, 1),
        groups=len(weight),
    )
    return module("DWConv", {"conv": conv, "act": module("Identity")})


def run(builder: GraphBuilder, output: str, feeds: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    names = ("n", "a", "b", "c")
    model = builder.model(
        inputs={name: [f"{name}{axis}" for axis in names[: values.ndim]] for name, values in feeds.items()},
        outputs={"out": (output, ["x", "y", "z"] if output.startswith("concat") else ["x", "y", "z", "w"])},
        metadata={},
    )
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, dict(feeds))[0])


def normal(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype(np.float32)


def test_attention() -> None:
    heads, key, head = 2, 3, 4
    channels, cells = heads * head, 6  # 2 x 3
    qkv, factor, out = normal(heads * (2 * key + head), channels), normal(channels), normal(channels, channels)
    attention = module(
        "Attention",
        {"qkv": pointwise(qkv), "pe": depthwise(factor), "proj": pointwise(out)},
        num_heads=heads,
        key_dim=key,
        head_dim=head,
        scale=key**-0.5,
    )
    x = normal(2, channels, 2, 3)
    builder = GraphBuilder()
    given = run(builder, emit(builder, attention, ["x"]), {"x": x})

    expected = np.empty_like(x)
    for picture in range(2):
        mixed = qkv @ x[picture].reshape(channels, cells)
        looked, values = np.empty((channels, cells)), np.empty((channels, cells))
        for number, part in enumerate(mixed.reshape(heads, 2 * key + head, cells)):
            q, k, v = part[:key], part[key : 2 * key], part[2 * key :]
            weights = np.exp(q.T @ k * key**-0.5)  # row: the cell that looks
            weights /= weights.sum(axis=1, keepdims=True)
            looked[number * head : (number + 1) * head] = v @ weights.T
            values[number * head : (number + 1) * head] = v
        expected[picture] = (out @ (looked + factor[:, None] * values)).reshape(channels, 2, 3)
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5)


def test_blocks_of_yolo11() -> None:
    a, b, c = normal(2, 4), normal(2, 4), normal(4, 4)
    block = module("C3k", {"cv1": pointwise(a), "cv2": pointwise(b), "cv3": pointwise(c), "m": module("Sequential")})
    x = normal(1, 4, 2, 2)
    builder = GraphBuilder()
    given = run(builder, emit(builder, block, ["x"]), {"x": x})
    flat = x[0].reshape(4, 4)
    np.testing.assert_allclose(given[0].reshape(4, 4), c @ np.concatenate([a @ flat, b @ flat]), rtol=1e-5, atol=1e-6)

    # PSABlock with attention that is nought: twice x + ffn(x) of which the first adds nothing.
    nought = module(
        "Attention",
        {"qkv": pointwise(normal(8, 4)), "pe": depthwise(normal(4)), "proj": pointwise(np.zeros((4, 4), np.float32))},
    )
    nought.state |= {"num_heads": 1, "key_dim": 2, "head_dim": 4, "scale": 1.0}
    ffn = normal(4, 4)
    psa = module("PSABlock", {"attn": nought, "ffn": module("Sequential", {"0": pointwise(ffn)})}, add=True)
    builder = GraphBuilder()
    given = run(builder, emit(builder, psa, ["x"]), {"x": x})
    np.testing.assert_allclose(given[0].reshape(4, 4), flat + ffn @ flat, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("anchors", [5, 300, 1000])
def test_the_best_of_end_to_end(anchors: int) -> None:
    classes = 3
    # Every score once, so that there is one right order.
    scores = RANDOM.permutation(2 * classes * anchors).reshape(2, classes, anchors).astype(np.float32)
    boxes = normal(2, 4, anchors)
    builder = GraphBuilder()
    given = run(builder, _best(builder, "boxes", "scores", classes), {"boxes": boxes, "scores": scores})
    kept = min(anchors, END_TO_END_BOXES)
    assert given.shape == (2, kept, 6)
    for picture in range(2):
        first = np.argsort(-scores[picture].max(axis=0))[:kept]  # the anchors with the best class
        pairs = [(scores[picture, cls, anchor], anchor, cls) for anchor in first for cls in range(classes)]
        for row, (score, anchor, cls) in zip(given[picture], sorted(pairs, reverse=True)[:kept], strict=True):
            assert row.tolist() == [*boxes[picture, :, anchor].tolist(), score, cls]


def detector(*layers: Module, names: Any = None, **head: Any) -> Checkpoint:
    """A checkpoint with these layers before the head."""
    for layer in layers:
        layer.state["f"] = -1
    last = module(
        "Detect",
        {"cv2": module("ModuleList"), "cv3": module("ModuleList")},
        f=[-1],
        nc=1,
        reg_max=16,
        stride=np.array([8.0]),
    )
    last.state |= head
    tree = module("Sequential", {str(number): layer for number, layer in enumerate((*layers, last))})
    model = module("DetectionModel", {"model": tree}, names={0: "car"} if names is None else names)
    return Checkpoint(model=model, license="")


def endless() -> Module:
    """A module that lies in itself."""
    made = module("Sequential")
    made.state["_modules"]["0"] = made
    return made


def doubling(times: int) -> Module:
    """Two to the power of so many convolutions, in a file of a few bytes."""
    made = pointwise(np.ones((3, 3), np.float32))
    for _ in range(times):
        made = module("Sequential", {"0": made, "1": made})
    return made


def test_a_tree_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "NODES_MAX", 200)
    with pytest.raises(ModelError, match="more than 200 operations, which no detector has"):
        convert_ultralytics(detector(doubling(60)), source_sha256="0" * 64)


@pytest.mark.parametrize(
    ("checkpoint", "message"),
    [
        (detector(module("C2fCIB")), "C2fCIB is no part of a YOLOv8, YOLO11 or YOLO26 detector"),
        (detector(names={0: "car", 1: "bus"}), "2 class names for 1 classes"),
        (detector(names={0: "car", "a": "bus"}), "not laid out as such a detector: TypeError"),
        (detector(), "ModuleList has no module '0'"),
        (detector(reg_max="many"), "not laid out as such a detector: ValueError"),
        (detector(f=[3]), "not laid out as such a detector: IndexError"),
        (detector(endless()), "not laid out as such a detector: RecursionError"),
        (
            Checkpoint(module("M", {"model": module("Sequential")}), ""),
            "a detector ends in Detect, this one in nothing",
        ),
        (
            Checkpoint(module("M", {"model": module("Sequential", {"0": module("Classify")})}), ""),
            "a detector ends in Detect, this one in Classify",
        ),
    ],
)
def test_one_line_of_what_is_no_detector(checkpoint: Checkpoint, message: str) -> None:
    with pytest.raises(ModelError, match=message) as refused:
        convert_ultralytics(checkpoint, source_sha256="0" * 64)
    assert "\n" not in str(refused.value)
