from pathlib import Path

import numpy as np
import onnx
import pytest

from models.quantising.bias import correct_biases, drift, input_means

helper, numpy_helper = onnx.helper, onnx.numpy_helper


def convolution(weight: np.ndarray, *, bias: bool = True, groups: int = 1) -> onnx.ModelProto:
    """One convolution, weight (out, in / groups, 1, 1), with biases 0, 1, 2, …"""
    inputs = ["x", "w", "b"] if bias else ["x", "w"]
    node = helper.make_node("Conv", inputs, ["y"], "conv", group=groups)
    constants = [numpy_helper.from_array(weight.astype(np.float32), "w")]
    constants += [numpy_helper.from_array(np.arange(len(weight), dtype=np.float32), "b")] if bias else []
    kind, channels = onnx.TensorProto.FLOAT, weight.shape[1] * groups
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", kind, [1, channels, "h", "w"])],
        [helper.make_tensor_value_info("y", kind, None)],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_means_of_channels(tmp_path: Path) -> None:
    path = tmp_path / "g.onnx"
    onnx.save(convolution(np.ones((1, 2, 1, 1))), path)
    pictures = [np.array([[[[1, 3]], [[0, 0]]]]), np.array([[[[6]], [[2]]]])]  # of two sizes
    means = input_means(path, ({"x": picture.astype(np.float32)} for picture in pictures))
    assert means["x"].tolist() == [4, 1]  # (2 + 6) / 2, (0 + 2) / 2: a picture counts once, whatever its size


def test_a_bias_takes_back_the_drift() -> None:
    model = convolution(np.array([[0.9, 0.0], [0.0, 2.2]]).reshape(2, 2, 1, 1))
    rounded = [np.array([[1, 0], [0, 1]], np.int8).reshape(2, 2, 1, 1), np.array([1, 2], np.float32)]
    names = ["w_quantized", "w_scale"]
    quantised = helper.make_graph(
        [], "g", [], [], [numpy_helper.from_array(*pair) for pair in zip(rounded, names, strict=True)]
    )
    assert correct_biases(model.graph, quantised, {"x": np.array([10, 5], np.float32)}) == 1
    # Channel 0: weight 1 for 0.9, times the mean 10: 1.0 too much. Channel 1: 2 for 2.2, times 5: 1.0 too little.
    np.testing.assert_allclose(numpy_helper.to_array(model.graph.initializer[1]), [0 - 1.0, 1 + 1.0], rtol=1e-5)


def test_groups() -> None:
    error = np.array([1, 2, 3, 4], np.float32).reshape(4, 1, 1, 1)  # two groups of two outputs and one input
    assert drift(error, np.array([10, 100], np.float32)).tolist() == [10, 20, 300, 400]


@pytest.mark.parametrize("bias", [False, True])
def test_what_stays_float_stays_as_it_was(*, bias: bool) -> None:
    model = convolution(np.ones((2, 2, 1, 1)), bias=bias)
    before = model.SerializeToString()
    assert correct_biases(model.graph, helper.make_graph([], "g", [], []), {"x": np.ones(2, np.float32)}) == 0
    assert model.SerializeToString() == before
