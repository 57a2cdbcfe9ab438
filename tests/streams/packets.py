"""Packets for tests of what comes after the feed: read from a file, moved in time, compared; and a disk that is full."""

import contextlib
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path

from streams.packet import TICKS_PER_S, Packet, raw_packet
from streams.source.address import Address
from streams.source.feed import Feed


def read(clip: Path) -> list[Packet]:
    return list(Feed(Address(str(clip))).packets())


def placed(packet: Packet, time_s: float, *, decode_time_s: float | None = None) -> Packet:
    """The same picture at another time, as if the camera had said so."""
    raw = raw_packet(bytes(packet.raw))
    raw.time_base = packet.raw.time_base
    raw.pts = round(time_s * TICKS_PER_S)
    raw.dts = raw.pts if decode_time_s is None else round(decode_time_s * TICKS_PER_S)
    raw.is_keyframe = packet.keyframe
    return Packet(time_s, packet.keyframe, raw, packet.codec)


def later(packets: Sequence[Packet], by_s: float) -> list[Packet]:
    return [placed(packet, packet.time_s + by_s, decode_time_s=packet.decode_time_s + by_s) for packet in packets]


def likeness(packets: Sequence[Packet]) -> list[tuple[object, ...]]:
    """All that matters of packets, to compare."""
    return [
        (p.time_s, p.keyframe, bytes(p.raw), p.raw.pts, p.raw.dts, p.raw.time_base, p.raw.duration, p.raw.is_keyframe)
        for p in packets
    ]


@contextlib.contextmanager
def full_disk(at_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond `at_bytes`: the system refuses to write on, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
