"""The worker's own shards with the real detector, watched from within their processes: lag, CPU by stage, memory."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from detector.delivery.outbox import Outbox
from detector.shard import Shard
from detector.shard_spec import ShardSpec
from detector.watching.slots import Slots
from detector.watching.watch import CameraWatch
from detector.worker import default_shards
from detector.zoning.cameras_file import Camera
from evaluation.benches.lag import LagBook
from evaluation.benches.machine import cores
from evaluation.benches.stage_timer import Function, StageTimer
from evaluation.benches.stages import instead, timed_stages
from evaluation.errors import EvaluationError
from evaluation.memory import rss_bytes
from models.detector import load_detector
from streams.patrol import Sample

REPORT_EVERY_S = 0.5
START_S = 120.0
"""A model that is opened for the first time may have to be converted."""
STOP_S = 60.0


@dataclass(frozen=True)
class Schedule:
    """When a shard is measured, counted from the moment at which its cameras start."""

    warm_up_s: float
    seconds: float
    lag_limit_s: float


@dataclass(frozen=True)
class Moment:
    """A shard's process at one moment: all counts are since its start."""

    at_s: float
    cpu_s: float
    stages_s: dict[str, float]
    rss_bytes: int


@dataclass(frozen=True)
class Progress:
    """What a shard says while it runs."""

    lags_s: tuple[float, ...]
    """Since the end of warming up."""
    alarms: dict[str, float]
    """By incident: the moment, on the monotonic clock, of the picture that confirmed it."""
    moments: tuple[Moment, ...]
    """Before the first camera, after warming up, and at the end, as far as they have come."""


@dataclass
class Watched:
    """Shards that run. `progress` is kept up to date by `update`."""

    shards: int
    pipes: list[Pipe]
    progress: list[Progress] = field(default_factory=list)

    def update(self, wait_s: float) -> None:
        """Takes in what the shards have said; waits so long first.

        Raises:
            EvaluationError: a shard has died.
        """
        time.sleep(wait_s)
        for number, pipe in enumerate(self.pipes):
            try:
                while pipe.poll():
                    self.progress[number] = pipe.recv()
            except EOFError:
                raise EvaluationError(f"shard {number} has ended: see above") from None

    @property
    def measured(self) -> bool:
        """True once all shards are at the end of their schedule."""
        return all(len(one.moments) == len(("before", "warm", "end")) for one in self.progress)

    @property
    def lags_s(self) -> list[float]:
        """Of all cameras, since the end of warming up."""
        return [lag_s for one in self.progress for lag_s in one.lags_s]

    @property
    def alarms(self) -> dict[str, float]:
        """Of all cameras, since the start."""
        return {incident: at_s for one in self.progress for incident, at_s in one.alarms.items()}


@contextmanager
def watched_shards(cameras: Sequence[Camera], model: str, state_dir: Path, schedule: Schedule) -> Iterator[Watched]:
    """Watches cameras as a worker does, in as many processes, while the block lasts; it begins when all of them have started.

    Raises:
        EvaluationError: a shard did not start.
    """
    context = multiprocessing.get_context("spawn")
    stop, start = context.Event(), context.Event()
    shards = default_shards(len(cameras))
    watched = Watched(shards, [], [Progress((), {}, ())] * shards)
    processes: list[SpawnProcess] = []
    try:
        for number in range(shards):
            spec = ShardSpec(
                f"shard-{number}",
                tuple(cameras[number::shards]),
                model,
                state_dir,
                max(1, cores() // shards),
                log_level=logging.ERROR,
            )
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_run, args=(spec, schedule, start, stop, theirs), daemon=True)
            process.start()
            theirs.close()
            watched.pipes.append(ours)
            processes.append(process)
        for number, pipe in enumerate(watched.pipes):
            if not pipe.poll(START_S):
                raise EvaluationError(f"shard {number} did not start within {START_S:g} s")
        watched.update(0.0)
        start.set()
        yield watched
    finally:
        stop.set()
        for process, pipe in zip(processes, watched.pipes, strict=True):
            pipe.close()  # so that nobody waits for a reader
            process.join(STOP_S)
            process.kill()


