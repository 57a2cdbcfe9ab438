"""Finds the parts of a detector's graph that have to stay float: its first convolutions, and what decodes boxes and scores."""

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import numpy_helper

# The first ones see raw pixels and give the widest ranges (up to 150 in YOLOv8n), and their errors go through all that follows;
# they are 4 % of the multiplications.
STEM_CONVOLUTIONS = 2

_LEARNED = frozenset({"Conv", "ConvTranspose"})


def name_nodes(graph: onnx.GraphProto) -> None:
    """Give each node a name of its own: quantisers choose nodes by name, and exporters may leave it out."""
    taken: set[str] = set()
    for index, node in enumerate(graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_at_{index}"
        taken.add(node.name)


def float_nodes(graph: onnx.GraphProto, *, stem: int = STEM_CONVOLUTIONS) -> tuple[str, ...]:
    """The nodes that must not be quantised: stem and head.

    The head is the last learned convolution of each branch, and all that no such one follows. It decodes: distances, anchors,
    logits, pixels. Its values don't bear 256 steps, and it is cheap. A convolution that is a fixed sum, such as the integral of
    distribution focal loss (weights 0, 1, 2, …; Li et al. 2020, arXiv:2006.04388), is not learned. So the graphs of any
    exporter are understood, if they decode after their convolutions. The stem is the first convolutions, and all that leads to
    them.

    Args:
        graph: nodes named (`name_nodes`), in topological order, as ONNX demands.
        stem: how many convolutions.

    Returns:
        Their names, in the order of the graph; all nodes, when nothing is between stem and head.

    Examples:
        >>> from onnx import helper
        >>> chain = ["Conv", "Conv", "Relu", "Conv", "Relu", "Conv", "Sigmoid"]
        >>> nodes = [helper.make_node(kind, [f"{i}", "w"], [f"{i + 1}"], f"{kind} {i}") for i, kind in enumerate(chain)]
        >>> float_nodes(helper.make_graph(nodes, "g", [], []))
        ('Conv 0', 'Conv 1', 'Conv 5', 'Sigmoid 6')
    """
    weights = {tensor.name: tensor for tensor in graph.initializer}
    learned = [node for node in graph.node if _is_learned(node, weights)]
    first = {node.name for node in learned[:stem]} | _leading_to(graph, learned[:stem])
    followed = _leading_to(graph, learned)
    return tuple(node.name for node in graph.node if node.name in first or node.name not in followed)


def _leading_to(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> set[str]:
    """Names of the nodes whose outputs these nodes take, directly or through others."""
    needed = {name for node in nodes for name in node.input}
    leading = set[str]()
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            leading.add(node.name)
            needed.update(node.input)
    return leading


def silu_inputs(graph: onnx.GraphProto) -> frozenset[str]:
    """Tensors x of which the graph takes x · sigmoid(x), the activation SiLU, as exporters write it out."""
    gates = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Sigmoid"}
    products = [tuple(node.input) for node in graph.node if node.op_type == "Mul"]
    either_way = [pair for one, other in products for pair in ((one, other), (other, one))]
    return frozenset(plain for plain, gate in either_way if gates.get(gate) == plain)


def _is_learned(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> bool:
    return node.op_type in _LEARNED and not _is_fixed_sum(node, weights)


def _is_fixed_sum(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> bool:
    """Whether a convolution has no bias and the weights 0, 1, 2, …, so that it takes the mean of a distribution."""
    if len(node.input) != 2 or node.input[1] not in weights:  # noqa: PLR2004 - input, weight; a third would be the bias
        return False
    values = numpy_helper.to_array(weights[node.input[1]]).ravel()
    return values.size > 1 and np.array_equal(values, np.arange(values.size))
