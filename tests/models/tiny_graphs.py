"""Tiny detectors as ONNX files: they say the same whatever they see."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

helper, numpy_helper = onnx.helper, onnx.numpy_helper

OPEN = (1, 3, "height", "width")


def tiny_graph(
    outputs: Mapping[str, NDArray[Any]],
    *,
    shape_in: Sequence[int | str] = (1, 3, 64, 64),
    dtype: str = "float32",
    picture: str = "images",
    sizes: str | None = None,
    metadata: Mapping[str, str] | None = None,
    opened: Mapping[str, Sequence[int | str]] | None = None,
) -> bytes:
    """A graph with these outputs.

    Args:
        outputs: by name, with the batch axis.
        shape_in: of the picture; words for sides that are open.
        dtype: of the picture.
        picture: its name.
        sizes: name of an input int64 (N, 2), width and height; the output `boxes` is multiplied by it, as RT-DETR does.
        metadata: kept in the file.
        opened: shapes that are declared otherwise than they come out.
    """
    nodes = [
        helper.make_node("ReduceMax", [picture], ["brightest"], keepdims=0),
        helper.make_node("Sub", ["brightest", "brightest"], ["nothing"]),
    ]
    inputs = [helper.make_tensor_value_info(picture, kind_of(np.dtype(dtype)), list(shape_in))]
    if sizes:
        inputs.append(helper.make_tensor_value_info(sizes, onnx.TensorProto.INT64, ["N", 2]))
        nodes += [
            helper.make_node("Cast", [sizes], ["sizes_float"], to=onnx.TensorProto.FLOAT),
            helper.make_node("Concat", ["sizes_float", "sizes_float"], ["corners"], axis=1),
            helper.make_node("Unsqueeze", ["corners", "one"], ["factors"]),
        ]
    constants = [numpy_helper.from_array(np.array([1]), "one")]
    for name, values in outputs.items():
        constants.append(numpy_helper.from_array(values, f"{name}_values"))
        nodes.append(helper.make_node("Cast", ["nothing"], [f"{name}_nothing"], to=kind_of(values.dtype)))
        scaled = sizes and name == "boxes"
        last = f"{name}_sum" if scaled else name
        nodes.append(helper.make_node("Add", [f"{name}_nothing", f"{name}_values"], [last]))
        if scaled:
            nodes.append(helper.make_node("Mul", [last, "factors"], [name]))
    declared = {name: list(values.shape) for name, values in outputs.items()} | dict(opened or {})
    given = [
        helper.make_tensor_value_info(name, kind_of(outputs[name].dtype), list(declared[name])) for name in outputs
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", inputs, given, constants),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    helper.set_model_props(model, dict(metadata or {}))
    return model.SerializeToString()


def kind_of(dtype: np.dtype[Any]) -> int:
    return int(helper.np_dtype_to_tensor_dtype(dtype))
