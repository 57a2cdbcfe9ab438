"""A feed keeps one source running: it connects, reads, reconnects with growing patience, until it is closed."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import av
from av.video.stream import VideoStream

from streams.address import Address
from streams.clock import CaptureClock
from streams.codec import VideoCodec
from streams.connection import Connection, sender_report_time
from streams.errors import SourceError
from streams.packet import Packet

log = logging.getLogger(__name__)

BACKOFF_S = (1.0, 2.0, 4.0)
"""Waits after the first failures; the last one holds for the first minute of an outage (recovery within 5 s)."""
LONG_OUTAGE_S = 60.0
LONG_BACKOFF_S = 18.0
"""Wait once an outage is long; with opening (5 s) and jitter a camera is back within 25 s of its return."""
JITTER = 0.25
"""Waits are shortened by up to this part, so that a thousand cameras behind one switch don't come back in step."""
TRUNCATION_TOLERANCE_S = 1.0
"""A file that ends this much before its declared length was cut off; containers round and pad by less."""


@dataclass
class FeedHealth:
    """What happened to a feed so far; every loss is counted."""

    state: Literal["connecting", "live", "waiting", "ended", "closed"] = "connecting"
    connections: int = 0
    failures: int = 0
    packets: int = 0
    keyframes: int = 0
    dropped_before_keyframe: int = 0
    last_error: str | None = None
    truncated: bool = False
    read_s: float = 0.0


class Feed:
    """Packets of one source on one capture clock.

    A recorded file is read once, as fast as it goes or `paced` like a live camera, or again and again if `loop`ed. A live
    camera is reconnected for ever, unless `retry` is off. `close` may be called from any thread.
    """

    def __init__(
        self,
        address: Address,
        *,
        paced: bool = False,
        loop: bool = False,
        retry: bool = True,
        starts_at: datetime | None = None,
    ) -> None:
        self.address = address
        self.health = FeedHealth()
        # A paced file stands in for a camera, so its pictures are dated as they come.
        self.clock = CaptureClock(live=address.live, starts_at=starts_at)
        self._paced = paced and not address.live
        self._loop = loop and not address.live
        self._retry = retry and address.live
        self._says = retry
        self._closed = threading.Event()

    def close(self) -> None:
        """Ends the feed at the next packet or wait."""
        self._closed.set()

    def packets(self) -> Iterator[Packet]:
        """Packets until the file's end or `close`.

        A source that fails is tried again if it is a live camera; a file is not: what broke is in `health`.
        """
        outage_since_s: float | None = None
        attempt = 0
        while not self._closed.is_set():
            before = self.health.packets
            try:
                yield from self._one_connection()
                if not (self._retry or self._loop):
                    break
            except SourceError as error:
                self._failed(error)
                if not self._retry:
                    self.health.truncated = True
                    break
            if self._loop:
                continue
            now_s = time.monotonic()
            if self.health.packets > before:
                outage_since_s, attempt = None, 0
            outage_since_s = outage_since_s or now_s
            self._wait(backoff_s(attempt, now_s - outage_since_s))
            attempt += 1
        self.health.state = "closed" if self._closed.is_set() else "ended"

    def _failed(self, error: SourceError) -> None:
        self.health.failures += 1
        if self.health.last_error != str(error):
            # Whoever wants no second try gets to hear of the first one by other means.
            log.log(logging.WARNING if self._says else logging.DEBUG, "%s", error)
        self.health.last_error = str(error)

    def _wait(self, wait_s: float) -> None:
        self.health.state = "waiting"
        self._closed.wait(wait_s * random.uniform(1 - JITTER, 1))  # noqa: S311 - spreads load, hides nothing

    def _one_connection(self) -> Iterator[Packet]:
        self.health.state = "connecting"
        connection = Connection(self.address)
        try:
            self.clock.reconnected()
            self.health.connections += 1
            self.health.state = "live"
            if self.health.connections > 1 and self.address.live:
                log.info("%s: connected again", self.address)
            yield from self._stamped(connection)
        finally:
            connection.close()

    def _stamped(self, connection: Connection) -> Iterator[Packet]:
        codec: VideoCodec | None = None
        started_s = time.monotonic() - self.health.read_s
        for raw in connection.packets():
            if self._closed.is_set():
                return
            if codec is None:
                if not raw.is_keyframe:
                    self.health.dropped_before_keyframe += 1
                    continue
                codec = VideoCodec.of(connection.stream, raw)
            packet = self._stamp(raw, codec)
            if self._paced and self._closed.wait(max(0.0, started_s + packet.time_s - time.monotonic())):
                return
            yield packet
        self._note_end(connection)

    def _stamp(self, raw: av.Packet[VideoStream], codec: VideoCodec) -> Packet:
        timestamp = raw.pts if raw.pts is not None else raw.dts
        pts_s = None if timestamp is None else float(timestamp * raw.time_base)
        time_s = self.clock.media_s(pts_s, time.monotonic(), datetime.now(UTC))
        reported_at = sender_report_time(raw)
        if reported_at is not None:
            self.clock.sender_report(time_s, reported_at)
        self.health.packets += 1
        self.health.keyframes += raw.is_keyframe
        self.health.read_s = max(self.health.read_s, time_s)
        return Packet.stamped(raw, time_s, codec)

    def _note_end(self, connection: Connection) -> None:
        declared_s = connection.declared_s
        if declared_s is not None and not self._loop and self.health.read_s < declared_s - TRUNCATION_TOLERANCE_S:
            self.health.truncated = True
            self._failed(
                SourceError(
                    f"{self.address}: breaks off at {self.health.read_s:.1f} s of the {declared_s:.1f} s declared"
                )
            )


def backoff_s(attempt: int, outage_s: float) -> float:
    """How long to wait before the next try.

    >>> [backoff_s(attempt, 10.0) for attempt in range(4)]
    [1.0, 2.0, 4.0, 4.0]
    >>> backoff_s(20, 61.0)
    18.0
    """
    if outage_s > LONG_OUTAGE_S:
        return LONG_BACKOFF_S
    return BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
