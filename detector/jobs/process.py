"""The job runner as a process: alone (`jobs run`), or beside a worker's shards, and at the back of the queue for the CPU."""

import logging
import multiprocessing
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from threading import Thread

from detector.evidence.plates import plate_desk
from detector.jobs.bystanders import Onlooker
from detector.jobs.client import JobsClient
from detector.jobs.preview import Previewer
from detector.jobs.probe import Prober
from detector.jobs.redaction import Redactor
from detector.jobs.runner import Runner
from detector.jobs.task import Kind
from detector.jobs.viewing_copy import make_viewing_copy
from detector.logs import set_up_logs
from detector.processes import Supervised, only_one
from detector.zoning.cameras_file import Camera
from models.detector import load_detector

log = logging.getLogger(__name__)

NICENESS = 10
"""Somebody waits for a job for some seconds more; a camera can't wait."""
STOP_S = 10.0
ORPHAN_CHECK_S = 2.0

PROBE_LIMIT_S = 90.0
CLIP_LIMIT_S = 1800.0
"""Half an hour: a clip of two minutes is redacted in a tenth of that on one core."""


@dataclass(frozen=True)
class JobsSpec:
    """What a runner needs to know; travels to its process.

    Attributes:
        events_url: The event system.
        token: A worker's.
        folder: For files on their way.
        cameras: Those whose address it has: only for them it takes jobs that name a camera and no address.
        model: For redaction.
        provider: Where the model runs.
        log_level: Of its process.
    """

    events_url: str
    token: str
    folder: Path
    cameras: tuple[Camera, ...] = ()
    model: str = "yolov8n"
    provider: str | None = None
    log_level: int = logging.INFO


def make_runner(spec: JobsSpec) -> Runner:
    """A runner that does all kinds."""
    by_id = {camera.id: camera for camera in spec.cameras}
    kinds = (
        Kind("viewing_copy", make_viewing_copy, CLIP_LIMIT_S),
        Kind("redaction", Redactor(lambda: _onlooker(spec)), CLIP_LIMIT_S),
        Kind("preview", Previewer(by_id), PROBE_LIMIT_S),
        Kind("probe", Prober(by_id), PROBE_LIMIT_S),
    )
    return Runner(JobsClient(spec.events_url, spec.token), kinds, spec.folder, cameras=tuple(by_id))


def _onlooker(spec: JobsSpec) -> Onlooker:
    reader = plate_desk()
    return Onlooker(load_detector(spec.model, provider=spec.provider), reader.country if reader else None)


def run_jobs(spec: JobsSpec) -> None:
    """The process beside a worker's shards."""
    set_up_logs(spec.log_level, "jobs")
    os.nice(NICENESS)
    runner = make_runner(spec)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from a terminal it comes to all; the worker says when
    signal.signal(signal.SIGTERM, lambda *_: runner.stop())
    Thread(target=_stop_with_worker, args=(runner,), name="worker", daemon=True).start()
    with only_one(spec.folder, "job runner"):
        runner.run()


def _stop_with_worker(runner: Runner) -> None:
    """A worker that was killed can't tell its runner to stop."""
    worker = multiprocessing.parent_process()
    while worker is not None and worker.is_alive():
        worker.join(ORPHAN_CHECK_S)
    runner.stop()


class JobProcess(Supervised):
    """A worker's job runner: started again when it ends by itself, stopped with the worker.

    It is told to stop by a signal: whoever is killed while waiting for a shared event would hold up the one who sets it.
    """

    def __init__(self, context: SpawnContext, spec: JobsSpec) -> None:
        def launch() -> SpawnProcess:
            process = context.Process(target=run_jobs, args=(spec,), name="jobs", daemon=True)
            process.start()
            return process

        super().__init__("the job runner", launch, may_finish=False)

    def stop(self) -> None:
        """Tells it to stop, and waits until it has given its job back."""
        self.process.terminate()
        self.join(STOP_S)


def said(cameras: Sequence[Camera]) -> str:
    """What a runner says of itself at its start."""
    return f"waiting for jobs; {len(cameras)} cameras are known here"
