"""Turns a YOLOv8 detection checkpoint (n, s, m, l or x) into an ONNX model.

Batch norm is folded into the convolutions. Input `images` is float32 `(N, 3, H, W)`, RGB 0…1, height and width multiples of
the stride; all three sizes may differ from run to run, the anchors are computed inside the graph. Output `output0` is float32
`(N, 4 + classes, anchors)`: cx, cy, w, h in pixels of the input, then one score 0…1 per class, as Ultralytics' own export.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from models.convert.checkpoint import Checkpoint, Module
from models.convert.graph import GraphBuilder
from models.convert.yolov8_head import add_detect_head
from models.errors import ModelError


def convert_yolov8(checkpoint: Checkpoint, *, source_sha256: str) -> onnx.ModelProto:
    """Write the graph of a YOLOv8 detector.

    Args:
        checkpoint: as `read_checkpoint` returns it.
        source_sha256: of the checkpoint file; kept in the metadata.

    Returns:
        The model; its metadata has `names`, `stride`, `task`, `license` (under Ultralytics' keys) and `source_sha256`.

    Raises:
        ModelError: the checkpoint is not a YOLOv8 detector.
    """
    layers = list(checkpoint.model.child("model").children.values())
    if not layers or layers[-1].name != "Detect":
        raise ModelError(
            f"checkpoint: a YOLOv8 detector ends in Detect, this one in {layers[-1].name if layers else 'nothing'}"
        )
    names = class_names(checkpoint)
    try:
        builder = GraphBuilder()
        detected = _add_layers(builder, layers)
        strides = [int(stride) for stride in np.asarray(layers[-1].setting("stride"))]
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ModelError(f"checkpoint: not laid out as a YOLOv8 detector: {type(error).__name__}: {error}") from None
    return builder.model(
        inputs={"images": ["batch", 3, "height", "width"]},
        outputs={"output0": (detected, ["batch", 4 + len(names), "anchors"])},
        metadata={
            "names": str(dict(enumerate(names))),
            "stride": str(max(strides)),
            "task": "detect",
            "license": checkpoint.license,
            "source_sha256": source_sha256,
        },
    )


def class_names(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The class names of a checkpoint in the order of its outputs.

    Raises:
        ModelError: there are none, or not as many as the detector has outputs.
    """
    names = checkpoint.model.setting("names")
    named = [names[index] for index in sorted(names)] if isinstance(names, Mapping) else list(names or ())
    head = list(checkpoint.model.child("model").children.values())[-1]
    if len(named) != head.setting("nc"):
        raise ModelError(f"checkpoint: {len(named)} class names for {head.setting('nc')} classes")
    return tuple(str(name) for name in named)


def _add_layers(builder: GraphBuilder, layers: Sequence[Module]) -> str:
    outputs = ["images"]  # outputs[i + 1] is what layer i gives; -1 is the layer before
    for layer in layers[:-1]:
        outputs.append(_emit(builder, layer, _sources(layer, outputs)))
    return add_detect_head(builder, layers[-1], _sources(layers[-1], outputs), _emit)


def _sources(layer: Module, outputs: Sequence[str]) -> list[str]:
    came_from = layer.setting("f")
    numbers = [came_from] if isinstance(came_from, int) else list(came_from)
    return [outputs[number] if number < 0 else outputs[number + 1] for number in numbers]


def _emit(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    """Add one module of the tree; returns the name of its output."""
    try:
        emitter = _EMITTERS[module.name]
    except KeyError:
        raise ModelError(
            f"checkpoint: {module.name} is no part of a YOLOv8 detector ({', '.join(_EMITTERS)})"
        ) from None
    return emitter(builder, module, sources)


def _conv(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    """Conv2d, batch norm and activation; the batch norm is folded unless the checkpoint has done so already."""
    conv, children = module.child("conv"), module.children
    weight = conv.tensor("weight").astype(np.float64)
    bias = conv.tensor("bias").astype(np.float64) if conv.has_tensor("bias") else np.zeros(len(weight))
    if "bn" in children:
        norm = children["bn"]
        # y = γ (x − mean) / √(var + ε) + β, so the weights take the factor γ / √(var + ε) and the bias the rest.
        factor = norm.tensor("weight") / np.sqrt(norm.tensor("running_var").astype(np.float64) + norm.setting("eps"))
        bias = factor * (bias - norm.tensor("running_mean")) + norm.tensor("bias")
        weight = weight * factor[:, None, None, None]
    summed = _convolution(builder, conv, sources[0], weight, bias)
    if module.child("act").name == "Identity":
        return summed
    return builder.one("Mul", summed, builder.one("Sigmoid", summed))  # SiLU; no other is in the reader's list


def _plain_conv(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    bias = module.tensor("bias") if module.has_tensor("bias") else np.zeros(len(module.tensor("weight")))
    return _convolution(builder, module, sources[0], module.tensor("weight"), bias)


def _convolution(builder: GraphBuilder, conv: Module, source: str, weight: Any, bias: Any) -> str:
    pad_h, pad_w = conv.setting("padding")
    return builder.one(
        "Conv",
        source,
        builder.weight(weight.astype(np.float32)),
        builder.weight(bias.astype(np.float32)),
        strides=list(conv.setting("stride")),
        pads=[pad_h, pad_w, pad_h, pad_w],
        dilations=list(conv.setting("dilation")),
        group=conv.setting("groups"),
    )


def _sequential(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    (last,) = sources
    for child in module.children.values():
        last = _emit(builder, child, [last])
    return last


def _bottleneck(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    inner = _emit(builder, module.child("cv2"), [_emit(builder, module.child("cv1"), sources)])
    return builder.one("Add", sources[0], inner) if module.setting("add") else inner


def _c2f(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    width = int(module.setting("c"))
    opened = _emit(builder, module.child("cv1"), sources)
    parts = builder.op("Split", opened, builder.integers(width, width), outputs=2, axis=1)
    for bottleneck in module.child("m").children.values():
        parts.append(_emit(builder, bottleneck, [parts[-1]]))
    return _emit(builder, module.child("cv2"), [builder.one("Concat", *parts, axis=1)])


def _sppf(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    parts = [_emit(builder, module.child("cv1"), sources)]
    for _ in range(int(module.state.get("n", 3))):
        parts.append(_emit(builder, module.child("m"), [parts[-1]]))
    closed = _emit(builder, module.child("cv2"), [builder.one("Concat", *parts, axis=1)])
    return builder.one("Add", closed, sources[0]) if module.state.get("add") else closed


def _max_pool(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    size, stride, pad = (int(module.setting(name)) for name in ("kernel_size", "stride", "padding"))
    return builder.one("MaxPool", sources[0], kernel_shape=[size] * 2, strides=[stride] * 2, pads=[pad] * 4)


def _upsample(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    if module.setting("mode") != "nearest":
        raise ModelError(f"checkpoint: Upsample has mode {module.setting('mode')!r}, YOLOv8 has 'nearest'")
    factor = float(module.setting("scale_factor"))
    scales = builder.weight(np.array([1, 1, factor, factor], np.float32))
    return builder.one(
        "Resize",
        sources[0],
        "",
        scales,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _concat(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    return builder.one("Concat", *sources, axis=int(module.setting("d")))


_EMITTERS: dict[str, Callable[[GraphBuilder, Module, Sequence[str]], str]] = {
    "Bottleneck": _bottleneck,
    "C2f": _c2f,
    "Concat": _concat,
    "Conv": _conv,
    "Conv2d": _plain_conv,
    "MaxPool2d": _max_pool,
    "SPPF": _sppf,
    "Sequential": _sequential,
    "Upsample": _upsample,
}
