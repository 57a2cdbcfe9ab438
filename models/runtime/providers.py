"""Which execution provider a model runs on, and with which of its options. Pure: nothing is opened here.

Options are named as in ONNX Runtime's pages on its TensorRT, CUDA and OpenVINO execution providers. Its Python binding takes
True and False where the C interface takes 1 and 0.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import ModelError

PROVIDERS = {  # word for people → ONNX Runtime's name, best first
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
PROVIDER_VARIABLE = "STREETWARDEN_PROVIDER"
REDUCED = {"tensorrt": "fp16", "cuda": "tf32", "openvino": "bf16"}
"""What a provider may calculate in when it is asked to, as in `tensorrt:fp16`: faster, and no longer the same results."""
GPU = frozenset({"tensorrt", "cuda"})
"""Where a batch costs less than its pictures one by one. On a CPU it gains nothing."""
BUCKETS = (1, 2, 4, 8, 16, 32)
"""Sizes of batch on a GPU. Few, because each has its own buffers, algorithms and recorded launches."""
USUAL_BATCH = 8
"""The size that TensorRT chooses its kernels for; it has to serve all others with them."""
SIDE_MIN_PX = 32
"""The coarsest stride of the detectors: no picture is smaller."""

Shape = tuple[int | str | None, ...]
Options = list[tuple[str, dict[str, Any]]]
"""What `onnxruntime.InferenceSession` takes as `providers`."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asked for.

    Attributes:
        provider: its word; None is the best one there is.
        reduced: calculate in the provider's reduced precision.
        by_environment: it stands in STREETWARDEN_PROVIDER.
    """

    provider: str | None
    reduced: bool = False
    by_environment: bool = False

    @property
    def reason(self) -> str:
        """For the log."""
        by = f"as {PROVIDER_VARIABLE} asks" if self.by_environment else "as asked"
        return f"{by}, reduced precision" if self.reduced else by

    def refusal(self, text: str) -> ModelError:
        """The error of a wish that can't be granted, saying where it stands."""
        return ModelError(f"{PROVIDER_VARIABLE}: {text}" if self.by_environment else text)


def parse_wish(asked: str | None, environment: Mapping[str, str]) -> Wish:
    """Read `PROVIDER` or `PROVIDER:PRECISION`; what the caller asks for goes before the environment.

    Examples:
        >>> parse_wish("tensorrt:fp16", {})
        Wish(provider='tensorrt', reduced=True, by_environment=False)
        >>> parse_wish(None, {"STREETWARDEN_PROVIDER": "cpu"})
        Wish(provider='cpu', reduced=False, by_environment=True)

    Raises:
        ModelError: the provider has no such precision.
    """
    said = asked or environment.get(PROVIDER_VARIABLE)
    if not said:
        return Wish(None)
    word, _, precision = said.partition(":")
    wish = Wish(word, reduced=bool(precision), by_environment=not asked)
    if precision and precision != REDUCED.get(word):
        allowed = ", ".join((*PROVIDERS, *(f"{word}:{precision}" for word, precision in REDUCED.items())))
        raise wish.refusal(f"provider {said!r}: allowed are {allowed}")
    return wish


def candidates(wish: Wish, available: Sequence[str]) -> tuple[str, ...]:
    """The providers to try, best first.

    Raises:
        ModelError: the one that is asked for is not there.
    """
    if wish.provider is None:
        return tuple(available)
    if wish.provider not in available:
        raise wish.refusal(f"provider {wish.provider!r} is not available here: {', '.join(available)}")
    return (wish.provider,)


def successors(word: str, available: Sequence[str]) -> tuple[str, ...]:
    """Where to go on when a provider fails while it runs: those that are there and come after it."""
    order = list(PROVIDERS)
    return tuple(other for other in order[order.index(word) + 1 :] if other in available)


def batch_sizes(word: str, shapes: Sequence[Shape]) -> tuple[int, ...]:
    """Batches that a provider is given.

    Args:
        word: of the provider.
        shapes: of all inputs and outputs as the graph declares them, the picture first.
    """
    rows = shapes[0][0]
    if word not in GPU or not has_rows(shapes):
        return (1,)
    return (rows,) if isinstance(rows, int) else BUCKETS


