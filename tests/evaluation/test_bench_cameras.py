"""The bench of cameras: its search, its timers and its book of lags by tables, and the whole of it with two small cameras."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from evaluation.bench_source import bench_source
from evaluation.benches import cameras
from evaluation.benches.cameras import Load, bench_cameras, surely_late
from evaluation.benches.lag import LagBook
from evaluation.benches.limit import greatest_that_holds
from evaluation.benches.stage_timer import StageTimer, thread_time_of
from evaluation.benches.stages import Stage, instead, timed_stages
from evaluation.sample.compose import Sample
from streams.source.feed import Feed


@pytest.mark.parametrize(
    ("limit", "first", "most", "tried", "found"),
    [
        (11, 4, 100, [4, 8, 16, 12, 10, 11], 11),  # 12 fails, 11 holds: a gap of 1
        (0, 4, 100, [4, 2, 1], 0),  # not even one
        (1, 4, 100, [4, 2, 1], 1),  # 4 and 2 fail
        (3, 0, 100, [1, 2, 4, 3], 3),  # begins at one at least
        (500, 60, 100, [60, 100], 100),  # no more are allowed
        (500, 200, 100, [100], 100),
        (70, 20, 1000, [20, 40, 80, 60, 70, 75, 72], 70),  # 72 fails: a gap of 2, less than 5 % of 70
        (1000, 1000, 4000, [1000, 2000, 1500, 1250, 1125, 1062, 1031], 1000),  # a gap of 31 is less than 50
    ],
)
def test_the_search_finds_the_limit_of_a_system(
    limit: int, first: int, most: int, tried: list[int], found: int
) -> None:
    asked: list[int] = []

    def holds(count: int) -> bool:
        asked.append(count)
        return count <= limit

    assert greatest_that_holds(holds, first, most) == found
    assert len(asked) == len(set(asked))
    assert asked == tried


class Clock:
    """CPU seconds of a thread that are spent when the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def spend(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timer(clock: Clock) -> StageTimer:
    return StageTimer(clock, lambda _: clock())


def calls(clock: Clock, *steps: float | Callable[[], object]) -> Callable[[], None]:
    """A function that spends seconds and calls others."""

    def work() -> None:
        for step in steps:
            clock.spend(step) if isinstance(step, float) else step()

    return work


def test_a_second_counts_once(clock: Clock, timer: StageTimer) -> None:
    infer = timer.wrap(calls(clock, 2.0), "infer")
    look = timer.wrap(calls(clock, 0.5, infer, 0.25, infer), "rules")
    look()
    assert timer.spent_s() == {"rules": 0.75, "infer": 4.0}  # 0.5 + 0.25, and twice 2


def test_what_is_wrapped_as_a_whole_keeps_what_happens_in_it(clock: Clock, timer: StageTimer) -> None:
    infer = timer.wrap(calls(clock, 2.0), "infer")
    clip = timer.wrap(calls(clock, 1.0, infer), "mux", whole=True)
    timer.wrap(calls(clock, 0.5, clip, infer), "rules")()
    assert timer.spent_s() == {"rules": 0.5, "mux": 3.0, "infer": 2.0}


def test_a_call_that_has_not_returned_yet_counts_so_far(clock: Clock, timer: StageTimer) -> None:
    so_far: list[dict[str, float]] = []

    def infer() -> None:
        clock.spend(2.0)
        so_far.append(dict(timer.spent_s()))

    timed = timer.wrap(infer, "infer")
    timer.wrap(calls(clock, 0.5, timed, 0.25, timed), "rules")()
    assert so_far == [{"rules": 0.5, "infer": 2.0}, {"rules": 0.75, "infer": 4.0}]
    assert timer.spent_s() == so_far[-1]


def test_the_time_of_another_thread_is_that_which_it_reads_itself() -> None:
    own_s = time.thread_time()
    while time.thread_time() < own_s + 0.05:
        pass
    told_s = thread_time_of(threading.get_native_id())
    assert told_s is not None
    assert told_s == pytest.approx(time.thread_time(), abs=0.02)  # brought up to date with each tick of the system
    assert thread_time_of(2**22 + 1) is None  # beyond Linux's greatest number


def test_a_call_that_fails_has_cost_its_time(clock: Clock, timer: StageTimer) -> None:
    def fails() -> None:
        clock.spend(1.0)
        raise ValueError("as expected")

    failing = timer.wrap(fails, "decode")
    for _ in range(2):
        with pytest.raises(ValueError, match="as expected"):
            failing()
    assert timer.spent_s() == {"decode": 2.0}


def test_a_generator_costs_what_it_does_and_not_what_is_done_with_its_items(clock: Clock, timer: StageTimer) -> None:
    closed: list[bool] = []

    def packets() -> Iterator[int]:
        try:
            for number in range(3):
                clock.spend(1.0)
                yield number
        finally:
            closed.append(True)

    timed = timer.wrap_generator(packets, "demux")
    for number in timed():
        clock.spend(10.0)
        if number == 1:
            break
    assert timer.spent_s() == {"demux": 2.0}  # two items were asked for
    assert list(timed()) == [0, 1, 2]
    assert timer.spent_s() == {"demux": 5.0}
    assert closed == [True, True]


def test_the_product_is_as_before_once_it_has_been_measured(timer: StageTimer) -> None:
    before = Feed.packets
    with timed_stages(timer):
        assert Feed.packets is not before
    assert Feed.packets is before
    with (
        pytest.raises(AttributeError, match="Feed has no 'no_such_function' to be measured"),
        instead(Feed, "no_such_function", lambda it: it),
    ):
        pass


def test_lag_counts_from_the_moment_at_which_a_picture_could_have_been_there() -> None:
    book = LagBook()
    # Media second 0 comes at 100: the clock is 100 ahead. 2 comes at 102.5, half a second late, and 4 in time.
    for time_s, came_s, looked_s in ((0.0, 100.0, 100.25), (2.0, 102.5, 103.0), (4.0, 104.0, 104.5)):
        book.came("kerb", time_s, came_s)
        book.looked("kerb", time_s, looked_s)
    assert book.lags_s(0.0, 110.0, 2.0) == [0.25, 1.0, 0.5]
    assert book.lags_s(102.0, 110.0, 2.0) == [1.0, 0.5]  # the first was before that
    assert book.moment_s("kerb", 3.0) == 103.0
    assert book.moment_s("gate", 3.0) is None


def test_a_displaced_picture_is_as_late_as_the_look_that_makes_up_for_it() -> None:
    book = LagBook()
    for time_s in (0.0, 2.0, 4.0, 6.0):
        book.came("kerb", time_s, 100.0 + time_s)
    book.looked("kerb", 4.0, 105.0)
    assert book.lags_s(0.0, 107.0, 2.0) == [5.0, 3.0, 1.0]  # 105 - 100, - 102, - 104; 106 has waited for 1 s only
    assert book.lags_s(0.0, 109.0, 2.0) == [5.0, 3.0, 1.0, 3.0]  # by now it is late


@pytest.mark.parametrize(
    ("late", "in_time", "expected", "sure"),
    [
        (5, 20, 100, False),  # 5 of 100 at the end, if no more are late: allowed
        (6, 20, 100, True),  # 6 of 100 at least
        (6, 114, 100, False),  # more came than were expected: 6 of 120 are 5 %
    ],
)
def test_a_step_is_cut_short_when_it_is_surely_over(late: int, in_time: int, expected: int, *, sure: bool) -> None:
    assert surely_late([3.0] * late + [0.1] * in_time, expected, 2.0) is sure


def test_two_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "CEILING_TURN_S", 0.5)
    clip = bench_source(192, 144, 10, mbit_per_s=0.2, gop_s=2)
    report = bench_cameras(seconds=5.0, most=2, load=Load(clip, None), warm_up_s=2.0, lag_limit_s=60.0, incidents=0)
    json.dumps(report, allow_nan=False)
    assert report["cameras_held"] == 2  # nothing is ever a minute late
    assert report["at_most"]
    assert report["lag_s"]["count"] >= 2
    assert 0 <= report["lag_s"]["p50"] <= report["lag_s"]["p95"] <= 60
    spent_ms = report["cost"]["cpu_ms_per_camera_second"]
    assert set(spent_ms) == {*(stage.value for stage in Stage), "other", "total"}
    for stage in ("demux", "decode", "scale", "gate", "infer", "rules"):
        assert spent_ms[stage] > 0
    named_ms = sum(spent_ms[stage] for stage in Stage)
    assert named_ms == pytest.approx(spent_ms["total"], rel=0.25)
    assert report["cost"]["drops"] == {}
    assert report["ceiling"]["infer_ms"] > 0
    assert report["ceiling"]["total_ms"] == pytest.approx(
        report["ceiling"]["decode_ms"] + report["ceiling"]["infer_ms"], rel=0.2
    )
    assert report["ratio"] == pytest.approx(
        2 / report["ceiling"]["cameras"], rel=0.01, abs=0.001
    )  # told in thousandths
    cpus = report["machine"]["usable_cpus"]
    assert report["cameras_by_cpu_time"]["ours"] == pytest.approx(1000 * cpus / spent_ms["total"], rel=0.01)
    assert [step["cameras"] for step in report["steps"]][-1] == 2
    assert report["machine"]["cpus"] >= 1


