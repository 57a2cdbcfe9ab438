"""How look-back asks: decode again, at full rate, what patrol only glanced at."""

from collections.abc import Iterator, Sequence

import av

from streams.frame import Frame
from streams.packet import TICKS_PER_S, Packet


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
        if frame.time_s > end_s + 1e-6:
            return
        # A hair of tolerance: times are PTS in floating point.
        if frame.time_s >= start_s - 1e-6 and frame.time_s >= last_s + every_s - 1e-6:
            last_s = frame.time_s
            yield frame


def _decoded(packets: Sequence[Packet]) -> Iterator[Frame]:
    decoder: av.VideoCodecContext | None = None
    codec = None
    for packet in packets:
        if packet.codec is not codec:
            if decoder is not None:
                yield from _passing_over(decoder, None)
            codec, decoder = packet.codec, packet.codec.decoder()
        assert decoder is not None  # noqa: S101 - set together with `codec`
        yield from _passing_over(decoder, packet)
    if decoder is not None:
        yield from _passing_over(decoder, None)


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
