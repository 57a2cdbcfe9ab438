"""Writes the variants of a graph: 8-bit integers for processors, half floats for GPUs."""

import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import onnx
from onnx import TensorProto, helper, version_converter
from onnxruntime.quantization import (
    QuantType,
    quant_pre_process,
    quantize_static,
    save_tensors_data,
)

from models.convert.graph import OPSET
from models.errors import ModelError
from models.quantising.bias import correct_biases, input_means
from models.quantising.calibration import Method, tensor_ranges
from models.quantising.head import STEM_CONVOLUTIONS, float_nodes, name_nodes
from models.runtime.session import Tensors

Feeds = Callable[[], Iterable[Tensors]]

_OPSET_MIN = 13  # a scale for each channel came with it
_QUANTISED = frozenset({"QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger"})


def write_int8(
    source: Path, target: Path, feeds: Feeds, *, method: Method = Method.PERCENTILE, full_range: bool = False
) -> None:
    """Write a graph whose convolutions, and all between them, run on 8-bit integers (QDQ); inputs and outputs as before.

    Activations are unsigned and asymmetric, weights signed with a scale for each output channel: with one scale for a whole
    tensor YOLOv8n loses a tenth of its AP. Weights take 7 bits unless `full_range`: x86 processors without VNNI add two
    products in 16 bits, which 8-bit weights overflow in silence. What rounded weights move on average, biases take back.

    Args:
        source: an ONNX file.
        target: the file to write.
        feeds: gives inputs of one picture each, to calibrate with; called twice, read one at a time.
        method: of calibration.
        full_range: weights of 8 bits.

    Raises:
        ModelError: there is nothing in it to quantise.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared, cached = Path(folder) / "prepared.onnx", Path(folder) / "ranges.json"
        kept = _prepare(source, prepared, stem=STEM_CONVOLUTIONS)
        ranges = tensor_ranges(prepared, feeds(), method)
        save_tensors_data(ranges, cached)

        def quantise() -> None:
            quantize_static(
                prepared,
                target,
                calibration_cache_path=cached,
                calibrate_method=ranges.calibration_method,
                nodes_to_exclude=list(kept),
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=not full_range,
            )

        quantise()
        model = onnx.load(prepared)
        correct_biases(model.graph, onnx.load(target).graph, input_means(prepared, feeds()))
        onnx.save(model, prepared)
        quantise()
    _keep_metadata(source, target, {"precision": "int8", "calibration": method.value})


def write_fp16(source: Path, target: Path) -> None:
    """Write a graph whose convolutions, and all between them, run on half floats; inputs and outputs as before.

    Args:
        source: an ONNX file.
        target: the file to write.

    Raises:
        ModelError: there is nothing in it to convert.
    """
    path = list(sys.path)
    from onnxruntime.transformers.float16 import convert_float_to_float16  # noqa: PLC0415 - see the next line

    sys.path[:] = path  # the package appends its own folder, whose modules are called `models` and `benchmark`
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        kept = _prepare(source, prepared, stem=0)
        half = convert_float_to_float16(onnx.load(prepared), keep_io_types=True, node_block_list=list(kept))
        _cast_once(half.graph)
        onnx.save(half, target)
    _keep_metadata(source, target, {"precision": "fp16"})


def _cast_once(graph: onnx.GraphProto) -> None:
    """Leave one cast of each value: up to 1.31, ONNX Runtime adds one for each node that reads it, all under one name."""
    given: set[str] = set()
    again = []
    for index, node in enumerate(graph.node):
        if node.op_type == "Cast" and node.output[0] in given:
            again.append(index)
        given.update(node.output)
    for index in reversed(again):  # the first one stays, so that it stands before all who read it
        del graph.node[index]


def _prepare(source: Path, target: Path, *, stem: int) -> tuple[str, ...]:
    """Write a graph of a new enough opset, constants folded, batch norm merged, nodes named; say which stay float."""
    model = onnx.load(source)
    if _QUANTISED.intersection(node.op_type for node in model.graph.node):
        raise ModelError("it is quantised already")
    if any(port.type.tensor_type.elem_type == TensorProto.FLOAT16 for port in model.graph.input):
        raise ModelError("it takes half floats; give the float32 model")
    if next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx")) < _OPSET_MIN:
        model = version_converter.convert_version(model, OPSET)
    onnx.save(model, target)
    # Symbolic shapes would need SymPy, and only transformers gain from them.
    quant_pre_process(str(target), str(target), skip_symbolic_shape=True)
    prepared = onnx.load(target)
    name_nodes(prepared.graph)
    onnx.save(prepared, target)
    kept = float_nodes(prepared.graph, stem=stem)
    if len(kept) == len(prepared.graph.node):
        raise ModelError("it has no convolutions that could be quantised")
    return kept


def _keep_metadata(source: Path, target: Path, added: Mapping[str, str]) -> None:
    """Give a file the metadata of its source (class names, licence) and some more."""
    model = onnx.load(target)
    before = {prop.key: prop.value for prop in onnx.load(source, load_external_data=False).metadata_props}
    del model.metadata_props[:]
    helper.set_model_props(model, before | dict(added))
    onnx.save(model, target)
