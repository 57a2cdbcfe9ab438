"""How patrol samples: of all packets, which few are decoded.

A street is mostly boring, and a keyframe decodes by itself. So patrol takes keyframes as they come. Where the GOP is too
long for that (smart codecs stretch it to many seconds), it decodes on from the keyframe, but only up to the pictures
that it needs, and leaves the rest of the GOP alone.
"""

from dataclasses import dataclass

import av

from streams.codec import VideoCodec
from streams.frame import Frame
from streams.lookback import decode
from streams.packet import Packet

INTERVAL_S = 2.0
"""Patience between two samples: what the rules look for lasts ten seconds and more."""
EARLY = 0.75
"""A keyframe that comes after this part of the interval is taken: it costs less than waiting for the moment itself."""
GOP_MAX_S = 2.5
"""Up to this distance keyframes alone do: an alarm is then late by no more than this."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What to decode for one look: the packets from a keyframe to the wanted picture, which is the last one."""

    packets: tuple[Packet, ...]

    @property
    def time_s(self) -> float:
        """Media time of the wanted picture."""
        return self.packets[-1].time_s


class Patrol:
    """Chooses samples from a stream of packets. Pure: decodes nothing, reads no clock.

    `interval_s` may be changed while running; 0 samples every picture.
    """

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self.interval_s = interval_s
        self.gop_s: float | None = None
        """Distance of the last two keyframes as observed; what a camera declares is not believed."""
        self._gop: list[Packet] = []
        self._last_s = -float("inf")

    def offer(self, packet: Packet) -> Sample | None:
        """Takes the next packet, in decoding order, and gives the sample that has become due with it, if any."""
        if packet.keyframe:
            if self._gop:
                self.gop_s = packet.time_s - self._gop[0].time_s
            self._gop = [packet]
        elif self._gop:
            self._gop.append(packet)
        else:
            return None
        if packet.time_s - self._last_s < self._due_after_s(packet):
            return None
        self._last_s = packet.time_s
        return Sample(tuple(self._gop))

    def _due_after_s(self, packet: Packet) -> float:
        if packet.keyframe:
            return self.interval_s * EARLY
        if self.interval_s >= INTERVAL_S and (self.gop_s is None or self.gop_s <= GOP_MAX_S):
            return GOP_MAX_S
        return self.interval_s


class PatrolDecoder:
    """Decodes samples of one camera, going on within a GOP where the last sample left off."""

    def __init__(self) -> None:
        self.errors = 0
        """Samples that gave no picture."""
        self._decoder: av.VideoCodecContext | None = None
        self._codec: VideoCodec | None = None
        self._keyframe: Packet | None = None
        self._done = 0

    def decode(self, sample: Sample) -> Frame | None:
        """The newest picture of the sample; None if it can't be decoded."""
        keyframe = sample.packets[0]
        if self._decoder is None or keyframe.codec is not self._codec:
            self._codec, self._decoder = keyframe.codec, keyframe.codec.decoder()
        elif keyframe is not self._keyframe:
            self._decoder.flush_buffers()
        if keyframe is not self._keyframe or self._done > len(sample.packets):
            self._keyframe, self._done = keyframe, 0
        frame = self._newest(sample.packets[self._done :])
        self._done = len(sample.packets)
        if frame is None:
            # A decoder that reorders holds pictures back; what it holds comes out when it is told that this was all.
            frames = decode(self._decoder, None)
            self._decoder.flush_buffers()
            self._keyframe = None
            frame = frames[-1] if frames else None
        self.errors += frame is None
        return frame

    def _newest(self, packets: tuple[Packet, ...]) -> Frame | None:
        assert self._decoder is not None  # noqa: S101 - set by the caller
        newest = None
        for packet in packets:
            for frame in decode(self._decoder, packet):
                newest = frame
        return newest