def _run(spec: ShardSpec, schedule: Schedule, start: Event, stop: Event, pipe: Pipe) -> None:
    """A shard's process: as `detector.shard.run_shard`, with timers around what it runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # sent to the whole group; the bench decides when to stop
    logging.basicConfig(level=spec.log_level)
    timer, book, alarms = StageTimer(), LagBook(), dict[str, float]()
    detector = load_detector(spec.model)
    pipe.send(Progress((), {}, ()))
    if not start.wait(START_S):
        return
    starts_at = {camera.id: camera.starts_at for camera in spec.cameras}
    ended = threading.Event()
    reporter = threading.Thread(target=_report, args=(schedule, timer, book, alarms, pipe, ended), daemon=True)
    with timed_stages(timer), _noted(book, alarms, starts_at):
        reporter.start()
        Shard(spec, detector, detector.batching).run(stop)
    ended.set()
    reporter.join()


def _report(
    schedule: Schedule,
    timer: StageTimer,
    book: LagBook,
    alarms: dict[str, float],
    pipe: Pipe,
    ended: threading.Event,
) -> None:
    def moment() -> Moment:
        return Moment(time.monotonic(), time.process_time(), dict(timer.spent_s()), rss_bytes())

    moments = [moment()]
    due_s = [moments[0].at_s + schedule.warm_up_s, moments[0].at_s + schedule.warm_up_s + schedule.seconds]
    lags_s: list[float] = []
    while not ended.wait(REPORT_EVERY_S):
        now_s = time.monotonic()
        if len(moments) <= len(due_s):
            lags_s = book.lags_s(due_s[0], now_s, schedule.lag_limit_s)
            if now_s >= due_s[len(moments) - 1]:
                moments.append(moment())
        try:
            pipe.send(Progress(tuple(lags_s), dict(alarms), tuple(moments)))
        except OSError:  # nobody wants to know any more
            return


@contextmanager
def _noted(book: LagBook, alarms: dict[str, float], starts_at: dict[str, datetime | None]) -> Iterator[None]:
    """Has the book told when pictures come and are looked at, and when an incident is confirmed."""

    def arrivals(put: Function) -> Function:
        def noted(slots: Slots, camera: str, sample: Sample) -> None:
            book.came(camera, sample.time_s, time.monotonic())
            put(slots, camera, sample)

        return noted

    def looks(look: Function) -> Function:
        def noted(watch: CameraWatch, frame: Any) -> None:
            look(watch, frame)
            book.looked(watch.camera.id, frame.time_s, time.monotonic())

        return noted

    def posts(post: Function) -> Function:
        def noted(outbox: Outbox, revision: dict[str, Any], folder: Path) -> None:
            post(outbox, revision, folder)
            _note_alarm(revision, book, alarms, starts_at)

        return noted

    replacements: tuple[tuple[type, str, Callable[[Function], Function]], ...] = (
        (Slots, "put", arrivals),
        (CameraWatch, "look", looks),
        (Outbox, "post", posts),
    )
    with ExitStack() as replaced:
        for owner, name, of in replacements:
            replaced.enter_context(instead(owner, name, of))
        yield


def _note_alarm(
    revision: dict[str, Any], book: LagBook, alarms: dict[str, float], starts_at: dict[str, datetime | None]
) -> None:
    began, confirmed = starts_at[revision["camera"]], revision.get("confirmed_at")
    if confirmed is None or began is None or revision["id"] in alarms:
        return
    media_s = (datetime.fromisoformat(confirmed) - began).total_seconds()
    at_s = book.moment_s(revision["camera"], media_s)
    if at_s is not None:
        alarms[revision["id"]] = at_s


def between(watched: Watched) -> tuple[float, float, Counter[str]]:
    """Seconds, CPU seconds and CPU seconds by stage from the end of warming up to the end, over all shards."""
    spans = [one.moments[1:3] for one in watched.progress]
    stages_s: Counter[str] = Counter()
    for warm, end in spans:
        stages_s.update({name: spent - warm.stages_s.get(name, 0.0) for name, spent in end.stages_s.items()})
    return (
        max(end.at_s - warm.at_s for warm, end in spans),
        sum(end.cpu_s - warm.cpu_s for warm, end in spans),
        stages_s,
    )


def beginning_now(cameras: Sequence[Camera], now: datetime) -> list[Camera]:
    """Recordings that are dated from now on, as those of a worker are."""
    return [replace(camera, starts_at=now) for camera in cameras]
