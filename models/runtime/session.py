"""Opens an ONNX model with the best execution provider at hand."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from models.errors import ModelError

_log = logging.getLogger(__name__)

PROVIDERS = {  # word for people → ONNX Runtime's name, best first
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_QUIET = 3  # errors only: what ONNX Runtime warns of while it tries a provider, we say ourselves in one line


Tensors = Mapping[str, NDArray[Any]]
"""Arrays by the name of the input that they are for, the batch axis first."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph, as it declares it.

    Attributes:
        name: of the tensor.
        shape: a word or None stands for a size that is known only when it runs.
        dtype: as numpy spells it, such as `float32`.
    """

    name: str
    shape: tuple[int | str | None, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Session:
    """An open model. Any number of threads may run it at once.

    On a CPU each run stays on the thread that calls it, so cameras share the cores among themselves (YOLOv8n at 640x384 on two
    cores: 34 pictures a second from one thread, 67 from two). Fixing the sizes of the graph beforehand gains nothing (30.5
    against 30.4 ms a picture), so one session serves all sizes.

    Attributes:
        provider: the word of the execution provider in use.
        inputs: what it takes; the first is the picture.
        outputs: what it gives.
        metadata: key-value pairs kept in the file.
    """

    provider: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: dict[str, str]
    _inner: ort.InferenceSession

    def run(self, feeds: Tensors) -> tuple[NDArray[Any], ...]:
        """Run the model.

        Args:
            feeds: an array for each of `inputs`.

        Returns:
            The outputs, in the order of `outputs`.
        """
        return tuple(np.asarray(output) for output in self._inner.run(None, dict(feeds)))


def open_session(path: Path, *, provider: str | None = None) -> Session:
    """Open a model.

    Args:
        path: an ONNX file.
        provider: `cuda`, `openvino` or `cpu`; None takes the first of these that is there and opens the model.

    Returns:
        The open model.

    Raises:
        ModelError: the file is missing or no ONNX model that takes a float32 picture; the provider is unknown or not there.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    available = available_providers()
    if provider is not None and provider not in available:
        raise ModelError(f"provider {provider!r} is not available here: {', '.join(available)}")
    candidates = [provider] if provider else available
    refusals: list[str] = []
    for word in candidates:
        try:
            session = _open(path, word)
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's own exceptions have no common base but Exception
            refusals.append(f"{word}: {_one_line(error)}")
            continue
        _log.info("%s runs on %s (%s)", path.name, word, _reason(provider, available, refusals))
        return session
    raise ModelError(f"{path}: cannot be opened as an ONNX model: {'; '.join(refusals)}")


def available_providers() -> list[str]:
    """Words of the providers that the installed runtime brings, best first."""
    present = set(ort.get_available_providers())
    return [word for word, name in PROVIDERS.items() if name in present]


def _open(path: Path, word: str) -> Session:
    options = ort.SessionOptions()
    options.log_severity_level = _QUIET
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    inner = ort.InferenceSession(str(path), options, providers=[PROVIDERS[word]])
    if PROVIDERS[word] not in inner.get_providers():  # it falls back to the CPU in silence
        raise ModelError("the runtime did not take it")
    inputs = _ports(inner.get_inputs())
    if not inputs or inputs[0].dtype != "float32":
        raise ModelError("the first input has to be a float32 picture")
    return Session(
        provider=word,
        inputs=inputs,
        outputs=_ports(inner.get_outputs()),
        metadata=dict(inner.get_modelmeta().custom_metadata_map),
        _inner=inner,
    )


_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}


def _ports(nodes: list[Any]) -> tuple[Port, ...]:
    return tuple(
        Port(node.name, tuple(node.shape), _DTYPES.get(node.type, node.type.removeprefix("tensor(").rstrip(")")))
        for node in nodes
    )


def _reason(asked: str | None, available: list[str], refusals: list[str]) -> str:
    if asked:
        return "as asked"
    if refusals:
        return f"because {'; '.join(refusals)}"
    return f"first of those available: {', '.join(available)}"


def _one_line(error: Exception) -> str:
    """What the runtime says, without its own name and the path that our line begins with."""
    text = " ".join(str(error).split()) or type(error).__name__
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : |Load model from .* failed:", "", text)
