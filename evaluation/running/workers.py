"""Jobs in processes of their own, one at a time in each: one that crashes takes nothing with it but its own clip.

`concurrent.futures` gives up a whole pool when one of its processes dies, and does not say over which job.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Final

from evaluation.errors import EvaluationError
from evaluation.running.job import Job, Work

TELL_EVERY_S: Final = 0.25  # a bar on a terminal needs no more
_SPAWN = multiprocessing.get_context("spawn")  # a fork would take locks and threads of the libraries with it
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        refused: why the clip can't be analysed; None if it could.
        broke: what went wrong that must not, such as a process that died; None if nothing did.
        wall_s: how long it took.
        cpu_s: processor time of its process meanwhile, over all threads; loading the model belongs to the first job.
    """

    refused: str | None = None
    broke: str | None = None
    wall_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def done(self) -> bool:
        """True when there is a result."""
        return self.refused is None and self.broke is None


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(
    work: Work, jobs: Sequence[Job], processes: int, read: Callable[[int, float], None]
) -> Generator[tuple[int, Outcome], None, None]:
    """Do all jobs, in their order, and say of each how it ended as soon as it has.

    When the iterator is closed, or an exception ends it (Ctrl-C), its processes are killed at once.

    Args:
        work: a function at the top of a module, so that another process can find it.
        jobs: what to do.
        processes: how many at once, at most.
        read: told the index of a job and the seconds of film that it has read since.
    """
    waiting = deque(enumerate(jobs))
    workers: list[_Worker] = []
    try:
        for _ in range(min(processes, len(jobs))):
            workers.append(_Worker(work))
            workers[-1].give(*waiting.popleft())
        while busy := {worker.pipe: worker for worker in workers if worker.index is not None}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]  # `wait` gives back what it got
                index, outcome = worker.hear(read)
                if outcome is None:
                    continue
                if waiting and worker.dead:
                    workers.append(worker := _Worker(work))
                if waiting:
                    worker.give(*waiting.popleft())
                yield index, outcome
    finally:
        for worker in workers:
            worker.kill()


class _Worker:
    """One process, as its parent sees it."""

    def __init__(self, work: Work) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.index: int | None = None
        self.dead = False
        self._process = _SPAWN.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()  # else its death would not be noticed
        self._send(work)

    def give(self, index: int, job: Job) -> None:
        self.index = index
        self._send(job)

    def hear(self, read: Callable[[int, float], None]) -> tuple[int, Outcome | None]:
        """Takes a message; gives the outcome of the job if it was that."""
        index = self.index
        assert index is not None  # noqa: S101 - only those that work are listened to
        try:
            message = self.pipe.recv()
        except (EOFError, OSError):
            self.dead, self.index = True, None
            self._process.join()
            return index, Outcome(broke=_how_it_ended(self._process.exitcode))
        if isinstance(message, Outcome):
            self.index = None
            return index, message
        if isinstance(message, logging.LogRecord):
            logging.getLogger(message.name).handle(message)
        else:
            read(index, message)
        return index, None

    def kill(self) -> None:
        self.pipe.close()
        self._process.kill()
        self._process.join()

    def _send(self, thing: object) -> None:
        # If it has just died, listening to it says so.
        with contextlib.suppress(OSError):
            self.pipe.send(thing)


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with code {code}"


def _serve(pipe: Connection) -> None:
    """The process: takes the work, then one job after the other, until its parent closes the pipe or has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes of a terminal; the parent decides
    line = _Line(pipe)
    try:
        work: Work = pipe.recv()  # loads the detector
        logging.getLogger().addHandler(_Forward(line))
        while True:
            line.send(_done(work, pipe.recv(), line))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _done(work: Work, job: Job, line: _Line) -> Outcome:
    told = _Told(line)
    started_s, started_cpu_s = time.perf_counter(), time.process_time()

    def outcome(refused: str | None = None, broke: str | None = None) -> Outcome:
        told.flush()
        return Outcome(refused, broke, time.perf_counter() - started_s, time.process_time() - started_cpu_s)

    try:
        work(job, told)
    except EvaluationError as error:
        return outcome(refused=str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, it costs one clip, and is named
        _log.exception("%s", job.name)
        words = " ".join(str(error).split())
        return outcome(broke=f"{type(error).__name__}: {words}" if words else type(error).__name__)
    return outcome()


class _Line:
    """The pipe to the parent; what several threads say does not get mixed up."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def send(self, thing: object) -> None:
        with self._lock:
            self._pipe.send(thing)


class _Told:
    """Sums up seconds of film, and hands them on now and then."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._film_s = 0.0
        self._sent_s = time.monotonic()

    def __call__(self, film_s: float) -> None:
        self._film_s += film_s
        if time.monotonic() - self._sent_s >= TELL_EVERY_S:
            self.flush()

    def flush(self) -> None:
        self._sent_s = time.monotonic()
        self._line.send(self._film_s)
        self._film_s = 0.0


class _Forward(logging.Handler):
    """Hands warnings to the parent, which knows how to show them beside its bar."""

    def __init__(self, line: _Line) -> None:
        super().__init__(logging.WARNING)
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        # Only what any process can unpickle.
        kept = {"name": record.name, "levelno": record.levelno, "levelname": record.levelname}
        plain = logging.makeLogRecord({**kept, "msg": self.format(record)})
        with contextlib.suppress(OSError):
            self._line.send(plain)
