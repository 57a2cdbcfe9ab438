"""How a camera's feed is doing: counted and measured, never taken from what the camera declares."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from streams.packet import Packet

FeedState = Literal["connecting", "live", "waiting", "ended", "closed"]
MEASURED_GOPS = 8
"""Rates are those of the last GOPs, up to this many."""


@dataclass(frozen=True, slots=True)
class FeedReport:
    """A feed at one moment. Ages in seconds; None where there has been nothing to measure yet."""

    state: FeedState
    last_packet_age_s: float | None
    last_keyframe_age_s: float | None
    fps: float | None
    gop_s: float | None
    """The longest of the last GOPs."""
    kbit_per_s: float | None
    packets: int
    keyframes: int
    connections: int
    failures: dict[str, int]
    """By cause: `open` (could not be opened), `read` (broke or fell silent), `stall` (sent nothing of use), `ended`."""
    drops: dict[str, int]
    """Packets that were not handed on, by cause."""
    time_jumps: int
    parameter_changes: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where the counters stood at a keyframe."""

    time_s: float
    packets: int
    size_bytes: int


@dataclass
class FeedHealth:
    """What happened to a feed so far. Written by the feed's thread alone; others read reports."""

    state: FeedState = "connecting"
    connections: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    packets: int = 0
    keyframes: int = 0
    size_bytes: int = 0
    drops: Counter[str] = field(default_factory=Counter)
    time_jumps: int = 0
    parameter_changes: int = 0
    last_error: str | None = None
    truncated: bool = False
    read_s: float = 0.0
    """Media time of the newest picture."""
    packet_at_s: float | None = None
    """When the last packet came, on a monotonic clock."""
    keyframe_at_s: float | None = None
    _marks: deque[_Mark] = field(default_factory=lambda: deque(maxlen=MEASURED_GOPS + 1), repr=False)

    def connected(self) -> None:
        """A connection stands."""
        self.state = "live"
        self.connections += 1
        self._marks.clear()  # the time in which it was away belongs to no GOP

    def failed(self, cause: str, error: str) -> None:
        """A connection could not be made, or has ended."""
        self.failures[cause] += 1
        self.last_error = error

    def count(self, packet: Packet, arrived_s: float) -> None:
        """Takes a packet that is handed on."""
        self.packets += 1
        self.size_bytes += packet.size_bytes
        self.packet_at_s = arrived_s
        self.read_s = max(self.read_s, packet.time_s)
        if packet.keyframe:
            self.keyframes += 1
            self.keyframe_at_s = arrived_s
            self._marks.append(_Mark(packet.time_s, self.packets, self.size_bytes))

    def report(self, now_s: float) -> FeedReport:
        """The feed at a moment of the monotonic clock."""
        marks = list(self._marks)
        span_s = marks[-1].time_s - marks[0].time_s if marks else 0.0
        measured = span_s > 0
        return FeedReport(
            state=self.state,
            last_packet_age_s=_age_s(self.packet_at_s, now_s),
            last_keyframe_age_s=_age_s(self.keyframe_at_s, now_s),
            fps=round((marks[-1].packets - marks[0].packets) / span_s, 2) if measured else None,
            gop_s=round(max(b.time_s - a.time_s for a, b in pairwise(marks)), 3) if measured else None,
            kbit_per_s=round((marks[-1].size_bytes - marks[0].size_bytes) * 0.008 / span_s, 1) if measured else None,
            packets=self.packets,
            keyframes=self.keyframes,
            connections=self.connections,
            failures=dict(self.failures),
            drops=dict(self.drops),
            time_jumps=self.time_jumps,
            parameter_changes=self.parameter_changes,
            last_error=self.last_error,
        )


def _age_s(at_s: float | None, now_s: float) -> float | None:
    return None if at_s is None else round(max(0.0, now_s - at_s), 3)
