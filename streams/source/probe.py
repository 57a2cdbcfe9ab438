"""A short look at a source: is it video, and which?"""

import time
from dataclasses import dataclass
from itertools import pairwise

from streams.clock import ClockSource
from streams.errors import SourceError
from streams.frame import Frame
from streams.patrol import Patrol, PatrolDecoder
from streams.source.address import Address
from streams.source.connection import Connection
from streams.source.feed import Feed

FIRST_PICTURE_PACKETS = 500
"""A source that gives no picture within this many packets has none."""
PROBE_S = 6.0


def first_picture(address: Address) -> Frame:
    """The first decodable picture.

    Raises:
        SourceError: The source can't be opened, is not video, or its first packets hold no picture.
    """
    feed, patrol, decoder = Feed(address, retry=False), Patrol(0), PatrolDecoder()
    for count, packet in enumerate(feed.packets()):
        sample = patrol.offer(packet)
        frame = decoder.decode(sample) if sample else None
        if frame is not None:
            feed.close()
            return frame
        if count >= FIRST_PICTURE_PACKETS:
            break
    raise SourceError(feed.health.last_error or f"{address}: is not video: no picture in it can be decoded")


def declared_s(address: Address) -> float | None:
    """How long a recorded file says it is; None if it does not say, or can't be opened. For progress bars, no more."""
    try:
        connection = Connection(address)
    except SourceError:
        return None
    try:
        return connection.declared_s
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Probe:
    """What a source turned out to be; `fps` and `gop_s` are measured."""

    container: str
    codec: str
    width_px: int
    height_px: int
    fps: float | None
    gop_s: float | None
    kbit_per_s: float | None
    declared_fps: float | None
    timed: bool
    """False when the source's pictures carry no time."""
    clock_source: ClockSource
    picture: Frame


def probe(address: Address, watch_s: float = PROBE_S) -> Probe:
    """Reads a source for some seconds of its own time.

    Raises:
        SourceError: As `first_picture`.
    """
    connections: list[Connection] = []

    def connect(address: Address) -> Connection:
        connections.append(Connection(address))
        return connections[-1]

    feed, patrol, decoder = Feed(address, retry=False, connect=connect), Patrol(0), PatrolDecoder()
    times_s: list[float] = []
    keys_s: list[float] = []
    size_bytes, picture, codec = 0, None, None
    give_up_s = time.monotonic() + watch_s + 10
    for packet in feed.packets():
        times_s.append(packet.time_s)
        size_bytes += packet.size_bytes
        codec = packet.codec
        if packet.keyframe:
            keys_s.append(packet.time_s)
        sample = patrol.offer(packet)
        if picture is None and sample is not None:
            picture = decoder.decode(sample)
        # A long GOP is waited for, but not for ever.
        seen_enough = packet.time_s >= watch_s and (len(keys_s) > 1 or packet.time_s >= 5 * watch_s)
        if seen_enough or time.monotonic() > give_up_s:
            feed.close()
    if picture is None or codec is None:
        raise SourceError(feed.health.last_error or f"{address}: is not video: no picture in it can be decoded")
    span_s = max(times_s) - min(times_s)
    (connection,) = connections
    return Probe(
        container=connection.container,
        codec=codec.name,
        width_px=picture.width_px,
        height_px=picture.height_px,
        fps=round((len(times_s) - 1) / span_s, 2) if span_s > 0 else None,
        gop_s=round(max(b - a for a, b in pairwise(keys_s)), 2) if len(keys_s) > 1 else None,
        kbit_per_s=round(size_bytes * 8 / 1000 / span_s) if span_s > 0 else None,
        declared_fps=connection.declared_fps,
        timed=connection.timed,
        clock_source=feed.clock.source,
        picture=picture,
    )
