"""Writes an ONNX graph node by node; names are made up as they are needed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.errors import ModelError

# YOLOv8n has 292, YOLO26n 455, the largest sizes a few times that. A checkpoint can hold one module in many places, and a tree
# that is built so need not end.
NODES_MAX = 20_000
OPSET = 17  # every runtime since ONNX Runtime 1.12 knows it, and nothing here needs a newer one
_IR_VERSION = 8  # the one that belongs to opset 17, so that older runtimes load the file too

Array = NDArray[np.float32] | NDArray[np.int64]


class GraphBuilder:
    """Collects nodes and weights and closes them into a model."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._integers: dict[tuple[int, ...], str] = {}

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        """Add a node and return the names of its outputs.

        Raises:
            ModelError: there are more than any detector has.
        """
        if len(self._nodes) >= NODES_MAX:
            raise ModelError(f"checkpoint: more than {NODES_MAX} operations, which no detector has")
        names = [f"{kind.lower()}_{len(self._nodes)}_{index}" for index in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, name=f"{kind}_{len(self._nodes)}", **attributes))
        return names

    def one(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output and return its name."""
        return self.op(kind, *inputs, **attributes)[0]

    def weight(self, values: Array) -> str:
        """Add a constant tensor and return its name."""
        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        """The name of a constant int64 vector; the same values share one."""
        if values not in self._integers:
            self._integers[values] = self.weight(np.array(values, np.int64))
        return self._integers[values]

    def model(
        self,
        *,
        inputs: Mapping[str, Sequence[str | int]],
        outputs: Mapping[str, tuple[str, Sequence[str | int]]],
        metadata: Mapping[str, str],
    ) -> onnx.ModelProto:
        """Close the graph.

        Args:
            inputs: float32 inputs by name, with their shapes; a word stands for a size that is known only when it runs.
            outputs: float32 outputs by name, each with the inner name that it takes its values from and its shape.
            metadata: key-value pairs kept in the file.

        Returns:
            The checked model.
        """
        renamed = [helper.make_node("Identity", [inner], [name], name=name) for name, (inner, _) in outputs.items()]
        graph = helper.make_graph(
            [*self._nodes, *renamed],
            "detector",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, (_, shape) in outputs.items()],
            self._weights,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION, producer_name="streetwarden"
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        return model
