"""A compressed picture on the camera's clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.video.stream import VideoStream

from streams.codec import VideoCodec

TICKS_PER_S = 90_000
"""Resolution of media time in packets and clips: the clock of RTP video (RFC 3551), fine enough for any frame rate."""


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
    def stamped(cls, raw: av.Packet[VideoStream], time_s: float, codec: VideoCodec) -> Packet:
        """Moves a packet as it was read onto media time."""
        ahead_s = 0.0
        if raw.pts is not None and raw.dts is not None:
            ahead_s = max(0.0, float((raw.pts - raw.dts) * raw.time_base))
        raw.pts = round(time_s * TICKS_PER_S)
        raw.dts = raw.pts - round(ahead_s * TICKS_PER_S)
        raw.time_base = Fraction(1, TICKS_PER_S)
        return cls(time_s, raw.is_keyframe, raw, codec)

    @property
    def size_bytes(self) -> int:
        """Compressed size."""
        return self.raw.size

    @property
    def decode_time_s(self) -> float:
        """When the picture is to be decoded, on the same clock; at most `time_s`."""
        return (self.raw.dts or 0) / TICKS_PER_S
