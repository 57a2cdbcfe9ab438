"""A feed keeps one source running: it connects, reads, reconnects with growing patience, until it is closed."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

import av
from av.video.stream import VideoStream

from streams.clock import CaptureClock
from streams.codec import RAW_FORMATS, VideoCodec
from streams.errors import SourceError, StallError
from streams.packet import Packet
from streams.source.address import Address
from streams.source.connection import Connection, reason, sender_report_time
from streams.source.health import FeedHealth, FeedReport
from streams.source.parameter_sets import parameter_sets
from streams.source.stall import StallWatch
from streams.source.timing import SystemTiming, Timing

log = logging.getLogger(__name__)

BACKOFF_S = (1.0, 2.0, 4.0)
"""From one try to the next after the first failures, opening counted in; the last one holds for the first minute."""
LONG_OUTAGE_S = 70.0
"""A minute, and the try that was under way when it ended."""
LONG_BACKOFF_S = 25.0
"""From one try to the next once an outage is long: a camera is back within 30 s, and a thousand dead ones cost little."""
JITTER = 0.25
"""Waits are shortened by up to this part, so that a thousand cameras behind one switch don't come back in step."""
TRUNCATION_TOLERANCE_S = 1.0
"""A file that ends this much before its declared length was cut off; containers round and pad by less."""
PACE_STEP_S = 0.2
"""A paced recording may be early by this much: waking up for every single picture costs more than reading it."""
HUNG_S = 45.0
"""Opening, reading and waiting all end long before: a feed that has done nothing for this long hangs in a library (looking
up a name can, for one)."""


