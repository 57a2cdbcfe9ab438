"""On a real GPU: the same as on the CPU, warm once and for all. What of it can be tried without one is."""

import ctypes
import importlib.util
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from models.detector import open_detector
from models.registry.entries import load_registry
from models.registry.pull import pull
from models.runtime import opening
from models.runtime.batcher import Batcher
from models.runtime.buckets import BucketEngine
from models.runtime.engine import OneThreadEngine, PlainEngine, Port, Tensors
from models.runtime.opening import Source, open_engine
from models.runtime.session import Session, available_providers, open_session


@pytest.mark.gpu
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_gpu_says_the_same_at_every_size_of_batch(provider: str, tmp_path: Path) -> None:
    cpu, gpu = on_cpu(), on_gpu(provider, pull(load_registry().model("yolov8n")), tmp_path)
    gpu.warm_up({"images": np.zeros((1, 3, 384, 640), np.float32)})
    pictures = np.random.default_rng(0).random((33, 3, 384, 640), np.float32)
    for count in (1, 2, 3, 8, 17, 32, 33, 1):
        (ours,), (theirs,) = (session.run({"images": pictures[:count]}) for session in (gpu, cpu))
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours[:, 4:], theirs[:, 4:], atol=1e-3)
        np.testing.assert_allclose(ours[:, :4], theirs[:, :4], atol=0.5)  # pixels
    assert (gpu.provider, gpu.fallbacks) == (provider, 0)


@pytest.mark.gpu
def test_a_gpu_sees_the_same_boxes_in_a_photograph(bus: NDArray[np.uint8], tmp_path: Path) -> None:
    """Sixteen cameras at once, so that they share batches; each looks a little to the side of the next one."""
    model = load_registry().model("yolov8n")
    views = [np.ascontiguousarray(bus[:, left : left + 720]) for left in range(0, 80, 5)]
    cpu = open_detector(model, on_cpu())
    plan = cpu.plan(720, bus.shape[0])
    with Batcher(on_gpu("cuda", pull(model), tmp_path), linger_s=0.1) as batcher:
        gpu = open_detector(model, batcher)
        with ThreadPoolExecutor(len(views)) as pool:
            seen = list(pool.map(lambda view: gpu.detect(view, plan), views))
        assert batcher.stats().batch_mean > 4
    for ours, theirs in zip(seen, (cpu.detect(view, plan) for view in views), strict=True):
        assert len(theirs) >= 4
        np.testing.assert_array_equal(ours.classes, theirs.classes)
        np.testing.assert_allclose(ours.boxes_px, theirs.boxes_px, atol=0.05)
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-4)


@pytest.mark.gpu
def test_a_gpu_that_is_warm_is_warm_for_every_thread(tmp_path: Path) -> None:
    session = on_gpu("cuda", pull(load_registry().model("yolov8n")), tmp_path)
    blank = {"images": np.zeros((1, 3, 384, 640), np.float32)}
    session.warm_up(blank)
    for _ in range(4):
        with ThreadPoolExecutor(1) as pool:  # a new thread each time
            began_s = time.perf_counter()
            pool.submit(session.run, blank).result()
            assert time.perf_counter() - began_s < 0.1  # about 2 ms; recording anew took 600


@pytest.mark.gpu
def test_a_gpu_gives_lists_of_any_length_whole(tmp_path: Path) -> None:
    path = tmp_path / "list.onnx"
    path.write_bytes(list_graph())
    cpu, gpu = open_session(path, provider="cpu"), on_gpu("cuda", path, tmp_path)
    for lit in (5, 0, 12, 5):
        lights = np.zeros((1, 3, 4, 4), np.float32)
        lights.flat[:lit] = 1.0
        (ours,), (theirs,) = gpu.run({"images": lights}), cpu.run({"images": lights})
        assert len(theirs) == lit
        np.testing.assert_array_equal(ours, theirs)
    assert (gpu.provider, gpu.fallbacks) == ("cuda", 0)


def test_a_graph_whose_outputs_have_no_rows_gets_no_buffers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[bool] = []
    real_open = opening.open_inner

    def open_on_cpu(_: str, source: Source, *, reduced: bool = False, graphs: bool = False) -> Any:
        recorded.append(graphs)
        return real_open("cpu", source, reduced=reduced)

    monkeypatch.setattr(opening, "open_inner", open_on_cpu)
    path = tmp_path / "list.onnx"
    path.write_bytes(list_graph())
    engine = open_engine("cuda", Source(path, 640, tmp_path))
    assert isinstance(engine, OneThreadEngine)
    assert isinstance(engine._engine, PlainEngine)
    assert recorded == [True, False]  # opened again without recording: a recorded run could not change its length
    with_rows = open_engine("cuda", Source(pull(load_registry().model("yolov8n")), 640, tmp_path))
    assert isinstance(with_rows, OneThreadEngine)
    assert isinstance(with_rows._engine, BucketEngine)


def test_a_gpu_is_run_on_one_thread_whoever_asks() -> None:
    """ONNX Runtime records and chooses its kernels for each thread anew."""
    doubles = Doubles()
    engine = OneThreadEngine(doubles)
    with ThreadPoolExecutor(4) as pool:
        for number, (twice,) in enumerate(pool.map(lambda n: engine.run(picture(n)), range(16))):
            np.testing.assert_array_equal(twice, 2 * number)
    answers = engine.run_together([picture(1), picture(2)])
    assert [one[0].sum() for one in answers] == [96, 192]  # 2 · 1 · 48 and 2 · 2 · 48
    assert len(doubles.threads) == 1
    assert threading.get_ident() not in doubles.threads


class Doubles:
    """Says twice what it gets, and on which threads it was asked."""

    inputs = outputs = (Port("images", ("batch", 3, 4, 4), "float32"),)
    metadata: dict[str, str] = {}  # noqa: RUF012 - never changed

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def run(self, feeds: Tensors) -> tuple[NDArray[Any], ...]:
        self.threads.add(threading.get_ident())
        return (feeds["images"] * 2,)


def picture(number: int) -> dict[str, NDArray[np.float32]]:
    return {"images": np.full((1, 3, 4, 4), number, np.float32)}


def list_graph() -> bytes:
    """A graph that lists the places of pixels above a half, however many there are: (found, 4)."""
    helper, kinds = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Greater", ["images", "half"], ["lit"]),
        helper.make_node("NonZero", ["lit"], ["places"]),
        helper.make_node("Transpose", ["places"], ["found"], perm=[1, 0]),
    ]
    graph = helper.make_graph(
        nodes,
        "list",
        [helper.make_tensor_value_info("images", kinds.FLOAT, ["batch", 3, 4, 4])],
        [helper.make_tensor_value_info("found", kinds.INT64, ["found", 4])],
        [onnx.numpy_helper.from_array(np.array(0.5, np.float32), "half")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return bytes(model.SerializeToString())


def on_gpu(provider: str, path: Path, cache_dir: Path) -> Session:
    """The model on a GPU; skips where there is none. ONNX Runtime lists TensorRT wherever it lists CUDA, there or not."""
    if provider not in available_providers() or not shutil.which("nvidia-smi"):
        pytest.skip(f"needs ONNX Runtime with {provider}, and a GPU")
    if provider == "tensorrt":
        try:
            ctypes.CDLL("libnvinfer.so.10")
        except OSError:
            if importlib.util.find_spec("tensorrt") is None:
                pytest.skip("needs TensorRT's libraries")
    return open_session(path, provider=provider, cache_dir=cache_dir)


def on_cpu() -> Session:
    return open_session(pull(load_registry().model("yolov8n")), provider="cpu")
