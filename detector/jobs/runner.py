"""Does jobs, one at a time: leases one, keeps the lease alive while it is at it, sends what came of it.

The lease is what counts: a runner that dies, hangs or loses its network says nothing more, and another one takes over.
"""

import logging
import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from detector.jobs.client import AwayError, JobsClient
from detector.jobs.task import Done, JobError, Kind, LostError, StoppedError, Task

log = logging.getLogger(__name__)

BACKOFF_S = (1.0, 5.0, 15.0, 60.0)
JITTER = 0.2
SIGNS_PER_LEASE = 3
"""Two signs of life may get lost."""
STUCK_GRACE_S = 60.0
"""A job that has not noticed for so long that its time is over hangs in a library: only the end of the process helps."""
STUCK_EXIT = 75
SEND_TRIES = 4
PREFIX = "job-"


class Runner:
    """Leases and does jobs until it is stopped.

    Args:
        client: The connection; the runner's own from now on.
        kinds: What this runner can do.
        folder: For files on their way; what an earlier runner has left there is removed.
        cameras: Ids of the cameras whose address it has.
        on_stuck: Called when a job hangs; ends the process.
    """

    def __init__(
        self,
        client: JobsClient,
        kinds: Collection[Kind],
        folder: Path,
        *,
        cameras: Collection[str] = (),
        on_stuck: Callable[[], None] = lambda: os._exit(STUCK_EXIT),
    ) -> None:
        self._client = client
        self._kinds = {kind.name: kind for kind in kinds}
        self._folder = folder
        self._cameras = cameras
        self._on_stuck = on_stuck
        self._stopping = threading.Event()
        self.done = 0
        self.failed = 0

    def stop(self) -> None:
        """Asks it to stop: the job that it is at goes back. May be called from a signal handler or another thread."""
        self._stopping.set()

    def run(self) -> None:
        """Blocks until it is stopped; then the connection is closed."""
        try:
            self._clear()
            self._go_on()
        finally:
            self._client.close()

    def _go_on(self) -> None:
        misses = 0
        while not self._stopping.is_set():
            try:
                task = self._client.lease(self._kinds, self._cameras)
            except AwayError as error:
                if misses == 0:
                    log.warning("no jobs from the event system for now: %s", error)
                wait_s = error.wait_s or BACKOFF_S[min(misses, len(BACKOFF_S) - 1)]
                misses += 1
                self._stopping.wait(wait_s * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - spreads load, hides nothing
                continue
            misses = 0
            if task is not None:
                self._do(task)

    def _clear(self) -> None:
        """Footage that a killed runner has left is nobody's."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self._folder.glob(f"{PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)

    def _do(self, task: Task) -> None:
        kind = self._kinds.get(task.kind)
        log.info("job %s: %s, attempt %d", task.id, task.kind, task.attempt)
        try:
            if kind is None:
                raise JobError(f"this worker does no jobs {task.kind}")  # noqa: TRY301 - told like any other
            with tempfile.TemporaryDirectory(prefix=PREFIX, dir=self._folder) as folder:
                bench = LeasedBench(self._client, task, Path(folder), kind.limit_s, self._stopping, self._on_stuck)
                with bench:
                    self._hand_in(task, kind.work(task, bench), bench)
        except LostError as error:
            log.warning("job %s is not ours any more: %s", task.id, error)
        except StoppedError:
            self._give_up(task, "the worker stops", "given_back")
        except JobError as error:
            self._give_up(task, str(error), "final" if error.final else "retry")
        except AwayError as error:
            log.warning("job %s: the event system is away (%s): somebody does it anew", task.id, error)
        except Exception as error:  # one job must not take the runner with it
            log.exception("job %s failed", task.id)
            self._give_up(task, f"it failed unexpectedly: {type(error).__name__}", "retry")
        else:
            self.done += 1
            log.info("job %s: done", task.id)

    def _hand_in(self, task: Task, done: Done, bench: "LeasedBench") -> None:
        wanted = {output.name: output for output in task.outputs}
        if set(done.files) != set(wanted):
            raise JobError(f"made were {sorted(done.files)}, wanted are {sorted(wanted)}", final=True)
        digests: dict[str, str] = {}
        for name, path in done.files.items():
            size, limit = path.stat().st_size, wanted[name].max_bytes
            if size > limit:
                raise JobError(f"{name} has {size} bytes; allowed are {limit}", final=True)
            digests[name] = self._insisting(bench, self._client.send, task, name, path)
        self._insisting(bench, self._client.result, task, done.result, digests)

    def _insisting(self, bench: "LeasedBench", call: Callable[..., Any], *arguments: Any) -> Any:
        """Sends again what did not get through: hours of work must not be lost to one dropped connection."""
        for attempt in range(SEND_TRIES):
            try:
                return call(*arguments)
            except AwayError:
                if attempt == SEND_TRIES - 1:
                    raise
                bench.check()
                self._stopping.wait(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
        raise AssertionError("unreachable")

    def _give_up(self, task: Task, reason: str, ending: str) -> None:
        self.failed += ending != "given_back"
        log.warning("job %s: %s", task.id, reason)
        try:
            self._client.failure(task, reason, ending)
        except (AwayError, LostError, JobError) as error:
            log.warning("job %s: that could not be told (%s): its lease runs out by itself", task.id, error)


class LeasedBench:
    """Where one job is done, while its lease is kept alive from a thread beside it."""

    def __init__(
        self,
        client: JobsClient,
        task: Task,
        folder: Path,
        limit_s: float,
        stopping: threading.Event,
        on_stuck: Callable[[], None],
    ) -> None:
        self._client, self._task, self._folder = client, task, folder
        self._limit_s = limit_s
        self._stopping = stopping
        self._on_stuck = on_stuck
        self._began_s = time.monotonic()
        self._lost: LostError | None = None
        self._over = threading.Event()
        self._said: tuple[float, str] = (0.0, "beginning")
        self._thread = threading.Thread(target=self._keep_alive, name=f"job-{task.id}", daemon=True)

    def __enter__(self) -> "LeasedBench":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=30.0)

    @property
    def folder(self) -> Path:
        """A folder that is gone afterwards."""
        return self._folder

    def fetch(self, file: Mapping[str, Any]) -> Path:
        """Brings a file of evidence here; see `Bench`."""
        inputs = self._folder / "inputs"
        inputs.mkdir(exist_ok=True)
        self.check()
        return self._client.fetch(self._task, file, inputs)

    def progress(self, share: float, stage: str) -> None:
        """Notes how far it has got; see `Bench`."""
        self._said = share, stage
        self.check()

    def check(self) -> None:
        """Looks whether the job goes on.

        Raises:
            LostError, StoppedError, JobError: It does not.
        """
        if self._lost is not None:
            raise self._lost
        if self._stopping.is_set():
            raise StoppedError
        if self._took_s() > self._limit_s:
            raise JobError(f"it took more than {self._limit_s:.0f} s")

    def _took_s(self) -> float:
        return time.monotonic() - self._began_s

    def _keep_alive(self) -> None:
        while not self._over.wait(self._task.lease_s / SIGNS_PER_LEASE):
            if self._took_s() > self._limit_s + STUCK_GRACE_S:
                log.error("job %s hangs: this process ends, and somebody else does it", self._task.id)
                self._on_stuck()
                return
            if self._took_s() > self._limit_s or self._lost is not None:
                continue  # its lease runs out
            try:
                self._client.progress(self._task, *self._said)
            except LostError as error:
                self._lost = error
            except (AwayError, JobError) as error:
                log.warning("job %s: no sign of life got through: %s", self._task.id, error)
