"""Takes the mean error of rounded weights out of a graph, by its biases.

Weights W rounded to W + D shift what a convolution gives by D · x. Behind a SiLU or ReLU the mean of x is not 0, so each output
channel drifts by D · E[x], and its bias can take that back (Nagel et al. 2019, arXiv:1906.04721, section 4.2). Here E[x] is
measured, on the frames that calibrate.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.runtime.session import Tensors

Floats = NDArray[np.float32]


def input_means(graph_file: Path, feeds: Iterable[Tensors]) -> dict[str, Floats]:
    """The mean of each channel of what each convolution takes, over all pictures, weighted alike.

    Args:
        graph_file: an ONNX file with float32 tensors.
        feeds: inputs of one picture each; read once, one at a time.

    Returns:
        By the name of the tensor, float32 `(channels,)`.
    """
    model = onnx.load(graph_file)
    names = sorted({node.input[0] for node in model.graph.node if node.op_type == "Conv"})
    means = [f"{name} (mean)" for name in names]
    del model.graph.output[:]
    for name, mean in zip(names, means, strict=True):
        model.graph.node.append(helper.make_node("GlobalAveragePool", [name], [mean], mean))
        model.graph.output.append(helper.make_tensor_value_info(mean, TensorProto.FLOAT, None))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    pictures = [session.run(means, dict(feed)) for feed in feeds]
    return {
        name: np.mean([np.ravel(picture[index]) for picture in pictures], axis=0) for index, name in enumerate(names)
    }


def correct_biases(graph: onnx.GraphProto, quantised: onnx.GraphProto, means: Mapping[str, Floats]) -> int:
    """Move the biases of a float graph against the drift that its quantised form has.

    Args:
        graph: the float graph; its biases are changed.
        quantised: the same graph, in QDQ form, with symmetric weights and a scale for each output channel.
        means: of the channels of the inputs of its convolutions.

    Returns:
        How many convolutions were corrected; those that stayed float, or have no bias, are as they were.
    """
    whole = {tensor.name: tensor for tensor in graph.initializer}
    rounded = {tensor.name: numpy_helper.to_array(tensor) for tensor in quantised.initializer}
    corrected = 0
    for node in graph.node:
        integers, scale = (
            rounded.get(f"{node.input[1]}_{part}") if node.op_type == "Conv" else None
            for part in ("quantized", "scale")
        )
        if integers is None or scale is None or len(node.input) < 3 or node.input[2] not in whole:  # noqa: PLR2004
            continue
        weight = numpy_helper.to_array(whole[node.input[1]])
        error = integers * scale.reshape(-1, 1, 1, 1) - weight
        bias = whole[node.input[2]]
        moved = numpy_helper.to_array(bias) - drift(error, means[node.input[0]])
        bias.CopyFrom(numpy_helper.from_array(moved.astype(np.float32), bias.name))
        corrected += 1
    return corrected


def drift(error: Floats, mean: Floats) -> Floats:
    """What the mean of each output channel moves by.

    Args:
        error: of the weights, float32 `(out, in / groups, height, width)`.
        mean: of the input, float32 `(in,)`.

    Returns:
        float32 `(out,)`.

    Examples:
        >>> drift(np.full((2, 1, 3, 3), 0.5, np.float32), np.array([1, 2], np.float32)).tolist()  # depthwise: two groups
        [4.5, 9.0]
    """
    groups = len(mean) // error.shape[1]
    by_group = error.sum(axis=(2, 3)).reshape(groups, -1, error.shape[1])  # group, output, input
    return np.asarray(np.einsum("goi,gi->go", by_group, mean.reshape(groups, -1)).ravel(), np.float32)
