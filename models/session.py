"""Opens an ONNX model with the best execution provider at hand."""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class Session:
    """An open model with one picture input. Any number of threads may run it at once.

    On a CPU each run stays on the thread that calls it, so cameras share the cores among themselves (YOLOv8n at 640x384 on two
    cores: 34 pictures a second from one thread, 67 from two). Fixing the sizes of the graph beforehand gains nothing (30.5
    against 30.4 ms a picture), so one session serves all sizes.

    Attributes:
        provider: the word of the execution provider in use.
        input_shape: as the graph declares it; a word or None stands for a size that is known only when it runs.
        output_shape: likewise, of the first output.
        metadata: key-value pairs kept in the file.
    """

    provider: str
    input_shape: tuple[int | str | None, ...]
    output_shape: tuple[int | str | None, ...]
    metadata: dict[str, str]
    _inner: ort.InferenceSession
    _input_name: str
    _output_name: str

    def run(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the model.

        Args:
            planes: float32, as `input_shape` says.

        Returns:
            The first output.
        """
        (output,) = self._inner.run([self._output_name], {self._input_name: planes})
        return np.asarray(output)


def open_session(path: Path, *, provider: str | None = None) -> Session:
    """Open a model.

    Args:
        path: an ONNX file.
        provider: `cuda`, `openvino` or `cpu`; None takes the first of these that is there and opens the model.

    Returns:
        The open model.

    Raises:
        ModelError: the file is missing or no ONNX model with one float32 picture input; the provider is unknown or not there.
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
    inputs, outputs = inner.get_inputs(), inner.get_outputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        raise ModelError("one float32 input is expected")
    return Session(
        provider=word,
        input_shape=tuple(inputs[0].shape),
        output_shape=tuple(outputs[0].shape),
        metadata=dict(inner.get_modelmeta().custom_metadata_map),
        _inner=inner,
        _input_name=inputs[0].name,
        _output_name=outputs[0].name,
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
