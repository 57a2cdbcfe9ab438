"""How late analysis is: from a picture's moment until its look is finished. Pure: moments are told."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field

_SAME_S = 1e-3
"""Times of samples are those of packets, times of looks those of pictures; they differ by less than half a tick."""


@dataclass(slots=True)
class _Camera:
    offset_s: float = float("inf")
    """Of the clock, from media time: the least that a picture has come with so far."""
    waiting: list[tuple[float, float]] = field(default_factory=list)
    """Media time and moment of the pictures that have not been looked at yet."""
    done: list[tuple[float, float]] = field(default_factory=list)
    """Moment and lag of the others."""


class LagBook:
    """Keeps the lag of every picture that patrol has chosen. Safe to use from several threads.

    A picture's moment is the one at which it would have come had it come as early as any before it: a reader that falls
    behind counts as lag. A picture that is displaced by a newer one is looked at when that one is. Paced recordings hand
    pictures out up to `streams.source.feed.PACE_STEP_S` early, so lags are too large by up to that much, never too small.
    """

    def __init__(self) -> None:
        self._cameras: dict[str, _Camera] = defaultdict(_Camera)
        self._lock = threading.Lock()

    def came(self, camera: str, time_s: float, now_s: float) -> None:
        """A picture of media time `time_s` is there to be analysed, at `now_s` of a monotonic clock."""
        with self._lock:
            book = self._cameras[camera]
            book.offset_s = min(book.offset_s, now_s - time_s)
            book.waiting.append((time_s, time_s + book.offset_s))

    def looked(self, camera: str, time_s: float, now_s: float) -> None:
        """The look at the picture of media time `time_s` is finished."""
        with self._lock:
            book = self._cameras[camera]
            seen = [due_s for media_s, due_s in book.waiting if media_s <= time_s + _SAME_S]
            book.waiting = [one for one in book.waiting if one[0] > time_s + _SAME_S]
            book.done += [(due_s, now_s - due_s) for due_s in seen]

    def moment_s(self, camera: str, time_s: float) -> float | None:
        """When a picture of this media time was there, on the monotonic clock; None if none has come yet."""
        with self._lock:
            offset_s = self._cameras[camera].offset_s
        return None if offset_s == float("inf") else time_s + offset_s

    def lags_s(self, since_s: float, now_s: float, limit_s: float) -> list[float]:
        """The lags of pictures whose moment was at `since_s` or later.

        Pictures that still wait are among them as soon as they have waited longer than `limit_s`, with what they have waited.
        """
        with self._lock:
            books = [(list(book.done), list(book.waiting)) for book in self._cameras.values()]
        lags_s = [lag_s for done, _ in books for due_s, lag_s in done if due_s >= since_s]
        waiting_s = [now_s - due_s for _, waiting in books for _, due_s in waiting if due_s >= since_s]
        return lags_s + [lag_s for lag_s in waiting_s if lag_s > limit_s]
