"""What serving a model to many cameras costs, beside a bare loop around the runtime; in one run, turn by turn.

Machines are shared and noisy, so both take short turns, and the figure to quote is the ratio: the median over the rounds. What
each picture costs in CPU time is measured as well: the wall clock counts what others do to the machine, too.
"""

import os
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from models.detector import USUAL_FRAME_PX, open_detector
from models.files import cache_folder
from models.registry.entries import Model, load_registry
from models.registry.pull import pull
from models.runtime.batcher import Batcher
from models.runtime.opening import Source, open_inner
from models.runtime.providers import parse_wish
from models.runtime.session import Session, open_session

ROUNDS = 12
TURN_S = 4.0
OVERLOAD = 2.0
"""What cameras offer, of what the bare loop just did: the batcher is never idle, and newer pictures displace older ones."""
USUAL_LOAD = 0.6
"""A machine that has to do other things, too."""
USUAL_TURNS = 5
RUNS = 50
"""At each size of batch: enough that the 95th percentile is not the worst one."""
PICTURES = 8
"""Different ones, so that no cache holds all of them."""

Feeds = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class BatchPace:
    """The session at one size of batch: a run after the other, from arrays of this process to arrays of this process."""

    batch: int
    p50_ms: float
    """Of a run."""
    p95_ms: float
    per_s: float
    """Pictures."""


@dataclass(frozen=True)
class ModelBench:
    """One model on one provider; medians over the rounds."""

    model: str
    """With its precision if it is a variant."""
    provider: str
    fallbacks: int
    """Providers that failed meanwhile."""
    input_px: str
    cameras: int
    threads: int
    """That run the bare loop, each with a session of its own: one a core, or one on a GPU."""
    batch: int
    """Pictures to a run of the bare loop."""
    rounds: int
    bare_per_s: float
    """Pictures a second, from a loop around ONNX Runtime's own sessions."""
    served_per_s: float
    """Pictures a second that cameras asked for and the batcher answered."""
    ratio: float
    ms_per_picture: float
    """Of one thread, in the bare loop."""
    bare_cpu_ms: float
    """CPU time of the whole process for a picture."""
    served_cpu_ms: float
    cpu_ratio: float
    """Above 1 where serving costs less than the bare loop."""
    batch_mean: float
    """Pictures to a run of the batcher."""
    displaced: int
    """By newer ones, at twice of what the machine can do."""
    failed: int
    queue_p50_ms: float
    """From asking to the beginning of the run, at six tenths of what the machine can do."""
    queue_p95_ms: float
    displaced_then: int
    batches: list[BatchPace]
    """At each size of batch that the session takes."""


def bench_models(
    name: str, provider: str | None = None, cameras: int = 50, rounds: int = ROUNDS, turn_s: float = TURN_S
) -> list[dict[str, Any]]:
    """Measures a model and its variants; a variant alone when it is named.

    Raises:
        models.errors.ModelError: The model can't be had, or the provider is not there.
    """
    model = load_registry().model(name)
    return [asdict(_bench(one, provider, cameras, rounds, turn_s)) for one in (model, *model.variants.values())]