class Feed:
    """Packets of one source on one capture clock.

    A recorded file is read once, as fast as it goes or `paced` like a live camera, or again and again if `loop`ed. A live
    camera is reconnected for ever, unless `retry` is off. `close` may be called from any thread and returns at once.

    Each connection is made for one use and thrown away. An iterator of packets belongs to a generation: whoever asks for
    `packets` again makes the earlier iterator end, even if its thread hangs and returns much later.
    """

    def __init__(
        self,
        address: Address,
        *,
        name: str | None = None,
        paced: bool = False,
        loop: bool = False,
        retry: bool = True,
        starts_at: datetime | None = None,
        connect: Callable[[Address], Connection] = Connection,
        timing: Timing | None = None,
    ) -> None:
        self.address = address
        self.health = FeedHealth()
        # A paced file stands in for a camera, so its pictures are dated as they come.
        self.clock = CaptureClock(live=address.live, starts_at=starts_at)
        self._said_of = f"camera {name}: " if name else ""
        self._paced = paced and not address.live
        self._loop = loop and not address.live
        self._retry = retry and address.live
        self._says = retry
        self._connect = connect
        self._timing = timing or SystemTiming()
        self._closed = threading.Event()
        self._generation = 0
        self._alive_s = self._timing.monotonic_s()

    def close(self) -> None:
        """Ends the feed: nothing is handed on from now. A thread that reads it ends within the time limits of reading."""
        self._closed.set()

    def report(self) -> FeedReport:
        """How the feed is doing now."""
        return self.health.report(self._timing.monotonic_s())

    def hangs(self) -> bool:
        """True when the thread that reads this feed has not come back from a library for a very long time.

        It can't be ended, but left behind: ask for `packets` again, in a new thread.
        """
        over = self.health.state in ("ended", "closed")
        return not over and self._timing.monotonic_s() - self._alive_s > HUNG_S

    def packets(self) -> Iterator[Packet]:
        """Packets until the file's end or `close`.

        A source that fails is tried again if it is a live camera; a file is not: what broke is in `health`.
        """
        self._generation += 1
        generation = self._generation
        outage_since_s: float | None = None
        attempt = 0
        while self._goes_on(generation):
            before, tried_s = self.health.packets, self._breathe()
            try:
                yield from self._one_connection(generation)
                if not (self._retry or self._loop) or not self._goes_on(generation):
                    break
                if self._retry:
                    self._failed("ended", SourceError(f"{self.address}: the camera has ended the stream"))
            except SourceError:  # counted and said where it was raised
                if not self._retry:
                    self.health.truncated = True
                    break
            if self._loop and self.health.packets > before:
                continue
            now_s = self._breathe()
            if self.health.packets > before:
                outage_since_s, attempt, tried_s = None, 0, now_s
            outage_since_s = tried_s if outage_since_s is None else outage_since_s
            self._wait(backoff_s(attempt, now_s - outage_since_s) - (now_s - tried_s), generation)
            attempt += 1
        if generation == self._generation:
            self.health.state = "closed" if self._closed.is_set() else "ended"

    def _goes_on(self, generation: int) -> bool:
        return generation == self._generation and not self._closed.is_set()

    def _breathe(self) -> float:
        self._alive_s = self._timing.monotonic_s()
        return self._alive_s

    def _failed(self, cause: str, error: SourceError) -> None:
        if self.health.last_error != str(error):
            # Whoever wants no second try gets to hear of the first one by other means.
            log.log(logging.WARNING if self._says else logging.DEBUG, "%s%s", self._said_of, error)
        self.health.failed(cause, str(error))

    def _wait(self, wait_s: float, generation: int) -> None:
        if wait_s > 0 and self._goes_on(generation):
            self.health.state = "waiting"
            self._timing.wait(self._closed, wait_s * random.uniform(1 - JITTER, 1))  # noqa: S311 - spreads load

    def _one_connection(self, generation: int) -> Iterator[Packet]:
        self.health.state = "connecting"
        try:
            connection = self._connect(self.address)
        except SourceError as error:
            if generation == self._generation:
                self._failed("open", error)
            raise
        try:
            if not self._goes_on(generation):
                return
            self.clock.reconnected()
            self.health.connected()
            if self.health.connections > 1 and self.address.live:
                log.info("%s%s: connected again", self._said_of, self.address)
            yield from self._stamped(connection, generation)
        except SourceError as error:
            if generation == self._generation:
                self._failed("stall" if isinstance(error, StallError) else "read", error)
            raise
        except av.error.FFmpegError as error:
            failure = SourceError(f"{self.address}: its pictures can't be used: {reason(error)}")
            if generation == self._generation:
                self._failed("read", failure)
            raise failure from error
        finally:
            connection.close()

    def _stamped(self, connection: Connection, generation: int) -> Iterator[Packet]:
        started_s = self._breathe() - self.health.read_s
        stall = StallWatch(self._alive_s) if self.address.live else None
        codec: VideoCodec | None = None
        sets: bytes | None = None
        for raw in connection.packets():
            if not self._goes_on(generation):
                return
            arrived_s = self._breathe()
            base = raw.time_base  # a new fraction at every look, and slow to reckon with
            tick_s = base.numerator / base.denominator
            pts_s = _pts_s(raw, tick_s) if connection.timed else None
            if stall is not None:
                self._refuse(stall.packet(pts_s, arrived_s, keyframe=raw.is_keyframe))
            if raw.is_keyframe:
                found = parameter_sets(connection.stream.codec_context.name, memoryview(raw))
                if codec is None:
                    codec = _parameters(connection.stream, raw)
                elif found is not None and sets is not None and found != sets:
                    codec = self._changed(codec, raw)
                sets = found or sets
            elif codec is None:
                self.health.drops["before the first keyframe"] += 1
                continue
            packet = self._stamp(raw, codec, _Arrival(arrived_s, pts_s, tick_s), stall)
            if self._paced and self._ahead_of(started_s + packet.time_s):
                return
            yield packet
        self._note_end(connection)

    def _ahead_of(self, due_s: float) -> bool:
        """Waits for the moment of a paced packet; True when the feed was closed meanwhile."""
        early_s = due_s - self._breathe()
        return early_s > PACE_STEP_S and self._timing.wait(self._closed, early_s)

    def _refuse(self, wrong: str | None) -> None:
        if wrong is not None:
            raise StallError(f"{self.address}: stalls: {wrong}")

    def _changed(self, codec: VideoCodec, keyframe: av.Packet[VideoStream]) -> VideoCodec:
        """The camera has new parameters in mid-stream: another size, most likely."""
        try:
            changed = VideoCodec.in_band(codec.name, bytes(keyframe)) if codec.name in RAW_FORMATS else codec
        except (av.error.FFmpegError, IndexError):
            return codec  # damaged parameter sets: the decoder will say so
        self.health.parameter_changes += 1
        log.info("%s%s: now %d x %d", self._said_of, self.address, changed.width_px, changed.height_px)
        return changed

    def _stamp(
        self,
        raw: av.Packet[VideoStream],
        codec: VideoCodec,
        arrival: _Arrival,
        stall: StallWatch | None,
    ) -> Packet:
        time_s = self.clock.media_s(arrival.pts_s, arrival.at_s, self._timing.now())
        if self.clock.jumps > self.health.time_jumps:
            self.health.time_jumps = self.clock.jumps
            if stall is not None:
                self._refuse(stall.jumped(arrival.at_s))
        reported_at = sender_report_time(raw)
        if reported_at is not None:
            self.clock.sender_report(time_s, reported_at)
        packet = Packet.stamped(raw, time_s, codec, arrival.tick_s)
        self.health.count(packet, arrival.at_s)
        return packet

    def _note_end(self, connection: Connection) -> None:
        declared_s = connection.declared_s
        if declared_s is not None and not self._loop and self.health.read_s < declared_s - TRUNCATION_TOLERANCE_S:
            self.health.truncated = True
            self._failed(
                "read",
                SourceError(
                    f"{self.address}: breaks off at {self.health.read_s:.1f} s of the {declared_s:.1f} s declared"
                ),
            )


class _Arrival(NamedTuple):
    at_s: float
    pts_s: float | None
    tick_s: float


def _pts_s(raw: av.Packet[VideoStream], tick_s: float) -> float | None:
    timestamp = raw.pts if raw.pts is not None else raw.dts
    return None if timestamp is None else timestamp * tick_s


def _parameters(stream: VideoStream, keyframe: av.Packet[VideoStream]) -> VideoCodec:
    """A camera that sent nothing while it was opened is known by its first keyframe alone.

    Raises:
        av.error.FFmpegError: They can't be told.
    """
    context = stream.codec_context
    if not context.width and context.name in RAW_FORMATS:
        return VideoCodec.in_band(context.name, bytes(keyframe))
    return VideoCodec.of(stream, keyframe)


def backoff_s(attempt: int, outage_s: float) -> float:
    """How long from the last try to the next.

    >>> [backoff_s(attempt, 10.0) for attempt in range(4)]
    [1.0, 2.0, 4.0, 4.0]
    >>> backoff_s(20, 71.0)
    25.0
    """
    if outage_s > LONG_OUTAGE_S:
        return LONG_BACKOFF_S
    return BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
