"""How look-back asks: decode again, at full rate, what patrol only glanced at."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

import av

from streams.frame import Frame
from streams.packet import TICKS_PER_S, Packet

_TICK_S = 1 / TICKS_PER_S
"""Times of pictures are ticks, those of packets are not: they differ by up to half of one."""


def look_back(packets: Sequence[Packet], start_s: float, end_s: float, every_s: float = 0.0) -> Iterator[Frame]:
    """Decodes the pictures between two moments of media time.

    Args:
        packets: In decoding order, from a keyframe at or before `start_s`: what `PacketRing.window` gives.
        start_s: First moment wanted; the pictures before it are decoded but not given.
        end_s: Last moment wanted.
        every_s: Pictures closer together than this are left out; 0 gives all.

    Yields:
        Frames in the order in which they are shown. Pictures that can't be decoded are passed over.
    """
    last_s = -float("inf")
    for frame in _decoded(packets):
        if frame.time_s > end_s + _TICK_S:
            return
        if frame.time_s >= start_s - _TICK_S and frame.time_s >= last_s + every_s - _TICK_S:
            last_s = frame.time_s
            yield frame


def _decoded(packets: Sequence[Packet]) -> Iterator[Frame]:
    for codec, run in groupby(packets, key=attrgetter("codec")):
        decoder = codec.decoder()
        first = next(run)
        for packet in (first, *run, None):
            for frame in _passing_over(decoder, packet):
                # Pictures shown before the first keyframe (an open GOP) refer to what is not there.
                if frame.time_s >= first.time_s - _TICK_S:
                    yield frame


def _passing_over(decoder: "av.VideoCodecContext", packet: Packet | None) -> list[Frame]:
    try:
        return decode(decoder, packet)
    except av.error.FFmpegError:
        return []


def decode(decoder: "av.VideoCodecContext", packet: Packet | None) -> list[Frame]:
    """Feeds one packet (None: there are no more for now) and gives the frames that come out.

    Raises:
        av.error.FFmpegError: The packet is damaged.
    """
    pictures = decoder.decode(None if packet is None else packet.raw)
    return [Frame(picture.pts / TICKS_PER_S, picture) for picture in pictures if picture.pts is not None]
