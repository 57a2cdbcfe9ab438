"""Cameras and clocks in memory: what a feed does in a day of trouble happens in minutes, and the same way every time.

The packets are those of real files, with their real codecs; only time and the network are made up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.video.stream import VideoStream

from streams.errors import SourceError
from streams.source.address import Address

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADDRESS = Address("rtsp://user:hidden@camera/live")

if TYPE_CHECKING:
    RawPacket = av.Packet[VideoStream]
else:
    RawPacket = av.Packet
Mischief = Callable[[RawPacket, int], RawPacket | None]
"""Gets a packet and its number in the connection (from 1); gives what arrives of it, if anything."""


class SimulatedTiming:
    """Time passes when somebody waits, and not otherwise."""

    def __init__(self, start_s: float = 1000.0) -> None:
        self.now_s = start_s

    def monotonic_s(self) -> float:
        """Seconds that have passed, from an odd start."""
        return self.now_s

    def now(self) -> datetime:
        """The wall clock that goes with it."""
        return NOON + timedelta(seconds=self.now_s)

    def wait(self, closed: threading.Event, wait_s: float) -> bool:
        """Takes no time at all."""
        self.now_s += max(0.0, wait_s)
        return closed.is_set()


class SimulatedCamera:
    """A live camera that plays a file round and round; `connect` is what `Feed` is given.

    What goes wrong is set from outside, at any time: `outage`, `opening_s`, `mischief`, and `clip`, which counts from the
    next connection on.
    """

    def __init__(self, clip: Path, timing: SimulatedTiming, *, fps: int = 25) -> None:
        self.address = ADDRESS
        self.clip = clip
        self.timing = timing
        self.fps = fps
        self.fails_at_s = float("inf")
        self.back_at_s = 0.0
        self.opening_s = 0.3
        self.mischief: Mischief | None = None
        self.tries_s: list[float] = []
        self.connections = 0
        self.open = 0

    def outage(self, from_s: float, lasting_s: float) -> None:
        """Breaks the connection at a moment, and refuses others for some time."""
        self.fails_at_s, self.back_at_s = from_s, from_s + lasting_s

    def connect(self, address: Address) -> SimulatedConnection:
        """Opens a connection, or raises as a real one would."""
        self.tries_s.append(self.timing.now_s)
        self.timing.now_s += self.opening_s
        if self.timing.now_s < self.back_at_s:
            raise SourceError(f"{address}: can't be opened: Connection refused")
        if self.timing.now_s >= self.fails_at_s:
            self.fails_at_s = float("inf")
        self.connections += 1
        return SimulatedConnection(self)


class SimulatedConnection:
    """One connection to a simulated camera, with the interface of `streams.source.connection.Connection`."""

    timed = True
    declared_s = None

    def __init__(self, camera: SimulatedCamera) -> None:
        self._camera = camera
        self._file = av.open(str(camera.clip), "r")
        self.stream = self._file.streams.video[0]
        camera.open += 1

    def packets(self) -> Iterator[RawPacket]:
        """Packets at the camera's rate of simulated time, numbered on from round to round."""
        camera, number = self._camera, 0
        while True:
            self._file.seek(0)
            for packet in self._file.demux(self.stream):
                if not packet.size:
                    continue
                camera.timing.now_s += 1 / camera.fps
                if camera.timing.now_s >= camera.fails_at_s:
                    raise SourceError(f"{camera.address}: broke while it was read: Connection reset by peer")
                packet.pts = packet.dts = number
                packet.time_base = Fraction(1, camera.fps)
                number += 1
                arrives = camera.mischief(packet, number) if camera.mischief else packet
                if arrives is not None:
                    yield arrives

    def close(self) -> None:
        """Closes the file."""
        self._camera.open -= 1
        self._file.close()
