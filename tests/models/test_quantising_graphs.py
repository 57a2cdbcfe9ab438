import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from models.errors import ModelError
from models.quantising.calibration import SILU_FLOOR, Method, tensor_ranges
from models.quantising.graphs import _cast_once, write_fp16, write_int8
from models.runtime.session import Session, open_session
from tests.models.quantising_parts import METADATA, square_detector, squares

Feed = dict[str, NDArray[Any]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "squares.onnx"
    onnx.save(square_detector(), path)
    return path


def feed(seed: int) -> Feed:
    planes = squares(seed).transpose(2, 0, 1)[None]
    return {"images": np.ascontiguousarray(planes, np.float32) / np.float32(255)}


def eight() -> Iterator[Feed]:
    return map(feed, range(8))


def scores(session: Session, seed: int) -> NDArray[np.float32]:
    return np.asarray(session.run(feed(seed))[0][0, 4])


@pytest.mark.parametrize("method", list(Method))
def test_int8_says_nearly_the_same(
    method: Method, source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "int8.onnx"
    with caplog.at_level(logging.WARNING):
        write_int8(source, target, eight, method=method)
    assert not caplog.records
    assert capfd.readouterr().out == ""  # the library's talk does not get among our results
    whole, small = (open_session(path, provider="cpu") for path in (source, target))
    for seed in range(20, 24):  # not those that it was calibrated with
        expected, got = whole.run(feed(seed))[0], small.run(feed(seed))[0]
        np.testing.assert_array_equal(got[:, :4], expected[:, :4])  # boxes are decoded in float
        np.testing.assert_allclose(got[:, 4], expected[:, 4], atol=0.1)
        assert (np.abs(got[:, 4] - expected[:, 4]) > 1e-6).any()  # it is quantised
    assert small.inputs == whole.inputs
    assert small.outputs == whole.outputs
    assert small.metadata == METADATA | {"precision": "int8", "calibration": method.value}


@pytest.mark.parametrize("full_range", [False, True])
def test_what_is_quantised(*, full_range: bool, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.onnx"
    write_int8(source, target, eight, full_range=full_range)
    graph = onnx.load(target).graph
    makers = {output: node.op_type for node in graph.node for output in node.output}
    inputs = {node.name: [makers.get(name) for name in node.input] for node in graph.node}
    for name in ("c3", "c4"):
        assert inputs[name] == ["DequantizeLinear"] * 3  # activations, weights, bias
    for name in ("c1", "c2", "c5"):  # stem and head: weights as they were
        assert inputs[name][1] is None
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = constants["w3_quantized"]
    assert weights.dtype == np.int8
    assert np.abs(weights).max() == (127 if full_range else 64)
    assert constants["w3_scale"].shape == (4,)  # one for each output channel


def test_older_graphs_without_names(source: Path, tmp_path: Path) -> None:
    onnx.save(square_detector(opset=11, named=False), source)
    target = tmp_path / "int8.onnx"
    write_int8(source, target, eight)
    whole, small = (open_session(path, provider="cpu") for path in (source, target))
    np.testing.assert_allclose(scores(small, 30), scores(whole, 30), atol=0.1)


def test_ranges_of_silu_begin_where_it_is_nearly_zero(source: Path) -> None:
    ranges = tensor_ranges(
        source, [{"images": np.full((1, 3, 64, 64), value, np.float32)} for value in (-20, 1)], Method.MINMAX
    )
    # Means times a gain of 2…4: from -20·4 at most to 1·4 at most; what follows is the SiLU of it.
    low, high = (float(np.ravel(bound)[0]) for bound in ranges["c1"].range_value)
    assert low == SILU_FLOOR
    assert 2 < high < 4
    assert float(np.ravel(ranges["images"].range_value[0])[0]) == -20


def test_fp16_keeps_inputs_outputs_and_head(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "fp16.onnx"
    write_fp16(source, target)
    whole, half = (open_session(path, provider="cpu") for path in (source, target))
    assert half.inputs == whole.inputs
    assert half.outputs == whole.outputs
    assert half.metadata == METADATA | {"precision": "fp16"}
    np.testing.assert_allclose(scores(half, 1), scores(whole, 1), atol=5e-3)
    np.testing.assert_array_equal(half.run(feed(1))[0][:, :4], whole.run(feed(1))[0][:, :4])
    kinds = {tensor.name: tensor.data_type for tensor in onnx.load(target).graph.initializer}
    assert kinds["w1"] == kinds["w4"] == onnx.TensorProto.FLOAT16
    assert kinds["w5"] == onnx.TensorProto.FLOAT


def test_what_cannot_be_quantised(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.onnx"
    write_int8(source, target, eight)
    with pytest.raises(ModelError, match="it is quantised already"):
        write_int8(target, tmp_path / "twice.onnx", eight)
    model = square_detector()
    del model.graph.node[: [node.name for node in model.graph.node].index("flatten")]
    model.graph.input[0].name = "c5"
    onnx.save(model, source)
    with pytest.raises(ModelError, match="it has no convolutions that could be quantised"):
        write_fp16(source, tmp_path / "never.onnx")
    assert not (tmp_path / "twice.onnx").exists()
    assert not (tmp_path / "never.onnx").exists()


def test_a_value_is_cast_once_for_all_that_read_it() -> None:
    """As ONNX Runtime 1.31 writes it for two float nodes that read one half: such a file cannot be opened."""
    make = onnx.helper.make_node
    casts = [make("Cast", ["half"], ["half_fp32"], name="half_fp32_node", to=1) for _ in range(2)]
    other = make("Cast", ["other"], ["other_fp32"], name="other_fp32_node", to=1)
    readers = [make("Neg", ["half_fp32"], ["a"]), make("Abs", ["half_fp32"], ["b"])]
    graph = onnx.helper.make_graph([casts[0], readers[0], casts[1], other, readers[1]], "casts", [], [])
    _cast_once(graph)
    assert [(node.op_type, node.output[0]) for node in graph.node] == [
        ("Cast", "half_fp32"),
        ("Neg", "a"),
        ("Cast", "other_fp32"),
        ("Abs", "b"),
    ]
