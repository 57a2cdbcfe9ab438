"""Batches of a few fixed sizes on a CUDA device: buffers stay where they are, and launches are recorded once and replayed."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from models.runtime.engine import Outputs, PlainEngine, Tensors
from models.runtime.pinned import copy_all, download, page_locked, upload
from models.runtime.providers import bucket_for

GRAPHS_MAX = 48
"""Eight sizes of picture at six sizes of batch: each keeps its buffers on the device. What is rarer runs unrecorded."""
_UNRECORDED = "-1"
"""For ONNX Runtime's `gpu_graph_id`: neither record nor replay this run."""

_Key = tuple[tuple[str, tuple[int, ...], str], ...]


class BucketEngine:
    """Lays what it is given into the buffers of the next size of batch and runs it there. One run at a time; others wait."""

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
        self._slots: dict[_Key, _Slot] = {}
        self._one_at_a_time = threading.Lock()

    def run(self, feeds: Tensors) -> Outputs:
        """Run it for any number of pictures."""
        rows, most = _rows(feeds), self._sizes[-1]
        parts = [
            self._run_batch([{name: array[start : start + most] for name, array in feeds.items()}])[0]
            for start in range(0, rows, most)
        ]
        return parts[0] if len(parts) == 1 else tuple(np.concatenate(column) for column in zip(*parts, strict=True))

    def run_together(self, requests: Sequence[Tensors]) -> list[Outputs]:
        """Run requests of equal shapes, as many at once as fit into the largest batch."""
        rows = _rows(requests[0])
        if rows > self._sizes[-1]:
            return [self.run(feeds) for feeds in requests]
        at_once = self._sizes[-1] // rows
        batches = [requests[start : start + at_once] for start in range(0, len(requests), at_once)]
        return [answer for batch in batches for answer in self._run_batch(batch)]

    def _run_batch(self, requests: Sequence[Tensors]) -> list[Outputs]:
        size = bucket_for(len(requests) * _rows(requests[0]), self._sizes)
        key = tuple((name, (size, *array.shape[1:]), array.dtype.str) for name, array in requests[0].items())
        with self._one_at_a_time:
            if key not in self._slots and len(self._slots) >= GRAPHS_MAX:
                rows = _rows(requests[0])
                outputs = _unrecorded(self._inner, _batch(requests, size))
                return [
                    tuple(output[at : at + rows] for output in outputs) for at in range(0, rows * len(requests), rows)
                ]
            if key not in self._slots:
                # Numbers of recordings begin with 1: 0 belongs to the runtime.
                number = str(len(self._slots) + 1) if self._graphs else _UNRECORDED
                self._slots[key] = _Slot(self._inner, _batch(requests, size), number, self._device)
            return self._slots[key].run(requests)


class _Slot:
    """The buffers of one size of batch and picture: page-locked on this side, fixed on the device."""

    def __init__(self, inner: ort.InferenceSession, feeds: Tensors, number: str, device: str) -> None:
        self._inner = inner
        self._staged = {name: page_locked(array) for name, array in feeds.items()}
        self._inputs = {name: ort.OrtValue.ortvalue_from_numpy(array, device) for name, array in self._staged.items()}
        # One run unrecorded says how large the outputs are.
        self._answers = [page_locked(np.array(output)) for output in _unrecorded(inner, feeds)]
        self._outputs = [ort.OrtValue.ortvalue_from_numpy(np.array(output), device) for output in self._answers]
        self._binding = inner.io_binding()
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for port, value in zip(inner.get_outputs(), self._outputs, strict=True):
            self._binding.bind_ortvalue_output(port.name, value)
        self._options = _numbered(number)

    def run(self, requests: Sequence[Tensors]) -> list[Outputs]:
        """Run it; rows that nobody asked for hold pictures of before, and their results are thrown away."""
        each = _rows(requests[0])
        rows = each * len(requests)
        # Row by row, so that one large request is shared among threads as many small ones are.
        copy_all(
            [
                (staged[number * each + row], feeds[name][row])
                for name, staged in self._staged.items()
                for number, feeds in enumerate(requests)
                for row in range(each)
            ]
        )
        for name, staged in self._staged.items():
            upload(staged, self._inputs[name], rows)
        self._inner.run_with_iobinding(self._binding, self._options)
        self._binding.synchronize_outputs()
        for value, answer in zip(self._outputs, self._answers, strict=True):
            download(value, answer, rows)
        # The next run writes over the buffers: everybody gets arrays of their own.
        given = [tuple(np.empty((each, *one.shape[1:]), one.dtype) for one in self._answers) for _ in requests]
        copy_all(
            [
                (target[row], answer[number * each + row])
                for number, targets in enumerate(given)
                for target, answer in zip(targets, self._answers, strict=True)
                for row in range(each)
            ]
        )
        return given


def _rows(feeds: Tensors) -> int:
    return len(next(iter(feeds.values())))


def _batch(requests: Sequence[Tensors], size: int) -> dict[str, NDArray[Any]]:
    """One batch of that size out of requests, the last picture repeated: like the others, and its results thrown away."""
    joined = {name: np.concatenate([feeds[name] for feeds in requests]) for name in requests[0]}
    return {
        name: np.concatenate([array, np.repeat(array[-1:], size - len(array), axis=0)])
        for name, array in joined.items()
    }


def _unrecorded(inner: ort.InferenceSession, feeds: Tensors) -> list[NDArray[Any]]:
    return [np.asarray(output) for output in inner.run(None, dict(feeds), _numbered(_UNRECORDED))]


def _numbered(number: str) -> ort.RunOptions:
    options = ort.RunOptions()
    options.add_run_config_entry("gpu_graph_id", number)
    return options
