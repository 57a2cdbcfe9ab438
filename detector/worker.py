"""The worker: a supervisor and its shard processes, one outbox, one courier."""

import logging
import math
import multiprocessing
import os
import shutil
import threading
from collections.abc import Sequence
from functools import partial
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path

from detector.delivery.courier import Courier
from detector.delivery.outbox import Outbox
from detector.delivery.signing_in import check_address
from detector.errors import ConfigError
from detector.evidence.plates import fetch_plates
from detector.jobs.process import JobProcess, JobsSpec
from detector.preflight import check_classes, check_files, say_what_is_off
from detector.processes import Supervised, only_one
from detector.shard import ShardSpec, run_shard
from detector.zoning.cameras_file import Camera
from models.detector import load_detector
from streams.hardware import AUTO, CPU, devices

log = logging.getLogger(__name__)

CAMERAS_PER_SHARD = 8
"""Below this a second process costs more memory than it saves time."""
WATCH_EVERY_S = 0.5
STOP_S = 20.0
"""A shard that is told to stop finishes its evidence; after this it is ended."""
DRAIN_S = 120.0
"""Once all recordings have ended, the event system is waited for this long."""
STOPPED_DRAIN_S = 5.0


class Worker:
    """Watches cameras and reports to the event system, until its recordings have ended or it is told to stop."""

    def __init__(  # noqa: PLR0913 - what an operator may choose
        self,
        cameras: Sequence[Camera],
        *,
        events_url: str,
        token: str,
        state_dir: Path,
        model: str,
        shards: int | None,
        decode: str = AUTO,
        ring_memory_bytes: int | None = None,
        provider: str | None = None,
        jobs: bool = False,
    ) -> None:
        self._cameras = tuple(cameras)
        self._model = model
        self._decode = decode
        self._ring_memory_bytes = ring_memory_bytes
        self._state_dir = state_dir
        self._provider = provider
        self._shards = shards or default_shards(len(cameras))
        self._shards_asked = shards
        self._context: SpawnContext = multiprocessing.get_context("spawn")
        self._stop = self._context.Event()
        self._asked = threading.Event()
        self._events_url, self._token = events_url, token
        self._running: list[Supervised] = []
        self._does_jobs = jobs
        self._jobs: list[JobProcess] = []

    def stop(self) -> None:
        """Asks the worker to stop; may be called from a signal handler or another thread."""
        self._asked.set()

    def check(self) -> None:
        """Makes sure that everything that can be wrong beforehand is right; also fetches the model, and what reads plates.

        Raises:
            ConfigError: A source, class, address or token is wrong.
            models.errors.ModelError: The model can't be had, or the provider is not there.
        """
        check_address(self._events_url, self._token)
        if self._decode not in (AUTO, CPU, *devices()):
            raise ConfigError(f"--decode {self._decode}: allowed are {', '.join((AUTO, CPU, *devices()))}")
        check_files(self._cameras)
        detector = load_detector(self._model, provider=self._provider)
        if detector.batching() is not None and not self._shards_asked:
            self._shards = 1  # so that all cameras of a GPU share its batches
        check_classes(self._cameras, detector)
        say_what_is_off(self._cameras, detector)
        fetch_plates()

    def run(self) -> int:
        """Blocks until done; gives the exit code: 0 when all recordings were played and reported, or it was stopped.

        Raises:
            ConfigError: The token is refused, or another worker uses the state folder.
        """
        with only_one(self._state_dir, "worker"):
            outbox = Outbox(self._state_dir)
            clear_leftovers(outbox, self._state_dir / "evidence")
            courier = Courier(outbox, self._events_url, self._token)
            courier.check_token()
            courier.start()
            try:
                self._start_shards()
                if self._does_jobs:
                    self._jobs.append(self._job_process())
                while not self._asked.is_set() and not all(shard.finished for shard in self._running):
                    self._asked.wait(WATCH_EVERY_S)
                    for process in (*self._running, *self._jobs):
                        process.mind()
            finally:
                self._stop.set()
                for shard in self._running:
                    shard.join(STOP_S)
                for jobs in self._jobs:
                    jobs.stop()
                stopped = self._asked.is_set()
                left = courier.stop(STOPPED_DRAIN_S if stopped else DRAIN_S)
                log.info(
                    "%d messages delivered, %d refused, %d kept for later", courier.delivered, courier.refused, left
                )
                outbox.close()
            return 0 if stopped or not left else 1

    def _start_shards(self) -> None:
        analysts = max(1, (os.cpu_count() or 1) // self._shards)
        for number in range(self._shards):
            cameras = self._cameras[number :: self._shards]
            if cameras:
                spec = ShardSpec(
                    f"shard-{number}",
                    cameras,
                    self._model,
                    self._state_dir,
                    analysts,
                    self._decode,
                    logging.getLogger().level,
                    self._ring_memory_bytes,
                    self._provider,
                )
                self._running.append(Supervised(spec.name, partial(self._launch, spec), may_finish=True))
        log.info("watching %d cameras in %d processes", len(self._cameras), len(self._running))

    def _job_process(self) -> JobProcess:
        spec = JobsSpec(
            self._events_url,
            self._token,
            self._state_dir / "jobs",
            self._cameras,
            self._model,
            self._provider,
            log_level=logging.getLogger().level,
        )
        return JobProcess(self._context, spec)

    def _launch(self, spec: ShardSpec) -> SpawnProcess:
        process = self._context.Process(target=run_shard, args=(spec, self._stop), name=spec.name, daemon=True)
        process.start()
        return process


def default_shards(cameras: int) -> int:
    """As many processes as there are cores, but not for a handful of cameras."""
    return max(1, min(os.cpu_count() or 1, math.ceil(cameras / CAMERAS_PER_SHARD)))


def clear_leftovers(outbox: Outbox, evidence_dir: Path) -> None:
    """Removes the folders of evidence that no message waits for: candidates that a stopped worker left behind."""
    needed = outbox.incidents_waiting()
    for folder in evidence_dir.glob("*"):
        if folder.name not in needed:
            shutil.rmtree(folder, ignore_errors=True)
