"""The threads around the schedule: nothing lost, nothing doubled, failures apart."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.detector import open_detector
from models.errors import ModelError
from models.registry.entries import load_registry
from models.registry.pull import pull
from models.runtime.batcher import URGENT_WAITING_MAX, Batcher, Displaced, batched
from models.runtime.engine import Port, Tensors
from models.runtime.session import Session, open_session

WAIT_S = 20.0  # far beyond what anything here takes


class Engine:
    """Says the number that a picture consists of; runs only while its gate is open."""

    inputs = (Port("images", ("batch", 1, "height", "width"), "float32"),)
    outputs = (Port("number", ("batch",), "float32"),)
    metadata: dict[str, str] = {}  # noqa: RUF012 - never changed

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.batches: list[list[float]] = []

    def run(self, feeds: Tensors) -> tuple[NDArray[Any], ...]:
        numbers = feeds["images"][:, 0, 0, 0].copy()
        self.batches.append(numbers.tolist())
        self.entered.release()
        assert self.gate.wait(WAIT_S)
        if (numbers < 0).any():
            raise RuntimeError("negative")
        return (numbers,)


def picture(number: float, side: int = 2) -> dict[str, NDArray[np.float32]]:
    return {"images": np.full((1, 1, side, side), number, np.float32)}


def number_of(future: Future[tuple[NDArray[Any], ...]]) -> float:
    (output,) = future.result(WAIT_S)
    assert output.shape == (1,)
    return float(output[0])


Made = tuple[Batcher, Engine]


@pytest.fixture
def make() -> Iterator[Callable[..., Made]]:
    made: list[Made] = []

    def make_one(provider: str = "cuda", linger_s: float = 0.0) -> Made:
        engine = Engine()
        made.append((Batcher(Session("m.onnx", provider, engine), linger_s=linger_s), engine))
        return made[-1]

    yield make_one
    for batcher, engine in made:
        engine.gate.set()
        batcher.close()


def occupied(engine: Engine, batcher: Batcher) -> Future[tuple[NDArray[Any], ...]]:
    """A request that runs until the gate opens, so that others queue up behind it."""
    engine.gate.clear()
    future = batcher.submit(picture(0))
    assert engine.entered.acquire(timeout=WAIT_S)
    return future


def test_what_queues_up_goes_as_one_batch_and_each_gets_its_own(make: Callable[..., Made]) -> None:
    batcher, engine = make()
    first = occupied(engine, batcher)
    futures = [batcher.submit(picture(number), camera=f"c{number}") for number in range(1, 6)]
    engine.gate.set()
    assert [number_of(future) for future in (first, *futures)] == [0, 1, 2, 3, 4, 5]
    assert engine.batches == [[0], [1, 2, 3, 4, 5]]
    stats = batcher.stats()
    assert (stats.submitted, stats.finished, stats.batches, stats.batch_mean) == (6, 6, 2, 3.0)  # (1 + 5) / 2
    assert (stats.provider, stats.fallbacks, stats.waiting) == ("cuda", 0, 0)
    assert 0 <= stats.queue_mean_s <= stats.queue_p95_s < WAIT_S


def test_full_batches_do_not_linger_and_others_do(make: Callable[..., Made]) -> None:
    batcher, engine = make(linger_s=0.3)
    started_s = time.monotonic()
    futures = [batcher.submit(picture(number), camera=f"c{number}") for number in range(32)]
    assert [number_of(future) for future in futures] == list(range(32))
    assert time.monotonic() - started_s < 0.3
    assert [len(batch) for batch in engine.batches] == [32]
    started_s = time.monotonic()
    assert number_of(batcher.submit(picture(7))) == 7
    assert 0.25 < time.monotonic() - started_s < WAIT_S
    assert batcher.stats().queue_p95_s < WAIT_S


def test_the_newest_picture_of_a_camera_wins(make: Callable[..., Made]) -> None:
    batcher, engine = make()
    occupied(engine, batcher)
    futures = [batcher.submit(picture(number), camera="a") for number in (1, 2, 3)]
    other = batcher.submit(picture(4), camera="b")
    for displaced in futures[:2]:
        with pytest.raises(Displaced, match="camera a: a newer picture came"):
            displaced.result(WAIT_S)
    engine.gate.set()
    assert (number_of(futures[2]), number_of(other)) == (3, 4)
    assert engine.batches[1:] == [[3, 4]]
    assert batcher.stats().displaced == 2


def test_shapes_are_not_mixed(make: Callable[..., Made]) -> None:
    batcher, engine = make()
    occupied(engine, batcher)
    futures = [batcher.submit(picture(number, side=2 + number % 2), camera=f"{number}") for number in range(1, 5)]
    engine.gate.set()
    assert [number_of(future) for future in futures] == [1, 2, 3, 4]
    assert engine.batches[1:] == [[1, 3], [2, 4]]


def test_a_failing_run_fails_only_its_own(make: Callable[..., Made]) -> None:
    batcher, engine = make()
    occupied(engine, batcher)
    bad = [batcher.submit(picture(-1, side=3), camera="a"), batcher.submit(picture(5, side=3), camera="b")]
    good = batcher.submit(picture(6), camera="c")
    engine.gate.set()
    assert number_of(good) == 6
    for future in bad:
        with pytest.raises(ModelError, match="cannot be run on cuda: negative"):
            future.result(WAIT_S)
    assert number_of(batcher.submit(picture(8))) == 8
    assert (batcher.stats().failed, batcher.stats().finished) == (2, 3)


def test_one_that_was_given_up_is_not_run(make: Callable[..., Made]) -> None:
    batcher, engine = make()
    occupied(engine, batcher)
    given_up, kept = (batcher.submit(picture(number), camera=f"{number}") for number in (1, 2))
    assert given_up.cancel()
    engine.gate.set()
    assert number_of(kept) == 2
    assert engine.batches[1:] == [[2]]
    assert batcher.stats().cancelled == 1


def test_closing_ends_all(make: Callable[..., Made]) -> None:
    batcher, engine = make()
    running = occupied(engine, batcher)
    waiting = [
        batcher.submit(picture(1), camera="a"),
        batcher.submit(picture(2), urgent=True),
        batcher.submit(picture(3)),
    ]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    for future in waiting:
        with pytest.raises(ModelError, match="the batcher is closed"):
            future.result(WAIT_S)
    engine.gate.set()
    assert number_of(running) == 0  # what ran may finish
    closing.join(WAIT_S)
    assert not closing.is_alive()
    with pytest.raises(ModelError, match="the batcher is closed"):
        batcher.run(picture(4))
    assert not any(worker.is_alive() for worker in batcher._workers)
    assert batcher.stats().dropped == 4


def test_too_many_urgent_ones_wait_outside(make: Callable[..., Made]) -> None:
    batcher, engine = make()
    occupied(engine, batcher)
    for number in range(URGENT_WAITING_MAX):
        batcher.submit(picture(number), urgent=True)
    late: list[float] = []
    asking = threading.Thread(target=lambda: late.append(number_of(batcher.submit(picture(77), urgent=True))))
    asking.start()
    time.sleep(0.05)
    assert batcher.stats().waiting == URGENT_WAITING_MAX
    engine.gate.set()
    asking.join(WAIT_S)
    assert late == [77]


def test_closing_ends_those_who_wait_outside(make: Callable[..., Made]) -> None:
    batcher, engine = make()
    occupied(engine, batcher)
    for number in range(URGENT_WAITING_MAX):
        batcher.submit(picture(number), urgent=True)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(lambda: batcher.submit(picture(77), urgent=True))
        time.sleep(0.05)
        assert not asking.done()
        closing = threading.Thread(target=batcher.close)
        closing.start()
        with pytest.raises(ModelError, match="the batcher is closed"):
            asking.result(WAIT_S).result(WAIT_S)
    engine.gate.set()
    closing.join(WAIT_S)


def test_on_a_cpu_each_runs_alone_and_all_cores_work(
    make: Callable[..., Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    batcher, engine = make("cpu")
    engine.gate.clear()
    futures = [batcher.submit(picture(number)) for number in range(5)]
    for _ in range(3):
        assert engine.entered.acquire(timeout=WAIT_S)
    assert not engine.entered.acquire(timeout=0.05)
    engine.gate.set()
    assert [number_of(future) for future in futures] == list(range(5))
    assert {len(batch) for batch in engine.batches} == {1}


def test_after_a_fallback_to_the_cpu_it_runs_as_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Engine):
        def run(self, feeds: Tensors) -> tuple[NDArray[Any], ...]:
            self.batches.append(feeds["images"][:, 0, 0, 0].tolist())
            raise RuntimeError("out of memory")

    monkeypatch.setattr("os.cpu_count", lambda: 2)
    broken, spare = Broken(), Engine()
    with Batcher(Session("m.onnx", "cuda", broken, spares=[("cpu", lambda: spare)]), linger_s=0.2) as batcher:
        futures = [batcher.submit(picture(number), camera=f"{number}") for number in range(4)]
        assert [number_of(future) for future in futures] == [0, 1, 2, 3]
        spare.gate.clear()
        later = [batcher.submit(picture(number), camera=f"{number}") for number in range(4)]
        wait(later, timeout=0.1)
        spare.gate.set()
        assert [number_of(future) for future in later] == [0, 1, 2, 3]
        stats = batcher.stats()
    assert broken.batches == [[0, 1, 2, 3]]
    assert [len(batch) for batch in spare.batches] == [
        4,
        1,
        1,
        1,
        1,
    ]  # the batch that failed, repeated; then one by one
    assert (stats.provider, stats.fallbacks, stats.failed) == ("cpu", 1, 0)


@pytest.mark.parametrize("provider", ["cuda", "cpu"])
def test_eight_threads_hammer_it_and_nothing_is_lost_or_doubled(make: Callable[..., Made], provider: str) -> None:
    batcher, engine = make(provider, linger_s=0.001)
    threads, each = 8, 300

    def hammer(thread: int) -> Counter[str]:
        ends: Counter[str] = Counter()
        asked = [
            (
                number,
                batcher.submit(picture(number), camera=f"{number % 5}" if number % 3 else None, urgent=number % 7 == 0),
            )
            for number in range(thread * each, (thread + 1) * each)
        ]
        for number, future in asked:
            try:
                assert number_of(future) == number
                ends["finished"] += 1
            except Displaced:
                ends["displaced"] += 1
        return ends

    with ThreadPoolExecutor(threads) as pool:
        ends = sum(pool.map(hammer, range(threads)), Counter[str]())
    stats = batcher.stats()
    assert ends.total() == stats.submitted == threads * each
    assert (ends["finished"], ends["displaced"]) == (stats.finished, stats.displaced)
    ran = Counter(number for batch in engine.batches for number in batch)
    assert len(ran) == ran.total() == stats.finished
    assert stats.batches == len(engine.batches)
    assert stats.failed == stats.cancelled == stats.dropped == stats.waiting == 0


def test_a_detector_looks_through_it_and_sees_the_same(bus: NDArray[np.uint8]) -> None:
    model = load_registry().model("yolov8n")
    session = open_session(pull(model), provider="cpu")
    plain = open_detector(model, session)
    with Batcher(session) as batcher:
        detector = open_detector(model, batcher)
        detector.warm_up()
        plan = detector.plan(bus.shape[1], bus.shape[0])
        with ThreadPoolExecutor(4) as pool:
            seen = list(pool.map(lambda _: detector.detect(bus, plan), range(4)))
        stats = detector.batching()
    expected = plain.detect(bus, plan)
    assert len(expected) > 4
    for one in seen:
        np.testing.assert_array_equal(one.boxes_px, expected.boxes_px)
    assert stats is not None
    assert (stats.finished, stats.failed, detector.provider) == (4, 0, "cpu")
    assert plain.batching() is None


def test_only_where_batches_pay() -> None:
    on_cpu, on_gpu = Session("m.onnx", "cpu", Engine()), Session("m.onnx", "cuda", Engine())
    assert batched(on_cpu) is on_cpu
    batcher = batched(on_gpu)
    assert isinstance(batcher, Batcher)
    batcher.close()


def test_the_same_results_as_without() -> None:
    session = open_session(pull(load_registry().model("yolov8n")), provider="cpu")
    pictures = np.random.default_rng(0).random((6, 3, 64, 96), np.float32)
    alone = [session.run({"images": one[None]})[0] for one in pictures]
    with Batcher(session) as batcher:
        futures = [batcher.submit({"images": one[None]}, camera=f"{n}") for n, one in enumerate(pictures)]
        for future, expected in zip(futures, alone, strict=True):
            np.testing.assert_array_equal(future.result(WAIT_S)[0], expected)
        assert (batcher.provider, batcher.inputs, batcher.outputs) == ("cpu", session.inputs, session.outputs)
        assert batcher.metadata == session.metadata