def has_rows(shapes: Sequence[Shape]) -> bool:
    """Whether each picture of a batch has a row of its own in all inputs and outputs, as the graph declares them.

    A graph that, say, suppresses overlaps by itself may give the boxes of a whole batch in one list: nobody could part them,
    nor say beforehand how long it gets.
    """
    return all(shape[:1] == shapes[0][:1] for shape in shapes)


def bucket_for(rows: int, sizes: Sequence[int]) -> int:
    """The least of the sizes that so many rows fit into; the largest if none does.

    Examples:
        >>> [bucket_for(rows, BUCKETS) for rows in (1, 3, 16, 17, 40)]
        [1, 4, 16, 32, 32]
    """
    return next((size for size in sizes if size >= rows), sizes[-1])


def cuda_options(*, reduced: bool, graphs: bool) -> Options:
    """CUDA. TF32 is its default and rounds to 10 bits, so that it has to be asked for here.

    Args:
        reduced: let it use TF32.
        graphs: record the launches of each bucket and replay them.
    """
    return [(PROVIDERS["cuda"], {"use_tf32": reduced, "enable_cuda_graph": graphs})]


def tensorrt_options(name: str, shape: Shape, side_px: int, *, engines: Path, reduced: bool, graphs: bool) -> Options:
    """TensorRT, with CUDA for what it does not take.

    One engine serves all buckets and sizes of picture: a shape outside its profile would have it built anew, which takes
    minutes. TensorRT decides about TF32 by itself; NVIDIA_TF32_OVERRIDE=0 in the environment forbids it.

    Args:
        name: of the first input.
        shape: of it, as the graph declares it: batch, channels, height, width.
        side_px: the longest side of a picture.
        engines: the folder for built engines.
        reduced: let it use fp16.
        graphs: let it record its launches; it does so for graphs of a fixed shape alone.
    """
    fixed = all(isinstance(size, int) for size in shape)
    options: dict[str, Any] = {
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(engines),
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(engines),
        "trt_fp16_enable": reduced,
        "trt_cuda_graph_enable": fixed and graphs,  # it records one shape and no more
    }
    if not fixed:
        bounds = {"min": (1, SIDE_MIN_PX), "opt": (USUAL_BATCH, side_px), "max": (BUCKETS[-1], side_px)}
        for which, (batch, side) in bounds.items():
            options[f"trt_profile_{which}_shapes"] = f"{name}:{_filled_in(shape, batch, side)}"
    return [(PROVIDERS["tensorrt"], options), *cuda_options(reduced=False, graphs=False)]


def _filled_in(shape: Shape, batch: int, side_px: int) -> str:
    free = (batch, 3, side_px, side_px)
    return "x".join(str(size if isinstance(size, int) else free[axis]) for axis, size in enumerate(shape))


def openvino_options(*, reduced: bool) -> Options:
    """OpenVINO on the processor: on one thread, one run at a time; float32 unless asked otherwise.

    Its own default is bf16 where the processor has it. And it would pin whoever runs it to a core for so long, the first
    first: several processes would share one core and leave the others idle.
    """
    properties = {
        "INFERENCE_PRECISION_HINT": "bf16" if reduced else "f32",
        "INFERENCE_NUM_THREADS": "1",
        "NUM_STREAMS": "1",
        "ENABLE_CPU_PINNING": "NO",
    }
    return [(PROVIDERS["openvino"], {"device_type": "CPU", "load_config": json.dumps({"CPU": properties})})]


def cpu_options() -> Options:
    """ONNX Runtime's own kernels."""
    return [(PROVIDERS["cpu"], {})]


def engine_folder(cache: Path, *, model_sha256: str, runtime: str, device: str) -> Path:
    """Where TensorRT keeps what it built; an engine is of no use to another model, version or device.

    Examples:
        >>> engine_folder(Path("cache"), model_sha256="5e" * 32, runtime="1.31.1", device="NVIDIA L4").as_posix()
        'cache/engines/5e5e5e5e5e5e5e5e-1.31.1-nvidia-l4'
    """
    key = f"{model_sha256[:16]}-{runtime}-{device}".lower()
    return cache / "engines" / re.sub(r"[^a-z0-9.]+", "-", key)
