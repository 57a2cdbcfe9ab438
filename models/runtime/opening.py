"""Opens a graph on one execution provider."""

import functools
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort

from models.errors import ModelError
from models.runtime.buckets import BucketEngine
from models.runtime.engine import Engine, OneThreadEngine, PlainEngine, PoolEngine, one_line, ports
from models.runtime.nvidia import engines_of, loaded_libraries
from models.runtime.providers import (
    PROVIDERS,
    Options,
    batch_sizes,
    cpu_options,
    cuda_options,
    has_rows,
    openvino_options,
    tensorrt_options,
)

_log = logging.getLogger(__name__)

_PICTURES = ("float32", "float16")
_QUIET = 3  # errors only: what ONNX Runtime warns of while it tries a provider, we say ourselves in one line


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be opened.

    Attributes:
        path: an ONNX file.
        side_px: the longest side of a picture.
        cache_dir: for what a provider builds out of the file.
    """

    path: Path
    side_px: int
    cache_dir: Path


def available_providers() -> list[str]:
    """Words of the providers that the installed runtime brings, best first."""
    present = set(ort.get_available_providers())
    return [word for word, name in PROVIDERS.items() if name in present]


def open_engine(word: str, source: Source, *, reduced: bool = False) -> Engine:
    """Open a graph on one provider and no other.

    Args:
        word: of the provider.
        source: what is to be opened.
        reduced: calculate in the provider's reduced precision.

    Raises:
        ModelError: the provider did not take it, or its first input is no float picture.
        Exception: whatever ONNX Runtime has to say about the file.
    """
    if word == "cpu":
        return PlainEngine(open_inner(word, source))
    if word == "openvino":
        opens = functools.partial(open_inner, word, source, reduced=reduced)
        return PoolEngine(opens(), opens, os.cpu_count() or 1)
    if word == "tensorrt":  # it decides by itself what to record
        return _bucketed(word, source, reduced=reduced, graphs=True)
    try:
        return _bucketed(word, source, reduced=reduced, graphs=True)
    except ModelError:
        raise
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's own exceptions have no common base but Exception
        # A graph with a node that only the CPU has can't be recorded, but runs.
        _log.debug("%s: no CUDA graph: %s", source.path.name, one_line(error))
        return _bucketed(word, source, reduced=reduced, graphs=False)


def _bucketed(word: str, source: Source, *, reduced: bool, graphs: bool) -> Engine:
    plain = PlainEngine(inner := open_inner(word, source, reduced=reduced, graphs=graphs))
    shapes = [port.shape for port in (*plain.inputs, *plain.outputs)]
    if has_rows(shapes):
        return OneThreadEngine(BucketEngine(plain, inner, batch_sizes(word, shapes), graphs=graphs))
    # How long its outputs get is known after the run alone: no buffer can be made for them beforehand.
    return OneThreadEngine(PlainEngine(open_inner(word, source, reduced=reduced)) if graphs else plain)


def open_inner(word: str, source: Source, *, reduced: bool = False, graphs: bool = False) -> ort.InferenceSession:
    """ONNX Runtime's own session on one provider and no other; one thread a run.

    Args:
        word: of the provider.
        source: what is to be opened.
        reduced: calculate in the provider's reduced precision.
        graphs: let a GPU record its launches; each recording then needs buffers of its own.

    Raises:
        ModelError: the provider did not take it, or its first input is no float picture.
        Exception: whatever ONNX Runtime has to say about the file.
    """
    if word == "cpu":
        inner = _taken(word, source, cpu_options())
    elif word == "openvino":
        inner = _taken(word, source, openvino_options(reduced=reduced))
    else:
        with loaded_libraries(tensorrt=word == "tensorrt") as missing:
            options = _gpu_options(word, source, reduced=reduced, graphs=graphs)
            inner = _taken(word, source, options, missing)
    inputs = ports(inner.get_inputs())
    if not inputs or inputs[0].dtype not in _PICTURES:
        raise ModelError(f"the first input has to be a picture of {' or '.join(_PICTURES)}")
    return inner


def _taken(word: str, source: Source, options: Options, missing: Sequence[str] = ()) -> ort.InferenceSession:
    settings = ort.SessionOptions()
    settings.log_severity_level = _QUIET
    settings.intra_op_num_threads = 1
    settings.inter_op_num_threads = 1
    # Its own fallback would go to the CPU for good, and say so on standard output.
    inner = ort.InferenceSession(str(source.path), settings, providers=options, enable_fallback=0)
    if PROVIDERS[word] not in inner.get_providers():  # it falls back to the CPU in silence
        raise ModelError(f"not found: {', '.join(missing)}" if missing else "the runtime did not take it")
    return inner


def _gpu_options(word: str, source: Source, *, reduced: bool, graphs: bool) -> Options:
    if word == "cuda":
        return cuda_options(reduced=reduced, graphs=graphs)
    first = ports(_unoptimised(source.path).get_inputs())[0]
    engines = engines_of(source.path, source.cache_dir)
    return tensorrt_options(first.name, first.shape, source.side_px, engines=engines, reduced=reduced, graphs=graphs)


def _unoptimised(path: Path) -> ort.InferenceSession:
    """The graph just to read what it declares."""
    settings = ort.SessionOptions()
    settings.log_severity_level = _QUIET
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(str(path), settings, providers=cpu_options())
