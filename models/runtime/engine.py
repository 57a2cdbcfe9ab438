"""A graph in ONNX Runtime, on one execution provider."""

import re
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

REQUEST_ERRORS = (InvalidArgument, ValueError, TypeError)
"""What ONNX Runtime raises when the arrays are wrong: another provider would say the same."""

Tensors = Mapping[str, NDArray[Any]]
"""Arrays by the name of the input that they are for, the batch axis first."""
Outputs = tuple[NDArray[Any], ...]
"""In the order of the graph's outputs."""


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


class Engine(Protocol):
    """A graph on one provider. Any number of threads may run it at once."""

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What it takes; the first is the picture."""

    @property
    def outputs(self) -> tuple[Port, ...]:
        """What it gives."""

    @property
    def metadata(self) -> dict[str, str]:
        """Key-value pairs kept in the file."""

    def run(self, feeds: Tensors) -> Outputs:
        """Run it once."""


@runtime_checkable
class GatheringEngine(Engine, Protocol):
    """One that lays what several ask for into its own buffers: a batch need not be put together before."""

    def run_together(self, requests: Sequence[Tensors]) -> list[Outputs]:
        """Run requests of equal shapes as one batch; an answer to each."""


def run_together(engine: Engine, requests: Sequence[Tensors]) -> list[Outputs]:
    """Run requests of equal shapes as one batch, and part what comes out.

    Args:
        engine: what runs them.
        requests: an array for each input, of equal length along the first axis in all of them.
    """
    if len(requests) == 1:
        return [engine.run(requests[0])]
    if isinstance(engine, GatheringEngine):
        return engine.run_together(requests)
    outputs = engine.run({name: np.concatenate([one[name] for one in requests]) for name in requests[0]})
    return parted(outputs, len(requests))


def parted(outputs: Outputs, requests: int) -> list[Outputs]:
    """Equal shares of a batch, one for each request."""
    return list(zip(*(np.split(output, requests) for output in outputs), strict=True))


class PlainEngine:
    """Runs on the thread that calls it."""

    def __init__(self, inner: ort.InferenceSession) -> None:
        self.inputs = ports(inner.get_inputs())
        self.outputs = ports(inner.get_outputs())
        self.metadata = dict(inner.get_modelmeta().custom_metadata_map)
        self._inner = inner

    def run(self, feeds: Tensors) -> Outputs:
        """Run it once, at the size of batch that it is given."""
        return tuple(np.asarray(output) for output in self._inner.run(None, dict(feeds)))


class OneThreadEngine:
    """Runs another engine on a thread of its own, one run after the other, whoever asks.

    What ONNX Runtime keeps on a GPU (recorded launches, chosen algorithms, handles of libraries) belongs to the thread that
    ran it: another one would begin anew, and take half a second for each size of batch.
    """

    def __init__(self, engine: Engine) -> None:
        self.inputs, self.outputs, self.metadata = engine.inputs, engine.outputs, engine.metadata
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="device")

    def run(self, feeds: Tensors) -> Outputs:
        """Run it once; waits while others run."""
        return self._thread.submit(self._engine.run, feeds).result()

    def run_together(self, requests: Sequence[Tensors]) -> list[Outputs]:
        """Run requests of equal shapes as one batch; waits while others run."""
        return self._thread.submit(run_together, self._engine, requests).result()


class PoolEngine:
    """Runs on sessions that serve one run at a time: as many as there are runs at once, opened when they are first needed."""

    def __init__(self, first: ort.InferenceSession, opens: Callable[[], ort.InferenceSession], most: int) -> None:
        plain = PlainEngine(first)
        self.inputs, self.outputs, self.metadata = plain.inputs, plain.outputs, plain.metadata
        self._idle = deque([plain])
        self._opens = opens
        self._places = threading.BoundedSemaphore(most)

    def run(self, feeds: Tensors) -> Outputs:
        """Run it once, at the size of batch that it is given; waits while `most` others run."""
        with self._places:
            try:
                engine = self._idle.pop()
            except IndexError:
                engine = PlainEngine(self._opens())
            try:
                return engine.run(feeds)
            finally:
                self._idle.append(engine)


_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}


def ports(nodes: list[Any]) -> tuple[Port, ...]:
    """What ONNX Runtime says of inputs or outputs."""
    return tuple(
        Port(node.name, tuple(node.shape), _DTYPES.get(node.type, node.type.removeprefix("tensor(").rstrip(")")))
        for node in nodes
    )


_NOISE = r"^\[ONNXRuntimeError\] : \d+ : |Load model from .* failed:|\S+\.(cc|h):\d+ [^(]*\([^)]*\) "
"""Its own name, the path that our line begins with, and the place in its source."""


def one_line(error: Exception) -> str:
    """What the runtime says, in one line and without what helps nobody.

    Examples:
        >>> one_line(RuntimeError("[ONNXRuntimeError] : 1 : FAIL : /src/cuda.cc:12 void f(int, char) out of memory"))
        'FAIL : out of memory'
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return re.sub(_NOISE, "", text)
