"""An open model: what it says of itself, and what happens when its provider fails while it runs."""

import contextlib
import functools
import logging
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import ModelError
from models.registry.entries import load_registry
from models.registry.pull import pull
from models.runtime import session as session_module
from models.runtime.engine import Engine as EngineProtocol
from models.runtime.engine import Port, Tensors
from models.runtime.opening import Source
from models.runtime.session import Session, available_providers, open_session

PICTURE = {"images": np.ones((1, 3, 4, 4), np.float32)}


class Engine:
    """Doubles what it gets, or fails as it is told."""

    inputs = (Port("images", ("batch", 3, "height", "width"), "float32"),)
    outputs = (Port("twice", ("batch", 3, "height", "width"), "float32"),)
    metadata: dict[str, str] = {}  # noqa: RUF012 - never changed

    def __init__(self, fails: Callable[[Tensors], Exception | None] = lambda _: None) -> None:
        self.fails = fails
        self.batches: list[int] = []

    def run(self, feeds: Tensors) -> tuple[NDArray[Any], ...]:
        if (error := self.fails(feeds)) is not None:
            raise error
        self.batches.append(len(feeds["images"]))
        return (feeds["images"] * 2,)


def out_of_memory(_: Tensors) -> Exception:
    return RuntimeError("CUDA failure 2: out of memory")


def test_a_provider_that_fails_is_left_once_and_the_request_is_not_lost(caplog: pytest.LogCaptureFixture) -> None:
    broken, spare, opened = Engine(out_of_memory), Engine(), []

    def opens() -> Engine:
        opened.append(1)
        return spare

    session = Session("m.onnx", "cuda", broken, spares=[("cpu", opens)])
    assert (session.provider, session.fallbacks) == ("cuda", 0)
    for _ in range(3):
        np.testing.assert_array_equal(session.run(PICTURE)[0], 2.0)
    assert (session.provider, session.fallbacks, opened) == ("cpu", 1, [1])
    assert [record.getMessage() for record in caplog.records] == [
        "m.onnx goes on on cpu: cuda failed: CUDA failure 2: out of memory"
    ]


def test_many_threads_fail_together_and_it_counts_once() -> None:
    together = threading.Barrier(8)

    def fails(_: Tensors) -> Exception:
        together.wait(10)
        return RuntimeError("device lost")

    session = Session("m.onnx", "cuda", Engine(fails), spares=[("cpu", Engine)])
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: session.run(PICTURE)[0].sum(), range(8)))
    assert results == [96.0] * 8  # 2 · 3 · 4 · 4
    assert session.fallbacks == 1


def test_it_goes_on_down_the_line() -> None:
    def cannot_be_opened() -> Engine:
        raise RuntimeError("no such library")

    last = Engine()
    spares = [("cuda", lambda: Engine(out_of_memory)), ("openvino", cannot_be_opened), ("cpu", lambda: last)]
    session = Session("m.onnx", "tensorrt", Engine(out_of_memory), spares=spares)
    session.run(PICTURE)
    assert (session.provider, session.fallbacks, last.batches) == ("cpu", 1, [1])


def test_one_after_the_other_until_none_is_left() -> None:
    lost: set[str] = set()

    def engine(word: str) -> Engine:
        return Engine(lambda _: RuntimeError(f"{word} lost") if word in lost else None)

    spares = [(word, functools.partial(engine, word)) for word in ("cuda", "cpu")]
    session = Session("m.onnx", "tensorrt", engine("tensorrt"), spares=spares)
    seen = []
    for word in ("tensorrt", "cuda"):
        lost.add(word)
        session.run(PICTURE)
        seen.append((session.provider, session.fallbacks))
    assert seen == [("cuda", 1), ("cpu", 2)]
    lost.add("cpu")
    with pytest.raises(ModelError, match=r"^m\.onnx: cannot be run on cpu: cpu lost$"):
        session.run(PICTURE)
    lost.remove("cuda")  # what was left is not gone back to
    with pytest.raises(ModelError, match="cpu lost"):
        session.run(PICTURE)
    assert (session.provider, session.fallbacks) == ("cpu", 2)


def test_a_request_that_fails_everywhere_is_at_fault_itself() -> None:
    def only_ones(feeds: Tensors) -> Exception | None:
        return None if (feeds["images"] == 1).all() else RuntimeError("node Concat: sizes differ")

    session = Session("m.onnx", "cuda", Engine(only_ones), spares=[("cpu", lambda: Engine(only_ones))])
    with pytest.raises(ModelError, match=r"^m\.onnx: cannot be run on cuda: node Concat: sizes differ$"):
        session.run({"images": np.zeros((1, 3, 4, 4), np.float32)})
    session.run(PICTURE)
    assert (session.provider, session.fallbacks) == ("cuda", 0)


