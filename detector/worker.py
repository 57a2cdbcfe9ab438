"""The worker: a supervisor and its shard processes, one outbox, one courier."""

import contextlib
import fcntl
import logging
import math
import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from urllib.parse import urlsplit

from detector.delivery.courier import Courier
from detector.delivery.outbox import Outbox
from detector.errors import ConfigError
from detector.evidence.plates import fetch_plates
from detector.jobs.process import JobProcess, JobsSpec
from detector.preflight import check_classes, check_files, say_what_is_off
from detector.shard import ShardSpec, run_shard
from detector.zoning.cameras_file import Camera
from models.detector import load_detector
from streams.hardware import AUTO, CPU, devices

log = logging.getLogger(__name__)

CAMERAS_PER_SHARD = 8
"""Below this a second process costs more memory than it saves time."""
WATCH_EVERY_S = 0.5
RESTART_S = (1.0, 5.0, 15.0, 60.0)
"""Waits before a shard that crashed is started again."""
HEALTHY_S = 300.0
"""A shard that has run this long has recovered: the next crash counts as the first."""
STOP_S = 20.0
"""A shard that is told to stop finishes its evidence; after this it is ended."""
DRAIN_S = 120.0
"""Once all recordings have ended, the event system is waited for this long."""
STOPPED_DRAIN_S = 5.0


@dataclass
class _Running:
    """A shard and its process."""

    spec: ShardSpec
    process: SpawnProcess
    started_s: float
    crashes: int = 0
    restart_at_s: float | None = None
    ended: bool = field(default=False)


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
        self._running: list[_Running] = []
        self._does_jobs = jobs
        self._jobs: list[JobProcess] = []

    def stop(self) -> None:
        """Asks the worker to stop; may be called from a signal handler or another thread."""
        self._asked.set()

    def _check_events(self) -> None:
        try:
            address = urlsplit(self._events_url)
            usable = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
        except ValueError:  # an open bracket, a port beyond 65535
            usable = False
        if not usable:
            raise ConfigError(
                f"--events {self._events_url}: is no address: allowed is http://HOST:PORT or https://HOST"
            )
        if not self._token:
            raise ConfigError(
                "STREETWARDEN_TOKEN: is not set: the event system gives one with `streetwarden token create`"
            )

    def check(self) -> None:
        """Makes sure that everything that can be wrong beforehand is right; also fetches the model, and what reads plates.

        Raises:
            ConfigError: A source, class, address or token is wrong.
            models.errors.ModelError: The model can't be had, or the provider is not there.
        """
        self._check_events()
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
        with locked(self._state_dir):
            outbox = Outbox(self._state_dir)
            clear_leftovers(outbox, self._state_dir / "evidence")
            courier = Courier(outbox, self._events_url, self._token)
            courier.check_token()
            courier.start()
            try:
                self._start_shards()
                if self._does_jobs:
                    self._jobs.append(self._job_process())
                while not self._asked.is_set() and not all(shard.ended for shard in self._running):
                    self._asked.wait(WATCH_EVERY_S)
                    self._mind_shards()
                    for process in self._jobs:
                        process.mind()
            finally:
                self._stop_shards()
                for process in self._jobs:
                    process.stop()
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
                self._running.append(_Running(spec, self._launch(spec), time.monotonic()))
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

    def _mind_shards(self) -> None:
        now_s = time.monotonic()
        for shard in self._running:
            if shard.restart_at_s is not None and now_s >= shard.restart_at_s:
                shard.restart_at_s, shard.started_s = None, now_s
                shard.process = self._launch(shard.spec)
            elif not shard.ended and shard.restart_at_s is None and shard.process.exitcode is not None:
                self._shard_exited(shard, now_s)

    def _shard_exited(self, shard: _Running, now_s: float) -> None:
        if shard.process.exitcode == 0:
            shard.ended = True
            return
        shard.crashes = 1 if now_s - shard.started_s > HEALTHY_S else shard.crashes + 1
        wait_s = RESTART_S[min(shard.crashes, len(RESTART_S)) - 1]
        log.error("%s exited with %s: started again in %.0f s", shard.spec.name, shard.process.exitcode, wait_s)
        shard.restart_at_s = now_s + wait_s

    def _stop_shards(self) -> None:
        self._stop.set()
        for shard in self._running:
            shard.process.join(STOP_S)
            if shard.process.exitcode is None:
                log.error("%s did not stop within %.0f s: it is ended", shard.spec.name, STOP_S)
                shard.process.kill()
                shard.process.join()


def default_shards(cameras: int) -> int:
    """As many processes as there are cores, but not for a handful of cameras."""
    return max(1, min(os.cpu_count() or 1, math.ceil(cameras / CAMERAS_PER_SHARD)))


@contextlib.contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """Keeps the state folder to one worker.

    Raises:
        ConfigError: Another one has it.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"--state {state_dir}: another worker uses it: give each worker a folder of its own"
            ) from None
        yield


def clear_leftovers(outbox: Outbox, evidence_dir: Path) -> None:
    """Removes the folders of evidence that no message waits for: candidates that a stopped worker left behind."""
    needed = outbox.incidents_waiting()
    for folder in evidence_dir.glob("*"):
        if folder.name not in needed:
            shutil.rmtree(folder, ignore_errors=True)
