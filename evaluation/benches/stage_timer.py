"""CPU time by stage: wraps functions from outside, so that what is measured carries no clocks of its own."""

from __future__ import annotations

import functools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

Function = Callable[..., Any]


@dataclass(slots=True)
class _Span:
    """A call that has not returned yet."""

    stage: str
    started_s: float
    whole: bool
    nested_s: float = 0.0


@dataclass(slots=True)
class _Thread:
    """What one thread has done so far; nobody else writes to it."""

    number: int
    """As the system counts its threads."""
    open: list[_Span] = field(default_factory=list)
    spent_s: dict[str, float] = field(default_factory=dict)


class StageTimer:
    """Counts the CPU seconds of wrapped functions, on all threads, each second once.

    A call within another one belongs to its own stage and not to the outer one's, unless the outer one was wrapped as
    `whole`: then all that happens in it is its own.

    Args:
        clock_s: gives the CPU seconds of the thread that asks.
        clock_of_s: gives those of the thread with this number, which another one asks for; None if they can't be told. By
            default Linux is asked.
    """

    def __init__(
        self,
        clock_s: Callable[[], float] = time.thread_time,
        clock_of_s: Callable[[int], float | None] | None = None,
    ) -> None:
        self._clock_s: Final = clock_s
        self._clock_of_s: Final = clock_of_s or thread_time_of
        self._local = threading.local()
        self._threads: list[_Thread] = []
        self._lock = threading.Lock()

    def spent_s(self) -> Counter[str]:
        """CPU seconds by stage so far, with those of calls that have not returned yet: some take seconds."""
        with self._lock:
            threads = list(self._threads)
        total: Counter[str] = Counter()
        for thread in threads:
            total.update(dict(thread.spent_s))
            total.update(self._in_flight_s(thread))
        return total

    def _in_flight_s(self, thread: _Thread) -> dict[str, float]:
        """What the open calls of a thread have spent, each without those in it."""
        spans = list(thread.open)
        now_s = self._clock_of_s(thread.number) if spans else None
        if now_s is None:
            return {}
        spent_s: Counter[str] = Counter()
        for outer, inner in zip(spans, [*spans[1:], None], strict=True):
            until_s = inner.started_s if inner is not None else now_s
            spent_s[outer.stage] += until_s - outer.started_s - outer.nested_s  # type: ignore[assignment] # seconds
        return dict(spent_s)

    def wrap(self, function: Function, stage: str, *, whole: bool = False) -> Function:
        """The same function, timed.

        Args:
            function: any that is no generator.
            stage: what its time is counted under.
            whole: whether wrapped functions that it calls count under this stage, too.
        """

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            thread = self._begin(stage, whole=whole)
            try:
                return function(*args, **kwargs)
            finally:
                self._end(thread)

        return timed

    def wrap_generator(self, function: Function, stage: str) -> Function:
        """The same generator, timed while it makes the next item, and not while others use it."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Iterator[Any]:
            items = function(*args, **kwargs)
            following = self.wrap(functools.partial(next, items, items), stage)  # itself: no item is that
            try:
                while (item := following()) is not items:
                    yield item
            finally:
                items.close()

        return timed

    def _begin(self, stage: str, *, whole: bool) -> _Thread | None:
        thread = self._this_thread()
        if thread.open and thread.open[-1].whole:
            return None
        thread.open.append(_Span(stage, self._clock_s(), whole))
        return thread

    def _end(self, thread: _Thread | None) -> None:
        if thread is None:
            return
        span = thread.open.pop()
        spent_s = self._clock_s() - span.started_s
        thread.spent_s[span.stage] = thread.spent_s.get(span.stage, 0.0) + spent_s - span.nested_s
        if thread.open:
            thread.open[-1].nested_s += spent_s

    def _this_thread(self) -> _Thread:
        thread: _Thread | None = getattr(self._local, "thread", None)
        if thread is None:
            thread = self._local.thread = _Thread(threading.get_native_id())
            with self._lock:
                self._threads.append(thread)
        return thread


def thread_time_of(number: int) -> float | None:
    """CPU seconds of a thread of this process, as Linux counts them; None once it has ended, or on other systems."""
    try:
        return int(Path(f"/proc/self/task/{number}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return None
