"""A compressed picture on the camera's clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

import av
from av.video.stream import VideoStream

from streams.codec import VideoCodec

TICKS_PER_S = 90_000
"""Resolution of media time in packets and clips: the clock of RTP video (RFC 3551), fine enough for any frame rate."""

TIME_BASE = Fraction(1, TICKS_PER_S)


def raw_packet(data: bytes | memoryview) -> av.Packet[VideoStream]:
    """A packet of these bytes that a decoder may have.

    `av.Packet(data)` refers to the bytes where they lie, without the padding behind them that FFmpeg reads on into: what a
    decoder makes of it then depends on what lies there (seen with MPEG-4: other pictures from one process to the next).
    """
    raw = cast("av.Packet[VideoStream]", av.Packet(len(data)))
    raw.update(bytes(data))
    return raw


@dataclass(frozen=True, slots=True, eq=False)
class Packet:
    """One compressed picture. Packets travel in decoding order; `time_s` is when the picture is shown.

    `raw` carries the same time: its PTS and DTS are rewritten to media time in `TICKS_PER_S`, so that what a decoder
    makes of it, and what a clip is cut from, needs no other bookkeeping.
    """

    time_s: float
    """Media time: seconds since the source's first decodable picture, going on over reconnects."""
    keyframe: bool
    raw: av.Packet[VideoStream] = field(repr=False)
    codec: VideoCodec = field(repr=False)

    @classmethod
    def stamped(cls, raw: av.Packet[VideoStream], time_s: float, codec: VideoCodec, tick_s: float) -> Packet:
        """Moves a packet as it was read onto media time; its own ticks last `tick_s`."""
        pts, dts = raw.pts, raw.dts
        ahead_s = max(0.0, (pts - dts) * tick_s) if pts is not None and dts is not None else 0.0
        ticks = round(time_s * TICKS_PER_S)
        raw.pts = ticks
        raw.dts = ticks - round(ahead_s * TICKS_PER_S)
        raw.time_base = TIME_BASE
        return cls(time_s, raw.is_keyframe, raw, codec)

    @property
    def size_bytes(self) -> int:
        """Compressed size."""
        return self.raw.size

    @property
    def decode_time_s(self) -> float:
        """When the picture is to be decoded, on the same clock; at most `time_s`."""
        return (self.raw.dts or 0) / TICKS_PER_S
