"""Sessions that serve one run at a time, as OpenVINO's: as many as runs at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from models.files import cache_folder
from models.registry.entries import load_registry
from models.registry.pull import pull
from models.runtime.engine import PlainEngine, PoolEngine, Tensors
from models.runtime.opening import Source, open_inner

FEEDS = {"images": np.random.default_rng(0).random((1, 3, 64, 96), np.float32)}


@pytest.mark.parametrize(("most", "callers", "opened"), [(3, 2, 1), (2, 4, 1), (4, 1, 0)])  # one is open from the first
def test_no_more_than_needed_and_never_two_runs_in_one(
    most: int, callers: int, opened: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source(pull(load_registry().model("yolov8n")), 640, cache_folder())
    first, made, busy, clashes = open_inner("cpu", source), [], set(), []
    expected = PlainEngine(first).run(FEEDS)[0]
    together = threading.Barrier(min(most, callers))
    real = PlainEngine.run

    def run(engine: PlainEngine, feeds: Tensors) -> tuple[NDArray[Any], ...]:
        clashes.extend([engine] if engine in busy else [])
        busy.add(engine)
        together.wait(20)  # so many do run at once
        outputs = real(engine, feeds)
        busy.discard(engine)
        return outputs

    def opens() -> ort.InferenceSession:
        made.append(open_inner("cpu", source))
        return made[-1]

    pool_engine = PoolEngine(first, opens, most)
    monkeypatch.setattr(PlainEngine, "run", run)
    with ThreadPoolExecutor(callers) as pool:
        for (output,) in pool.map(lambda _: pool_engine.run(FEEDS), range(callers)):
            np.testing.assert_array_equal(output, expected)
    assert (len(made), clashes) == (opened, [])


def test_a_run_that_fails_gives_its_session_back() -> None:
    source = Source(pull(load_registry().model("yolov8n")), 640, cache_folder())
    engine = PoolEngine(open_inner("cpu", source), lambda: pytest.fail("one is enough"), 1)
    for _ in range(3):
        with pytest.raises(ValueError, match="images"):
            engine.run({"pictures": FEEDS["images"]})
    assert engine.run(FEEDS)[0].shape == (1, 84, 126)
