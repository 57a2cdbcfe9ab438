"""The worker: a supervisor and its shard processes, one outbox, one courier."""

import logging
import math
import multiprocessing
import os
import shutil
import threading
from collections.abc import Sequence
from multiprocessing.context import SpawnContext
from pathlib import Path

from detector.delivery.courier import Courier
from detector.delivery.outbox import Outbox
from detector.delivery.signing_in import check_address
from detector.errors import ConfigError
from detector.evidence.plates import fetch_plates
from detector.fleet.client import FleetClient
from detector.fleet.member import Member, Watched, Wish
from detector.jobs.process import JobProcess, JobsSpec
from detector.lifecycle.resume import told_of
from detector.metrics import serve_metrics
from detector.preflight import check_classes, check_files, say_what_is_off
from detector.processes import only_one
from detector.shard_spec import ShardSpec
from detector.shards import Shards
from detector.zoning.cameras_file import Camera
from models.detector import load_detector
from streams.hardware import AUTO, CPU, devices

log = logging.getLogger(__name__)

CAMERAS_PER_SHARD = 8
"""Below this a second process costs more memory than it saves time."""
WATCH_EVERY_S = 0.5
CAMERAS_PER_CORE = 50
"""Of the registry's, unless it is told otherwise: what a core takes at 1080p (`evaluation/README.md`)."""
DRAIN_S = 120.0
"""Once all recordings have ended, the event system is waited for this long."""
STOPPED_DRAIN_S = 5.0


class Worker:
    """Watches cameras and reports to the event system, until its recordings have ended or it is told to stop.

    `cameras` are those of a cameras file; None: it watches what the event system's registry has for it, as many as
    `capacity` says, and applies what is changed there while it runs.
    """

    def __init__(  # noqa: PLR0913 - what an operator may choose
        self,
        cameras: Sequence[Camera] | None,
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
        capacity: int | None = None,
        metrics: str | None = None,
    ) -> None:
        self._cameras = tuple(cameras or ())
        if cameras is None:
            capacity = capacity or CAMERAS_PER_CORE * (os.cpu_count() or 1)
        self._wish = Wish(None if cameras is None else self._cameras, capacity or 0)
        self._class_names: tuple[str, ...] = ()
        self._metrics = metrics
        self._model = model
        self._decode = decode
        self._ring_memory_bytes = ring_memory_bytes
        self._state_dir = state_dir
        self._provider = provider
        self._shards = shards or default_shards(len(self._cameras) if cameras is not None else self._wish.capacity)
        self._shards_asked = shards
        self._context: SpawnContext = multiprocessing.get_context("spawn")
        self._asked = threading.Event()
        self._events_url, self._token = events_url, token
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
        self._class_names = tuple(detector.names)
        check_classes(self._cameras, self._model, self._class_names)
        say_what_is_off(self._cameras, detector)
        fetch_plates()

    def run(self) -> int:
        """Blocks until done; gives the exit code: 0 when all recordings were played and reported, or it was stopped.

        Raises:
            ConfigError: The token is refused, or another worker uses the state folder.
        """
        with only_one(self._state_dir, "worker"):
            outbox = Outbox(self._state_dir)
            if self._metrics is not None:
                serve_metrics(self._metrics, self._state_dir, outbox)
            clear_leftovers(outbox, self._state_dir)
            member = Member(self._fleet_client(), self._state_dir, outbox, self._wish, self._check_one)
            courier = Courier(outbox, self._events_url, self._token, member.epoch_of)
            courier.check_token()
            member.join()
            courier.start()
            shards = self._new_shards()
            try:
                member.start()
                self._watch(member, shards)
            finally:
                shards.stop()
                for jobs in self._jobs:
                    jobs.stop()
                stopped = self._asked.is_set()
                left = courier.stop(STOPPED_DRAIN_S if stopped else DRAIN_S)
                log.info(
                    "%d messages delivered, %d refused, %d kept for later", courier.delivered, courier.refused, left
                )
                member.stop()
                outbox.close()
            return 0 if stopped or not left else 1

    def _watch(self, member: Member, shards: Shards) -> None:
        """Until all recordings have ended, or it is asked to stop."""
        watched: Watched | None = None
        while not self._asked.is_set():
            if member.watched is not watched:
                watched = member.watched
                shards.watch(watched.cameras, lasting=watched.lasting)
                self._start_jobs(watched.cameras)
            if shards.finished:
                return
            self._asked.wait(WATCH_EVERY_S)
            shards.mind()
            for process in self._jobs:
                process.mind()

    def _start_jobs(self, cameras: Sequence[Camera]) -> None:
        """A runner that knows these cameras; one that knew others gives its job back."""
        if not self._does_jobs:
            return
        for process in self._jobs:
            process.stop()
        self._jobs = [self._job_process(cameras)]

    def _fleet_client(self) -> FleetClient:
        return FleetClient(self._events_url, self._token)

    def _check_one(self, camera: Camera) -> None:
        check_classes((camera,), self._model, self._class_names)

    def _new_shards(self) -> Shards:
        spec = ShardSpec(
            "shards",
            (),
            self._model,
            self._state_dir,
            max(1, (os.cpu_count() or 1) // self._shards),
            self._decode,
            logging.getLogger().level,
            self._ring_memory_bytes,
            self._provider,
        )
        return Shards(spec, self._shards)

    def _job_process(self, cameras: Sequence[Camera]) -> JobProcess:
        spec = JobsSpec(
            self._events_url,
            self._token,
            self._state_dir / "jobs",
            tuple(cameras),
            self._model,
            self._provider,
            log_level=logging.getLogger().level,
        )
        return JobProcess(self._context, spec)


def default_shards(cameras: int) -> int:
    """As many processes as there are cores, but not for a handful of cameras."""
    return max(1, min(os.cpu_count() or 1, math.ceil(cameras / CAMERAS_PER_SHARD)))


def clear_leftovers(outbox: Outbox, state_dir: Path) -> None:
    """Removes the folders of evidence that nobody waits for: candidates that a stopped worker left behind."""
    needed = outbox.incidents_waiting() | told_of(state_dir)
    for folder in (state_dir / "evidence").glob("*"):
        if folder.name not in needed:
            shutil.rmtree(folder, ignore_errors=True)