@pytest.mark.slow
def test_from_the_picture_of_the_alarm_to_the_console(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "CEILING_TURN_S", 0.5)
    clip = bench_source(192, 144, 10, mbit_per_s=0.2, gop_s=2)
    report = bench_cameras(seconds=5.0, most=1, load=Load(clip, sample), warm_up_s=2.0, lag_limit_s=60.0, incidents=2)
    found = report["end_to_end"]
    assert found["cameras"] == 2
    assert found["not_readable_yet"] == 0
    assert found["picture_to_readable_s"]["count"] == 2
    assert 0 < found["picture_to_readable_s"]["p50"] <= found["picture_to_readable_s"]["p95"]
    assert report["steps"][-1]["scene_cameras"] == 0  # one camera is too few for a share of incidents


def test_the_load_has_cameras_with_incidents_in_their_proportion() -> None:
    sample = Sample(Path("bus.mp4"), 76.0, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)), 12.0, 52.0, (0.1, 0.1, 0.2, 0.2))
    load = Load(Path("street.mp4"), sample)
    counts = {count: len(load.cameras(count)) - count for count in (1, 23, 25, 48, 100)}
    assert counts == {1: 0, 23: 0, 25: 1, 48: 1, 100: 2}  # a scene for each 48, rounded
    assert len({camera.id for camera in load.cameras(100)}) == 102
    assert np.all([camera.loop for camera in load.cameras(3)])
