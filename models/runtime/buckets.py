"""Batches of a few fixed sizes on a CUDA device: buffers stay where they are, and launches are recorded once and replayed."""

import contextlib
import ctypes
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from models.runtime.engine import PlainEngine, Tensors
from models.runtime.providers import bucket_for

GRAPHS_MAX = 48
"""Eight sizes of picture at six sizes of batch: each keeps its buffers on the device. What is rarer runs unrecorded."""
_UNRECORDED = "-1"
"""For ONNX Runtime's `gpu_graph_id`: neither record nor replay this run."""

_Shapes = tuple[tuple[str, tuple[int, ...]], ...]


class BucketEngine:
    """Pads a batch to the next size and runs it in that size's own buffers. One run at a time; the others wait."""

    def __init__(
        self,
        plain: PlainEngine,
        inner: ort.InferenceSession,
        sizes: Sequence[int],
        *,
        graphs: bool,
        device: str = "cuda",
    ) -> None:
        self.inputs, self.outputs, self.metadata = plain.inputs, plain.outputs, plain.metadata
        self._inner = inner
        self._sizes = tuple(sizes)
        self._graphs = graphs
        self._device = device
        self._slots: dict[_Shapes, _Slot] = {}
        self._one_at_a_time = threading.Lock()

    def run(self, feeds: Tensors) -> tuple[NDArray[Any], ...]:
        """Run it for any number of pictures."""
        rows, most = len(next(iter(feeds.values()))), self._sizes[-1]
        parts = [
            self._run_part({name: array[start : start + most] for name, array in feeds.items()})
            for start in range(0, rows, most)
        ]
        return parts[0] if len(parts) == 1 else tuple(np.concatenate(column) for column in zip(*parts, strict=True))

    def _run_part(self, feeds: Tensors) -> tuple[NDArray[Any], ...]:
        rows = len(next(iter(feeds.values())))
        padded = {name: _padded(array, bucket_for(rows, self._sizes)) for name, array in feeds.items()}
        shapes = tuple((name, array.shape) for name, array in padded.items())
        with self._one_at_a_time:
            if shapes not in self._slots and len(self._slots) >= GRAPHS_MAX:
                outputs = _unrecorded(self._inner, padded)
            else:
                if shapes not in self._slots:
                    # Numbers of recordings begin with 1: 0 belongs to the runtime.
                    number = str(len(self._slots) + 1) if self._graphs else _UNRECORDED
                    self._slots[shapes] = _Slot(self._inner, padded, number, self._device)
                outputs = self._slots[shapes].run(padded)
        return tuple(output[:rows] for output in outputs)


class _Slot:
    """The buffers of one size of batch and picture: page-locked on this side, fixed on the device."""

    def __init__(self, inner: ort.InferenceSession, feeds: Tensors, number: str, device: str) -> None:
        self._inner = inner
        self._staged = {name: _page_locked(np.array(array)) for name, array in feeds.items()}
        self._inputs = {name: ort.OrtValue.ortvalue_from_numpy(array, device) for name, array in self._staged.items()}
        # One run unrecorded says how large the outputs are.
        self._outputs = [
            ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(output), device)
            for output in _unrecorded(inner, feeds)
        ]
        self._binding = inner.io_binding()
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for port, value in zip(inner.get_outputs(), self._outputs, strict=True):
            self._binding.bind_ortvalue_output(port.name, value)
        self._options = _numbered(number)

    def run(self, feeds: Tensors) -> list[NDArray[Any]]:
        for name, array in feeds.items():
            np.copyto(self._staged[name], array)
            self._inputs[name].update_inplace(self._staged[name])
        self._inner.run_with_iobinding(self._binding, self._options)
        self._binding.synchronize_outputs()
        # A device's memory arrives as a copy; the CPU's is shown as it lies, and the next run would change it.
        given = [value.numpy() for value in self._outputs]
        return [array if array.base is None else array.copy() for array in given]


def _padded(array: NDArray[Any], rows: int) -> NDArray[Any]:
    """As many rows, the last one repeated: a picture like the others, whose result is thrown away."""
    missing = rows - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else np.ascontiguousarray(array)


def _unrecorded(inner: ort.InferenceSession, feeds: Tensors) -> list[NDArray[Any]]:
    return [np.asarray(output) for output in inner.run(None, dict(feeds), _numbered(_UNRECORDED))]


def _numbered(number: str) -> ort.RunOptions:
    options = ort.RunOptions()
    options.add_run_config_entry("gpu_graph_id", number)
    return options


def _page_locked(array: NDArray[Any]) -> NDArray[Any]:
    """The same array, kept from being swapped out so that the device fetches it by itself; as it is where that fails."""
    with contextlib.suppress(OSError, AttributeError):
        cuda = ctypes.CDLL(f"libcudart.so.{str(ort.cuda_version).partition('.')[0]}")
        address = ctypes.c_void_p(array.ctypes.data)
        if cuda.cudaHostRegister(address, ctypes.c_size_t(array.nbytes), 0) == 0:
            weakref.finalize(array, cuda.cudaHostUnregister, address)
    return array
