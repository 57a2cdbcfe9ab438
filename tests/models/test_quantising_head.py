from pathlib import Path

import numpy as np
import onnx
import pytest

from models.quantising.head import float_nodes, name_nodes, silu_inputs
from models.registry.entries import load_registry
from models.registry.pull import pull
from tests.models.quantising_parts import square_detector

helper, numpy_helper = onnx.helper, onnx.numpy_helper


def test_stem_and_head_stay_float() -> None:
    graph = square_detector().graph
    head = ("c5", "flatten", "score", "join")
    assert float_nodes(graph, stem=0) == head
    assert float_nodes(graph, stem=1) == ("c1", *head)
    assert float_nodes(graph) == ("c1", "s1", "a1", "c2", *head)
    assert silu_inputs(graph) == {"c1", "c2", "c3", "c4"}  # whichever way round the product is written


@pytest.mark.parametrize(
    ("weights", "bias", "stays_float"),
    [
        (np.arange(4), False, ["box", "mean"]),  # the mean of a distribution: decoding
        (np.arange(4), True, ["mean"]),  # a bias is learned
        (np.array([0, 1, 2, 4]), False, ["mean"]),
    ],
)
def test_a_fixed_sum_is_no_learned_convolution(weights: np.ndarray, *, bias: bool, stays_float: list[str]) -> None:
    inputs = ["box", "sum", "bias"] if bias else ["box", "sum"]
    nodes = [
        helper.make_node("Conv", ["x", "learned"], ["box"], "box"),
        helper.make_node("Conv", inputs, ["mean"], "mean"),
    ]
    constant = numpy_helper.from_array(weights.astype(np.float32).reshape(1, 4, 1, 1), "sum")
    assert list(float_nodes(helper.make_graph(nodes, "g", [], [], [constant]), stem=0)) == stays_float


def test_without_convolutions_all_stays_float() -> None:
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"], "relu")], "g", [], [])
    assert float_nodes(graph) == ("relu",)


def test_nodes_get_names_of_their_own() -> None:
    graph = helper.make_graph([helper.make_node("Relu", [name], [name + "'"], "r") for name in "xyz"], "g", [], [])
    graph.node[2].name = ""
    name_nodes(graph)
    assert [node.name for node in graph.node] == ["r", "Relu_at_1", "Relu_at_2"]


def test_our_own_graph() -> None:
    graph = onnx.load(pull(load_registry().model("yolov8n"))).graph
    kinds = {node.name: node.op_type for node in graph.node}
    kept = [kinds[name] for name in float_nodes(graph, stem=0)]
    # Three maps, each with a last convolution for boxes and one for classes; and the integral of the distances.
    assert kept.count("Conv") == 3 * 2 + 1
    assert kept.count("Softmax") == 1
    assert list(kinds.values()).count("Conv") == 63 + 1
    assert len(silu_inputs(graph)) == 63 - 6  # all but the last ones are activated


def test_a_foreign_graph(shared: Path) -> None:
    graph = onnx.load(shared / "models" / "yolox_nano.onnx").graph
    name_nodes(graph)
    kinds = {node.name: node.op_type for node in graph.node}
    kept = [kinds[name] for name in float_nodes(graph, stem=0)]
    assert kept.count("Conv") == 3 * 3  # box, objectness and class of three maps
    assert kept.count("Sigmoid") == 3 * 2
