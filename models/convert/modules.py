"""The modules that YOLOv8, YOLO11 and YOLO26 are built of, each as ONNX nodes.

One function a kind of module; blocks call each other through `emit`, so the tree of the checkpoint alone says which
generation and size it is. Batch norm is folded into the convolutions.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from models.convert.checkpoint import Module
from models.convert.graph import GraphBuilder
from models.errors import ModelError


def emit(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    """Add one module of the tree.

    Args:
        builder: the graph so far.
        module: what to add, with all that is in it.
        sources: names of its inputs, float32 `(N, C, h, w)`; all kinds but `Concat` take one.

    Returns:
        The name of its output.

    Raises:
        ModelError: it is no part of such a detector; the line lists what is.
    """
    try:
        emitter = _EMITTERS[module.name]
    except KeyError:
        raise ModelError(
            f"checkpoint: {module.name} is no part of a YOLOv8, YOLO11 or YOLO26 detector ({', '.join(_EMITTERS)})"
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
        last = emit(builder, child, [last])
    return last


def _bottleneck(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    inner = emit(builder, module.child("cv2"), [emit(builder, module.child("cv1"), sources)])
    return builder.one("Add", sources[0], inner) if module.setting("add") else inner


def _halves(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> list[str]:
    """What `cv1` gives, in two halves of its channels."""
    width = int(module.setting("c"))
    opened = emit(builder, module.child("cv1"), sources)
    return builder.op("Split", opened, builder.integers(width, width), outputs=2, axis=1)


def _c2f(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    """C2f, and C3k2, whose inner blocks may be C3k or end in attention."""
    parts = _halves(builder, module, sources)
    for block in module.child("m").children.values():
        parts.append(emit(builder, block, [parts[-1]]))
    return emit(builder, module.child("cv2"), [builder.one("Concat", *parts, axis=1)])


def _c3(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    deep = emit(builder, module.child("m"), [emit(builder, module.child("cv1"), sources)])
    beside = emit(builder, module.child("cv2"), sources)
    return emit(builder, module.child("cv3"), [builder.one("Concat", deep, beside, axis=1)])


def _c2psa(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    kept, attended = _halves(builder, module, sources)
    attended = emit(builder, module.child("m"), [attended])
    return emit(builder, module.child("cv2"), [builder.one("Concat", kept, attended, axis=1)])


def _psa_block(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    (last,) = sources
    for name in ("attn", "ffn"):
        inner = emit(builder, module.child(name), [last])
        last = builder.one("Add", last, inner) if module.setting("add") else inner
    return last


def _attention(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    """Every cell looks at every other; a depth-wise convolution of the values says where they are."""
    heads, key, head = (int(module.setting(name)) for name in ("num_heads", "key_dim", "head_dim"))
    shape = builder.one("Shape", sources[0])
    mixed = emit(builder, module.child("qkv"), sources)
    split = builder.one("Reshape", mixed, builder.integers(0, heads, 2 * key + head, -1))  # (N, heads, ·, h·w)
    queries, keys, values = builder.op("Split", split, builder.integers(key, key, head), outputs=3, axis=2)
    scaled = builder.one("Mul", queries, builder.weight(np.array(module.setting("scale"), np.float32)))
    weights = builder.one("Softmax", builder.one("MatMul", _flipped(builder, scaled), keys), axis=-1)
    looked = builder.one("Reshape", builder.one("MatMul", values, _flipped(builder, weights)), shape)
    placed = emit(builder, module.child("pe"), [builder.one("Reshape", values, shape)])
    return emit(builder, module.child("proj"), [builder.one("Add", looked, placed)])


def _flipped(builder: GraphBuilder, matrices: str) -> str:
    return builder.one("Transpose", matrices, perm=[0, 1, 3, 2])


def _sppf(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    parts = [emit(builder, module.child("cv1"), sources)]
    for _ in range(int(module.state.get("n", 3))):
        parts.append(emit(builder, module.child("m"), [parts[-1]]))
    closed = emit(builder, module.child("cv2"), [builder.one("Concat", *parts, axis=1)])
    return builder.one("Add", closed, sources[0]) if module.state.get("add") else closed


def _max_pool(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    size, stride, pad = (int(module.setting(name)) for name in ("kernel_size", "stride", "padding"))
    return builder.one("MaxPool", sources[0], kernel_shape=[size] * 2, strides=[stride] * 2, pads=[pad] * 4)


def _upsample(builder: GraphBuilder, module: Module, sources: Sequence[str]) -> str:
    if module.setting("mode") != "nearest":
        raise ModelError(f"checkpoint: Upsample has mode {module.setting('mode')!r}, these detectors have 'nearest'")
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
    "Attention": _attention,
    "Bottleneck": _bottleneck,
    "C2PSA": _c2psa,
    "C2f": _c2f,
    "C3k": _c3,
    "C3k2": _c2f,
    "Concat": _concat,
    "Conv": _conv,
    "Conv2d": _plain_conv,
    "DWConv": _conv,
    "MaxPool2d": _max_pool,
    "PSABlock": _psa_block,
    "SPPF": _sppf,
    "Sequential": _sequential,
    "Upsample": _upsample,
}
