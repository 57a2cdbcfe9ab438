"""An open model: named inputs and outputs, on the best execution provider at hand."""

import functools
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from models.errors import ModelError
from models.files import cache_folder
from models.runtime.engine import REQUEST_ERRORS, Engine, Outputs, Port, Tensors, one_line, run_together
from models.runtime.opening import Source, available_providers, open_engine
from models.runtime.providers import GPU, Wish, batch_sizes, candidates, parse_wish, successors

__all__ = ["Port", "Runner", "Session", "Tensors", "available_providers", "open_session"]

_log = logging.getLogger(__name__)

DEFAULT_SIDE_PX = 640
"""The longest side of a picture, where whoever opens the model does not say."""


class Runner(Protocol):
    """What runs a model: a `Session`, or a `Batcher` in front of one. Any number of threads may use it at once."""

    @property
    def provider(self) -> str:
        """Word of the execution provider in use."""

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What it takes; the first is the picture."""

    @property
    def outputs(self) -> tuple[Port, ...]:
        """What it gives."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Key-value pairs kept in the file."""

    def run(self, feeds: Tensors) -> Outputs:
        """Run the model: an array for each of `inputs` in, one for each of `outputs` out."""

    def warm_up(self, feeds: Tensors) -> None:
        """Run it with one picture at each size of batch that it knows."""


Spare = tuple[str, Callable[[], Engine]]
"""A provider's word, and what opens the model on it."""


class Session:
    """An open model. Any number of threads may run it at once.

    On a CPU each run takes one thread, so that cameras share the cores among themselves; one session serves all threads and
    all sizes of picture. On a GPU, runs follow one another, each a batch of one of `batch_sizes`.

    A provider that fails while it runs is left for the next one, and the request is repeated there. A request that fails there
    as well is at fault itself.

    Attributes:
        inputs: what it takes; the first is the picture.
        outputs: what it gives.
        metadata: key-value pairs kept in the file.
        fallbacks: how many providers have failed and were left.
    """

    def __init__(self, name: str, provider: str, engine: Engine, *, spares: Sequence[Spare] = ()) -> None:
        self.inputs = engine.inputs
        self.outputs = engine.outputs
        self.metadata = engine.metadata
        self.fallbacks = 0
        self._name = name
        self._current = provider, engine
        self._spares = list(spares)
        self._opened: dict[str, Engine] = {}
        self._falling_back = threading.Lock()

    @property
    def provider(self) -> str:
        """Word of the execution provider in use."""
        return self._current[0]

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Pictures to a batch, rising; a batch of another size is padded to the next of these."""
        return batch_sizes(self.provider, [port.shape for port in (*self.inputs, *self.outputs)])

    @property
    def parallel_max(self) -> int:
        """How many runs at once gain anything."""
        return 1 if self.provider in GPU else os.cpu_count() or 1

    def run(self, feeds: Tensors) -> Outputs:
        """Run the model.

        Args:
            feeds: an array for each of `inputs`, of equal length along the first axis.

        Returns:
            The outputs, in the order of `outputs`.

        Raises:
            ModelError: the arrays are not what the graph takes, or no provider can run it.
        """
        return self.run_together([feeds])[0]

    def run_together(self, requests: Sequence[Tensors]) -> list[Outputs]:
        """Run several requests as one batch.

        Args:
            requests: each as for `run`, of equal shapes.

        Returns:
            The outputs of each.

        Raises:
            ModelError: as in `run`.
        """
        current = self._current
        try:
            return run_together(current[1], requests)
        except REQUEST_ERRORS as error:
            raise ModelError(f"{self._name}: {one_line(error)}") from error
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's own exceptions have no common base but Exception
            return self._repeat(requests, current, error)

    def warm_up(self, feeds: Tensors) -> None:
        """Run it once at each size of batch, so that the first camera does not wait for what is only done once.

        Args:
            feeds: as for `run`, one picture.
        """
        for size in self.batch_sizes:
            self.run({name: np.repeat(array, size, axis=0) for name, array in feeds.items()})

    def _repeat(self, requests: Sequence[Tensors], failed: tuple[str, Engine], error: Exception) -> list[Outputs]:
        """Run what has failed on the next provider; go on there if that is better."""
        with self._falling_back:
            if self._current is failed:
                return self._move_on(requests, failed[0], error)
        return self.run_together(requests)  # another thread has moved on meanwhile

    def _move_on(self, requests: Sequence[Tensors], left: str, error: Exception) -> list[Outputs]:
        for index, (word, opens) in enumerate(self._spares):
            try:
                engine = self._opened[word] = self._opened.get(word) or opens()
                outputs = run_together(engine, requests)
            except Exception as refusal:  # noqa: BLE001 - as in `run`
                _log.debug("%s: %s: %s", self._name, word, one_line(refusal))
                continue
            self._current = word, engine
            self._spares = self._spares[index + 1 :]
            self._opened.clear()
            self.fallbacks += 1
            _log.error("%s goes on on %s: %s failed: %s", self._name, word, left, one_line(error))
            return outputs
        raise ModelError(f"{self._name}: cannot be run on {left}: {one_line(error)}") from error


def open_session(
    path: Path, *, provider: str | None = None, side_px: int = DEFAULT_SIDE_PX, cache_dir: Path | None = None
) -> Session:
    """Open a model.

    Args:
        path: an ONNX file.
        provider: `tensorrt`, `cuda`, `openvino` or `cpu`, or one with its reduced precision, such as `tensorrt:fp16`; None
            takes what STREETWARDEN_PROVIDER says, else the first of these that is there and opens the model.
        side_px: the longest side of a picture that it will be given; TensorRT builds for it.
        cache_dir: where TensorRT keeps what it built, instead of the user's cache folder.

    Returns:
        The open model.

    Raises:
        ModelError: the file is missing or no ONNX model that takes a float picture; the provider is unknown or not there.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    wish, available = parse_wish(provider, os.environ), available_providers()
    source = Source(path, side_px, cache_dir or cache_folder())
    refusals: list[str] = []
    for word in candidates(wish, available):
        try:
            engine = open_engine(word, source, reduced=wish.reduced)
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's own exceptions have no common base but Exception
            refusals.append(f"{word}: {one_line(error)}")
            continue
        _log.info("%s runs on %s (%s)", path.name, word, _reason(wish, available, refusals))
        spares = [(other, functools.partial(open_engine, other, source)) for other in successors(word, available)]
        return Session(path.name, word, engine, spares=spares)
    others = successors(wish.provider, available) if wish.provider else ()
    if others:
        raise wish.refusal(f"{path}: cannot be opened on {'; '.join(refusals)}; there is: {', '.join(others)}")
    raise ModelError(f"{path}: cannot be opened as an ONNX model: {'; '.join(refusals)}")


def _reason(wish: Wish, available: list[str], refusals: list[str]) -> str:
    if wish.provider:
        return wish.reason
    if refusals:
        return f"because {'; '.join(refusals)}"
    return f"first of those available: {', '.join(available)}"
