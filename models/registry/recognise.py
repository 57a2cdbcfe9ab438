"""Finds out what an unknown detector is: by its ports, what it says of itself, and what it gives for a grey picture."""

import ast
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.families import FAMILIES
from models.families.family import Layout, first_picture
from models.families.graph import Graph, InputSize, input_size, text
from models.letterbox import Letterbox
from models.runtime.session import Port, Runner

_log = logging.getLogger(__name__)

_GREY = 0.45  # 114 of 255; what the values are does not matter here, only that they are usual
_TASK = "detect"
_BESIDES_CLASSES = (4, 5, 1, 0)  # columns that families put beside those of the classes
_CLASSES_MAX = 20_000  # of the largest sets of labels in use


@dataclass(frozen=True, slots=True)
class Probed:
    """A model after it was shown a grey picture.

    Attributes:
        graph: its ports, with the sizes that they had.
        size: the picture that it takes.
        outputs: what it gave, without the batch axis.
    """

    graph: Graph
    size: InputSize
    outputs: list[NDArray[Any]]


def probe(runner: Runner, classes: int, input_px: int) -> Probed:
    """Show a model a grey picture.

    Args:
        runner: the open model.
        classes: how many it is said to know.
        input_px: for a side of the picture that the graph leaves open.

    Raises:
        ModelError: it is said to be no detector, it takes no picture, or it fails.
    """
    task = runner.metadata.get("task", _TASK)
    if task != _TASK:
        raise ModelError(f"a model for {task!r}; only those for {_TASK!r} can be used")
    size = input_size(runner.inputs[0], input_px)
    feeds = {runner.inputs[0].name: np.full((1, 3, size.height_px, size.width_px), _GREY, runner.inputs[0].dtype)}
    for port in runner.inputs[1:]:
        feeds[port.name] = np.array([[size.width_px, size.height_px]], _size_dtype(port))
    try:
        outputs = runner.run(feeds)
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's own exceptions have no common base but Exception
        problem = " ".join(str(error).split())
        raise ModelError(f"fails on a grey picture of {size.width_px}x{size.height_px} px: {problem}") from None
    if any(np.isnan(output).any() for output in outputs if output.dtype.kind == "f"):
        raise ModelError(f"gives no numbers (NaN) for a grey picture of {size.width_px}x{size.height_px} px")
    if any(output.ndim == 0 or len(output) != 1 for output in outputs):
        shapes = ", ".join(text(output.shape) for output in outputs)
        raise ModelError(
            f"outputs of shape {shapes} for one picture; each has to begin with an axis of 1 for the batch"
        )
    given = tuple(replace(port, shape=output.shape) for port, output in zip(runner.outputs, outputs, strict=True))
    taken = tuple(replace(port, shape=feeds[port.name].shape) for port in runner.inputs)
    return Probed(Graph(taken, given, runner.metadata, classes), size, first_picture(outputs))


def recognise(probed: Probed) -> tuple[str, Layout]:
    """The family of a model, and its layout.

    Raises:
        ModelError: there is none or there are several; the line says which there are, or which number of classes would do.
    """
    fitting = _fitting(probed, probed.graph.classes)
    left = [name for name, (_, doubt) in fitting.items() if not doubt]
    if len(left) == 1:
        return left[0], fitting[left[0]][0]
    if left:
        raise ModelError(f"could be {' or '.join(left)}: name the family")
    if fitting:
        doubts = "; ".join(f"looks like {name}, but {doubt}" for name, (_, doubt) in fitting.items())
        raise ModelError(f"{doubts}; name the family if it is one all the same")
    raise _unknown(probed)


def named(family: str, probed: Probed) -> Layout:
    """The layout of a model whose family a person named: its shapes have to be right, its values are theirs to judge.

    Raises:
        ModelError: it is none of this family.
    """
    layout = FAMILIES[family].layout(probed.graph)
    if doubt := _doubt(layout, probed):
        _log.warning("taken as %s, as you say, though %s", family, doubt)
    return layout


def names_in(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The class names that Ultralytics keeps in a model's metadata; none if there are none to be read."""
    try:
        names = ast.literal_eval(metadata.get("names", ""))
        listed = [names[index] for index in sorted(names)] if isinstance(names, dict) else names
    except (SyntaxError, TypeError, ValueError):
        return ()
    return tuple(str(name) for name in listed) if isinstance(listed, list | tuple) else ()


def _size_dtype(port: Port) -> str:
    """The type for an input that takes the size of the picture: the only other input that any layout has."""
    if len(port.shape) != 2 or port.shape[1] not in {2, None} or port.dtype not in {"int64", "int32", "float32"}:  # noqa: PLR2004
        raise ModelError(
            f"input {port.name} {text(port.shape)} of {port.dtype}; beside the picture only its size, (N, 2), is known"
        )
    return port.dtype


def _fitting(probed: Probed, classes: int) -> dict[str, tuple[Layout, str]]:
    """Families that have a layout of these shapes for so many classes, and what speaks against each."""
    graph, fitting = replace(probed.graph, classes=classes), {}
    for name, family in FAMILIES.items():
        try:
            layout = family.layout(graph)
        except ModelError:
            continue
        fitting[name] = layout, _doubt(layout, probed)
    return fitting


def _doubt(layout: Layout, probed: Probed) -> str:
    """What speaks against a layout in the values that came of the grey picture."""
    into = probed.size.width_px, probed.size.height_px
    return layout.head.doubt(probed.outputs, Letterbox.stretch(*into, input_px=into))


def _unknown(probed: Probed) -> ModelError:
    """The error for a graph of no family: for what number of classes it would be one, or what is known."""
    outputs = probed.graph.outputs
    sizes = {size for port in outputs for size in port.shape[1:] if isinstance(size, int)}
    counts = {size - besides for size in sizes for besides in _BESIDES_CLASSES}
    others = [
        f"{name} for {count} classes"
        for count in sorted(counts)
        if 0 < count <= _CLASSES_MAX
        for name, (_, doubt) in _fitting(probed, count).items()
        if not doubt
    ]
    if others:
        return ModelError(f"looks like {' or '.join(others)}, but the list of classes has {probed.graph.classes}")
    given = ", ".join(f"{port.name} {text(port.shape)}" for port in outputs)
    known = "; ".join(f"{name}: {family.gives}" for name, family in FAMILIES.items())
    return ModelError(f"no known family gives {given}. Known are {known}")
