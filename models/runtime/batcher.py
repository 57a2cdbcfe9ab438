"""Many cameras in, deadline-bounded batches out."""

import os
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from models.errors import ModelError
from models.runtime.engine import Outputs, Port, Tensors
from models.runtime.schedule import Request, Schedule
from models.runtime.session import Session
from models.runtime.tally import BatcherStats, Tally

__all__ = ["Batcher", "BatcherStats", "Displaced", "batched"]

LINGER_S = 0.005
"""How long a batch waits for more: little beside the two seconds between two samples of a camera."""
URGENT_WAITING_MAX = 64
"""Two full batches: who asks for more at once waits in `submit`."""
CLOSE_S = 10.0


class Displaced(ModelError):  # noqa: N818 - an end like others, not a fault
    """A newer picture of the same camera came before this one's turn."""


@dataclass(frozen=True, slots=True)
class _Job:
    feeds: Tensors
    future: Future[Outputs]


class Batcher:
    """Runs a session for many callers at once; stands in for it wherever it is run.

    On a GPU one batch runs at a time, up to the largest size that the session takes; on a CPU each request runs alone, on as
    many threads as there are cores. A batch leaves when it is full, or when its oldest request has waited `linger_s`. Who is in
    it is decided in `Schedule`. A run that fails ends its own requests and no others.

    Examples:
        >>> import numpy as np
        >>> from models.registry.entries import load_registry
        >>> from models.registry.pull import pull
        >>> from models.runtime.session import open_session
        >>> with Batcher(open_session(pull(load_registry().model("yolov8n")), provider="cpu")) as batcher:
        ...     picture = np.zeros((1, 3, 64, 64), np.float32)
        ...     batcher.submit({"images": picture}, camera="gate").result()[0].shape
        (1, 84, 84)
    """

    def __init__(
        self, session: Session, *, linger_s: float = LINGER_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start its threads.

        Args:
            session: what is run; closed by nobody here.
            linger_s: how long a batch that is not full waits for more.
            clock: in seconds, never going back.
        """
        self._session = session
        self._linger_s = linger_s
        self._clock = clock
        self._schedule: Schedule[_Job] = Schedule()
        self._tally = Tally()
        self._running = 0
        self._closed = False
        self._lock = threading.Lock()
        self._more = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        # A session that leaves its GPU for the CPU needs all cores: who is not needed sleeps.
        workers = max(session.parallel_max, os.cpu_count() or 1)
        self._workers = [
            threading.Thread(target=self._work, name=f"batch-{number}", daemon=True) for number in range(workers)
        ]
        for worker in self._workers:
            worker.start()

    @property
    def provider(self) -> str:
        """Word of the execution provider in use."""
        return self._session.provider

    @property
    def inputs(self) -> tuple[Port, ...]:
        """As the session's."""
        return self._session.inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        """As the session's."""
        return self._session.outputs

    @property
    def metadata(self) -> dict[str, str]:
        """As the session's."""
        return self._session.metadata

    def run(self, feeds: Tensors) -> Outputs:
        """Run the model and wait for the result; never displaced, because the caller waits for this very answer.

        Args:
            feeds: an array for each of `inputs`, of equal length along the first axis.

        Returns:
            The outputs, in the order of `outputs`.

        Raises:
            ModelError: it could not be run, or the batcher is closed.
        """
        return self.submit(feeds).result()

    def warm_up(self, feeds: Tensors) -> None:
        """Run the session once at each size of batch, past the queue."""
        self._session.warm_up(feeds)

    def submit(self, feeds: Tensors, *, camera: str | None = None, urgent: bool = False) -> Future[Outputs]:
        """Leave pictures to be run.

        Args:
            feeds: an array for each of `inputs`, of equal length along the first axis; not to be changed until the end.
            camera: whose picture it is: a newer one displaces it. None: it is displaced by nothing.
            urgent: goes first, within bounds, and is displaced by nothing. Waits here while too many of these wait.

        Returns:
            The outputs in the order of `outputs`; or `Displaced`, or the `ModelError` that ended it.
        """
        future: Future[Outputs] = Future()
        shape = _shape_of(feeds)
        with self._lock:
            while urgent and self._schedule.urgent_waiting >= URGENT_WAITING_MAX and not self._closed:
                self._room.wait()
            self._tally.counts["submitted"] += 1
            if self._closed:
                self._tally.counts["dropped"] += 1
                future.set_exception(ModelError("the batcher is closed"))
                return future
            request = Request(_Job(feeds, future), shape, camera, urgent, self._clock())
            displaced = self._schedule.put(request)
            if displaced is not None:
                self._tally.counts["displaced"] += 1
            self._more.notify()
        if displaced is not None:
            _end(displaced.payload.future, Displaced(f"camera {camera}: a newer picture came"))
        return future

    def stats(self) -> BatcherStats:
        """What it has done so far."""
        with self._lock:
            return self._tally.stats(
                provider=self._session.provider, fallbacks=self._session.fallbacks, waiting=len(self._schedule)
            )

    def close(self) -> None:
        """End what waits with a `ModelError`, and let what runs finish."""
        with self._lock:
            self._closed = True
            left = self._schedule.drain()
            self._tally.counts["dropped"] += len(left)
            self._more.notify_all()
            self._room.notify_all()
        for request in left:
            _end(request.payload.future, ModelError("the batcher is closed"))
        for worker in self._workers:
            worker.join(CLOSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _work(self) -> None:
        while self._step():
            pass

    def _step(self) -> bool:
        """Run one batch; False once closed. What it held, it has let go of when it returns."""
        batch = self._next()
        if batch is None:
            return False
        try:
            self._run(batch)
        finally:
            with self._lock:
                self._running -= 1
                self._more.notify()
        return True

    def _next(self) -> list[_Job] | None:
        """Wait for a batch that is due; None once closed."""
        with self._lock:
            while not self._closed:
                batch, wait_s = self._due()
                if batch:
                    self._running += 1
                    self._more.notify()  # the next worker minds what is left
                    self._room.notify_all()
                    now_s = self._clock()
                    self._tally.began([now_s - request.put_s for request in batch])
                    return [request.payload for request in batch]
                self._more.wait(wait_s)
        return None

    def _due(self) -> tuple[list[Request[_Job]], float | None]:
        """The batch to run now, else how long to wait for one at most."""
        if self._running >= self._session.parallel_max:
            return [], None
        now_s = self._clock()
        batch_max = self._session.batch_sizes[-1]
        batch = self._schedule.take(now_s, batch_max=batch_max, linger_s=self._linger_s)
        due_s = self._schedule.due_s(self._linger_s)
        return batch, None if due_s is None else max(0.0, due_s - now_s)

    def _run(self, batch: list[_Job]) -> None:
        jobs = [job for job in batch if job.future.set_running_or_notify_cancel()]
        failed: Exception | None = None
        results: list[Outputs] = []
        if jobs:
            try:
                results = self._session.run_together([job.feeds for job in jobs])
            except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who asked for this run
                failed = error
        with self._lock:
            self._tally.counts["cancelled"] += len(batch) - len(jobs)
            self._tally.counts["failed" if failed else "finished"] += len(jobs)
        if failed is not None:
            for job in jobs:
                job.future.set_exception(failed)
        for job, outputs in zip(jobs, results, strict=False):
            job.future.set_result(outputs)


def batched(session: Session) -> Session | Batcher:
    """The session with a batcher in front of it where batches pay; itself on a CPU, where a caller's own thread is as good."""
    return Batcher(session) if session.batch_sizes[-1] > 1 else session


def _shape_of(feeds: Tensors) -> Hashable:
    return tuple((name, array.shape, array.dtype.str) for name, array in sorted(feeds.items()))


def _end(future: Future[Outputs], error: Exception) -> None:
    """End a future that never ran, unless its owner gave it up before."""
    if future.set_running_or_notify_cancel():
        future.set_exception(error)