def test_wrong_arrays_are_one_line_and_no_reason_to_leave() -> None:
    session = real("cpu")
    for feeds, message in [
        ({"images": np.zeros((1, 3, 64, 64))}, "double"),
        ({"images": np.zeros((3, 64, 64), np.float32)}, "rank"),
        ({"pictures": np.zeros((1, 3, 64, 64), np.float32)}, "images"),
    ]:
        with pytest.raises(ModelError, match=message) as refused:
            session.run(feeds)
        assert "\n" not in str(refused.value)
    assert session.fallbacks == 0


def test_warmed_up_at_every_size_of_batch() -> None:
    on_gpu, on_cpu = Engine(), Engine()
    Session("m.onnx", "cuda", on_gpu).warm_up(PICTURE)
    Session("m.onnx", "cpu", on_cpu).warm_up(PICTURE)
    assert on_gpu.batches == [1, 2, 4, 8, 16, 32]
    assert on_cpu.batches == [1]


def test_warming_up_finds_out_that_a_provider_is_no_good() -> None:
    session = Session(
        "m.onnx",
        "cuda",
        Engine(lambda feeds: RuntimeError("out of memory") if len(feeds["images"]) > 8 else None),
        spares=[("cpu", Engine)],
    )
    session.warm_up(PICTURE)
    assert (session.provider, session.fallbacks) == ("cpu", 1)


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    path = pull(load_registry().model("yolov8n"))
    monkeypatch.setenv("STREETWARDEN_PROVIDER", "cpu")
    with caplog.at_level(logging.INFO, "models.runtime.session"):
        assert open_session(path).provider == "cpu"
    assert [record.getMessage() for record in caplog.records] == [
        f"{path.name} runs on cpu (as STREETWARDEN_PROVIDER asks)"
    ]
    monkeypatch.setenv("STREETWARDEN_PROVIDER", "abacus")
    with pytest.raises(ModelError, match=r"^STREETWARDEN_PROVIDER: provider 'abacus' is not available here: .*cpu"):
        open_session(path)
    assert open_session(path, provider="cpu").provider == "cpu"  # what the caller asks for goes before it


def test_one_that_is_there_but_of_no_use(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """As with ONNX Runtime for GPUs on a machine without one."""
    path, real_open = pull(load_registry().model("yolov8n")), session_module.open_engine

    def open_engine(word: str, source: Source, *, reduced: bool = False) -> EngineProtocol:
        if word == "cuda":
            raise ModelError("not found: libcublas.so.13")
        return real_open(word, source, reduced=reduced)

    monkeypatch.setattr(session_module, "open_engine", open_engine)
    monkeypatch.setattr(session_module, "available_providers", lambda: ["cuda", "cpu"])
    with caplog.at_level(logging.INFO, "models.runtime.session"):
        assert open_session(path).provider == "cpu"
    assert [record.getMessage() for record in caplog.records] == [
        f"{path.name} runs on cpu (because cuda: not found: libcublas.so.13)"
    ]
    with pytest.raises(ModelError) as refused:
        open_session(path, provider="cuda:tf32")
    assert str(refused.value) == f"{path}: cannot be opened on cuda: not found: libcublas.so.13; there is: cpu"


@pytest.mark.skipif("openvino" not in available_providers(), reason="needs ONNX Runtime with OpenVINO")
def test_openvino_says_the_same(bus: NDArray[np.uint8]) -> None:
    cpu, openvino = real("cpu"), real("openvino")
    picture = (bus[None, :640, :640] / 255).astype(np.float32).transpose(0, 3, 1, 2)
    for height, width in ((384, 640), (640, 480), (384, 640)):
        feeds = {"images": np.ascontiguousarray(picture[:, :, :height, :width])}
        (ours,), (theirs,) = openvino.run(feeds), cpu.run(feeds)
        np.testing.assert_allclose(ours[:, 4:], theirs[:, 4:], atol=1e-4)
        np.testing.assert_allclose(ours[:, :4], theirs[:, :4], atol=0.05)  # pixels


@pytest.mark.skipif("openvino" not in available_providers(), reason="needs ONNX Runtime with OpenVINO")
def test_openvino_leaves_its_threads_where_the_system_puts_them() -> None:
    session, allowed = real("openvino"), set()
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(session.run, {"images": np.zeros((1, 3, 384, 640), np.float32)}) for _ in range(8)]
        while not all(run.done() for run in runs):
            for path in Path("/proc/self/task").glob("*/status"):
                with contextlib.suppress(OSError):  # a thread that has just ended
                    allowed.update(re.findall(r"^Cpus_allowed_list:\s*(.*)$", path.read_text(), re.MULTILINE))
            time.sleep(0.005)
    assert len(allowed) == 1


def real(provider: str) -> Session:
    return open_session(pull(load_registry().model("yolov8n")), provider=provider)
