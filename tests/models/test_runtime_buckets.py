"""Batches of fixed sizes in buffers of their own: on the CPU, where the same code runs without recording anything."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from models.files import cache_folder
from models.registry.entries import load_registry
from models.registry.pull import pull
from models.runtime import buckets, pinned
from models.runtime.buckets import BucketEngine
from models.runtime.engine import PlainEngine
from models.runtime.opening import Source, open_inner


@pytest.fixture(scope="module")
def plain_and_bucketed() -> tuple[PlainEngine, BucketEngine]:
    path = pull(load_registry().model("yolov8n"))
    inner = open_inner("cpu", Source(path, 640, cache_folder()))
    plain = PlainEngine(inner)
    return plain, BucketEngine(plain, inner, (1, 2, 4), graphs=True, device="cpu")


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.float32]:
    return np.random.default_rng(0).random((9, 3, 64, 96), np.float32)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9])  # 3 is padded to 4; 5 is 4 and 1; 9 is 4, 4 and 1
def test_any_number_of_pictures(plain_and_bucketed, pictures, count: int) -> None:
    plain, bucketed = plain_and_bucketed
    (ours,), (theirs,) = (engine.run({"images": pictures[:count]}) for engine in (bucketed, plain))
    assert ours.shape == (count, 84, 126)  # 64/8 · 96/8 + 4 · 6 + 2 · 3 = 96 + 24 + 6
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_what_was_given_out_stays_as_it_was(plain_and_bucketed, pictures) -> None:
    _, bucketed = plain_and_bucketed
    (first,) = bucketed.run({"images": pictures[:2]})
    kept = first.copy()
    bucketed.run({"images": pictures[2:4]})
    np.testing.assert_array_equal(first, kept)


def test_buffers_by_size_of_batch_and_picture_and_no_more_than_allowed(
    plain_and_bucketed, pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, _ = plain_and_bucketed
    bucketed = BucketEngine(plain, plain._inner, (1, 2, 4), graphs=True, device="cpu")
    monkeypatch.setattr(buckets, "GRAPHS_MAX", 2)
    numbers: Counter[str] = Counter()
    real = buckets._numbered
    monkeypatch.setattr(buckets, "_numbered", lambda number: [numbers.update([number]), real(number)][1])
    for side in (64, 64, 32):
        for count in (1, 1):
            feeds = {"images": pictures[:count, :, :side, :side]}
            np.testing.assert_allclose(bucketed.run(feeds)[0], plain.run(feeds)[0], atol=1e-3)
    # Two sizes of picture, each recorded under a number of its own, after a run that is not: -1, 1, -1, 2.
    assert numbers == {"-1": 2, "1": 1, "2": 1}
    bucketed.run({"images": pictures[:2]})  # a third has no place: unrecorded
    assert numbers == {"-1": 3, "1": 1, "2": 1}


def test_many_threads_share_the_buffers(plain_and_bucketed, pictures) -> None:
    plain, bucketed = plain_and_bucketed
    alone = [plain.run({"images": picture[None]})[0] for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: bucketed.run({"images": picture[None]})[0], pictures))
    for ours, theirs in zip(together, alone, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.parametrize(
    ("requests", "rows"),
    [
        (1, 1),
        (3, 1),
        (4, 1),
        (6, 1),
        (2, 2),
        (3, 2),
        (1, 6),
    ],  # 6 of 1 are 4 and 2; 3 of 2 are 2 and 1; 6 rows are 4 and 2
)
def test_what_several_ask_for_is_one_batch_and_each_gets_its_own(
    plain_and_bucketed, pictures, requests: int, rows: int
) -> None:
    plain, bucketed = plain_and_bucketed
    asked = [
        {"images": pictures[:rows] if number == 0 else pictures[-rows - number : -number]} for number in range(requests)
    ]
    answers = bucketed.run_together(asked)
    assert len(answers) == requests
    for feeds, (ours,) in zip(asked, answers, strict=True):
        np.testing.assert_allclose(ours, plain.run(feeds)[0], atol=1e-3)
    kept = answers[0][0].copy()
    bucketed.run_together([{"images": pictures[3 : 3 + rows]}] * requests)
    np.testing.assert_array_equal(answers[0][0], kept)


def test_arrays_of_another_type_are_refused_also_after_right_ones(plain_and_bucketed, pictures) -> None:
    _, bucketed = plain_and_bucketed
    bucketed.run({"images": pictures[:1]})
    with pytest.raises(InvalidArgument, match="double"):
        bucketed.run({"images": pictures[:1].astype(np.float64)})


def test_copies_on_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned.os, "cpu_count", lambda: 4)
    for count in (1, 2, 3, 9):
        sources = np.random.default_rng(count).random((count, 5))
        targets = np.empty_like(sources)
        pinned.copy_all(list(zip(targets, sources, strict=True)))
        np.testing.assert_array_equal(targets, sources)


def test_a_copy_that_the_device_refuses_is_an_error() -> None:
    pinned._checked(0)
    with pytest.raises(RuntimeError, match="CUDA failure 719"):
        pinned._checked(719)  # cudaErrorLaunchFailure