def _bench(model: Model, provider: str | None, cameras: int, rounds: int, turn_s: float) -> ModelBench:
    path, side_px = pull(model), model.entry.input_size
    session = open_session(path, provider=provider, side_px=side_px)
    detector = open_detector(model, session)
    detector.warm_up()
    reduced = parse_wish(provider, os.environ).reduced
    source = Source(path, side_px, cache_folder())
    plan = detector.plan(*USUAL_FRAME_PX)
    noise = np.random.default_rng(0)
    frames = noise.integers(0, 256, (PICTURES, plan.resized[1], plan.resized[0], 3), np.uint8)
    pictures = [detector.feeds(frame, plan) for frame in frames]
    batch, threads = session.batch_sizes[-1], session.parallel_max
    batches = [{name: np.repeat(array, batch, axis=0) for name, array in picture.items()} for picture in pictures]
    inners = [open_inner(session.provider, source, reduced=reduced) for _ in range(threads)]
    for inner in inners:
        inner.run(None, batches[0])
    bare: list[_Turn] = []
    served: list[_Turn] = []
    with Batcher(session) as batcher:
        for number in range(rounds):
            if number % 2 == 0:
                bare.append(_bare(inners, batches, turn_s))
            served.append(_served(batcher, pictures, cameras, OVERLOAD * bare[-1].per_s, turn_s))
            if number % 2 == 1:
                bare.append(_bare(inners, batches, turn_s))
        full = batcher.stats()
    with Batcher(session) as batcher:
        _served(
            batcher,
            pictures,
            cameras,
            USUAL_LOAD * statistics.median(turn.per_s for turn in bare),
            USUAL_TURNS * turn_s,
        )
        usual = batcher.stats()
    paces = [_pace(session, pictures, size) for size in session.batch_sizes]
    pairs = list(zip(served, bare, strict=True))
    bare_per_s = statistics.median(turn.per_s for turn in bare)
    return ModelBench(
        model=model.name,
        provider=session.provider,
        fallbacks=session.fallbacks,
        input_px=f"{plan.padded[0]}x{plan.padded[1]}",
        cameras=cameras,
        threads=threads,
        batch=batch,
        rounds=rounds,
        bare_per_s=round(bare_per_s, 1),
        served_per_s=round(statistics.median(turn.per_s for turn in served), 1),
        ratio=round(statistics.median(ours.per_s / theirs.per_s for ours, theirs in pairs), 3),
        ms_per_picture=round(1000 * threads / bare_per_s, 2),
        bare_cpu_ms=round(statistics.median(turn.cpu_ms for turn in bare), 2),
        served_cpu_ms=round(statistics.median(turn.cpu_ms for turn in served), 2),
        cpu_ratio=round(statistics.median(theirs.cpu_ms / ours.cpu_ms for ours, theirs in pairs), 3),
        batch_mean=round(full.batch_mean, 2),
        displaced=full.displaced,
        failed=full.failed + usual.failed,
        queue_p50_ms=round(usual.queue_p50_s * 1000, 2),
        queue_p95_ms=round(usual.queue_p95_s * 1000, 2),
        displaced_then=usual.displaced,
        batches=paces,
    )


def _pace(session: Session, pictures: Sequence[Feeds], size: int) -> BatchPace:
    """Runs of one size of batch, each of other pictures than the one before."""
    batches = [
        {name: np.concatenate([pictures[(at + row) % PICTURES][name] for row in range(size)]) for name in pictures[0]}
        for at in range(PICTURES)
    ]
    took_s = []
    for number in range(RUNS):
        began_s = time.perf_counter()
        session.run(batches[number % PICTURES])
        took_s.append(time.perf_counter() - began_s)
    p50_s, p95_s = np.percentile(took_s, (50, 95))
    return BatchPace(size, round(1000 * p50_s, 2), round(1000 * p95_s, 2), round(size * RUNS / sum(took_s), 1))


@dataclass(frozen=True)
class _Turn:
    """What one of the two did in its turn."""

    pictures: int
    wall_s: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        return self.pictures / self.wall_s

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_s / self.pictures


def _bare(inners: Sequence[ort.InferenceSession], batches: Sequence[Feeds], turn_s: float) -> _Turn:
    """A loop around each session, in a thread of its own."""
    began_s, cpu_s = time.perf_counter(), time.process_time()
    pictures = [0] * len(inners)

    def loop(thread: int) -> None:
        runs = 0
        while time.perf_counter() - began_s < turn_s:
            feeds = batches[(thread + runs) % len(batches)]
            inners[thread].run(None, feeds)
            runs += 1
            pictures[thread] += len(next(iter(feeds.values())))

    loops = [threading.Thread(target=loop, args=(thread,)) for thread in range(len(inners))]
    for one in loops:
        one.start()
    for one in loops:
        one.join()
    return _Turn(sum(pictures), time.perf_counter() - began_s, time.process_time() - cpu_s)


def _served(batcher: Batcher, pictures: Sequence[Feeds], cameras: int, offered_per_s: float, turn_s: float) -> _Turn:
    """Cameras ask one after the other and wait for nothing; the turn ends with the last answer."""
    before = batcher.stats().finished
    began_s, cpu_s = time.perf_counter(), time.process_time()
    asked = max(1, round(offered_per_s * turn_s))
    answered = threading.Semaphore(0)  # not a list of futures: it would hold on to all answers
    for number in range(asked):
        time.sleep(max(0.0, began_s + number / offered_per_s - time.perf_counter()))
        future = batcher.submit(pictures[number % len(pictures)], camera=f"camera-{number % cameras}")
        future.add_done_callback(lambda _: answered.release())
    for _ in range(asked):
        answered.acquire()
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    return _Turn(batcher.stats().finished - before, wall_s, cpu_s)
