"""The worker's own shards with a detector that does not look: for benches of everything but inference."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.shard import Shard
from detector.shard_spec import ShardSpec
from detector.worker import default_shards
from detector.zoning.cameras_file import Camera
from evaluation.memory import rss_bytes
from models.detections import Detections
from models.detector import SCORE_MIN, Detector
from models.families import FAMILIES
from models.letterbox import Letterbox
from models.registry.entries import load_registry
from models.registry.pull import pull
from models.runtime.session import open_session

MODEL = "yolov8n"
READ_EVERY_S = 5.0
STOP_S = 60.0


class BlindDetector(Detector):
    """Does all that a detector does to a picture, but does not look at it."""

    def detect(
        self,
        image_rgb: NDArray[np.uint8],
        plan: Letterbox,
        *,
        score_min: float = SCORE_MIN,  # noqa: ARG002 - the detector's signature
    ) -> Detections:
        """Scales and packs the picture, and finds nothing."""
        self._layout.feed(plan.scaled(image_rgb), plan)
        return Detections.none(self.names)


@dataclass(frozen=True, slots=True)
class Reading:
    """A process at one moment."""

    at_s: float
    """On the monotonic clock that all processes of a machine share."""
    cpu_s: float
    rss_bytes: int

    @classmethod
    def now(cls) -> Reading:
        """This process now."""
        return cls(time.monotonic(), time.process_time(), rss_bytes())


@dataclass
class BlindWorker:
    """Shards that run; their readings are there once they have been stopped."""

    shards: int
    readings: list[list[Reading]] = field(default_factory=list)
    """Of each shard, the first one before its first camera."""


@contextmanager
def blind_worker(cameras: Sequence[Camera], state_dir: Path) -> Iterator[BlindWorker]:
    """Watches cameras as a worker does, in as many processes, while the block lasts."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    shards = default_shards(len(cameras))
    analysts = max(1, (os.cpu_count() or 1) // shards)
    running = []
    for number in range(shards):
        spec = ShardSpec(
            f"shard-{number}", tuple(cameras[number::shards]), MODEL, state_dir, analysts, "cpu", logging.WARNING
        )
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(spec, stop, theirs), daemon=True)
        process.start()
        theirs.close()
        running.append((process, ours))
    worker = BlindWorker(shards)
    try:
        yield worker
    finally:
        stop.set()
        for process, pipe in running:
            if pipe.poll(STOP_S):
                worker.readings.append(pipe.recv())
            pipe.close()
            process.join(STOP_S)
            process.kill()


def _run(spec: ShardSpec, stop: Event, pipe: Pipe) -> None:
    logging.basicConfig(level=spec.log_level)
    logging.getLogger("streams").setLevel(logging.ERROR)  # what goes wrong is counted, and wanted
    model = load_registry().model(spec.model)
    shard = Shard(spec, BlindDetector(model, FAMILIES[model.entry.family], open_session(pull(model))))
    readings = [Reading.now()]
    ended = threading.Event()

    def keep_reading() -> None:
        while not ended.wait(READ_EVERY_S):
            readings.append(Reading.now())

    reader = threading.Thread(target=keep_reading, daemon=True)
    reader.start()
    shard.run(stop)
    ended.set()
    reader.join()
    pipe.send(readings)


def totals(rows: Sequence[dict[str, Any]], name: str) -> dict[str, int]:
    """The counts by cause that stand under a name in rows of camera health, over all cameras."""
    counted: Counter[str] = Counter()
    for row in rows:
        counted.update(row[name])
    return dict(sorted(counted.items()))
