"""What a batcher has done: counts since it began, times and sizes over the last requests."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WINDOW = 1024
"""Requests that the queue times are of: about ten seconds of a hundred cameras."""


@dataclass(frozen=True, slots=True)
class BatcherStats:
    """What a batcher has done. `submitted` is the sum of the five counts after it, of `waiting` and of what runs.

    Attributes:
        provider: word of the execution provider in use.
        fallbacks: providers that have failed and were left.
        submitted: requests.
        finished: that got their result.
        displaced: that a newer picture of their camera replaced.
        failed: that ended with an error.
        cancelled: that their owner gave up.
        dropped: that still waited at closing, or came after it.
        waiting: now.
        batches: that were run.
        batch_mean: requests to a batch, over the window.
        queue_mean_s: from submitting to the beginning of the run, over the window.
        queue_p50_s: its median.
        queue_p95_s: its 95th percentile.
    """

    provider: str
    fallbacks: int
    submitted: int
    finished: int
    displaced: int
    failed: int
    cancelled: int
    dropped: int
    waiting: int
    batches: int
    batch_mean: float
    queue_mean_s: float
    queue_p50_s: float
    queue_p95_s: float


class Tally:
    """Counts for a batcher, under its lock."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """By the names that `BatcherStats` has for them."""
        self._queued_s: deque[float] = deque(maxlen=WINDOW)
        self._batched: deque[int] = deque(maxlen=WINDOW)

    def began(self, queued_s: Sequence[float]) -> None:
        """A batch begins to run; its requests have waited so long."""
        self.counts["batches"] += 1
        self._queued_s.extend(queued_s)
        self._batched.append(len(queued_s))

    def stats(self, *, provider: str, fallbacks: int, waiting: int) -> BatcherStats:
        """All of it, as it stands now."""
        queued_s = np.array(self._queued_s or (0.0,))
        p50_s, p95_s = np.percentile(queued_s, (50, 95))
        names = ("submitted", "finished", "displaced", "failed", "cancelled", "dropped", "batches")
        return BatcherStats(
            provider=provider,
            fallbacks=fallbacks,
            waiting=waiting,
            **{name: self.counts[name] for name in names},
            batch_mean=float(np.mean(self._batched or (0,))),
            queue_mean_s=float(queued_s.mean()),
            queue_p50_s=float(p50_s),
            queue_p95_s=float(p95_s),
        )
