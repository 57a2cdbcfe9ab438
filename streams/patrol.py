"""How patrol samples: of all packets, which few are decoded.

A street is mostly boring, and a keyframe decodes by itself. So patrol takes keyframes as they come. Where the GOP is too
long for that (smart codecs stretch it to many seconds), it decodes on from the keyframe, but only up to the pictures
that it needs, and leaves the rest of the GOP alone.
"""

from collections import deque
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
GOPS_OBSERVED = 4
GOP_MAX_S = 2.5
"""Up to this distance keyframes alone do: an alarm is then late by no more than this."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What to decode for one look: the packets from a keyframe to the wanted picture, which is the last one."""

    packets: tuple[Packet, ...]
    drain: bool
    """True when the picture is wanted now; False when the decoder may hold it back for reordering, as more follows at once."""

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
        """Longest distance of the last keyframes as observed; what a camera declares is not believed."""
        self._gops_s: deque[float] = deque(maxlen=GOPS_OBSERVED)
        self._gop: list[Packet] = []
        self._last_s = -float("inf")

    def offer(self, packet: Packet) -> Sample | None:
        """Takes the next packet, in decoding order, and gives the sample that has become due with it, if any."""
        if packet.keyframe:
            if self._gop:
                self._gops_s.append(packet.time_s - self._gop[0].time_s)
                self.gop_s = max(self._gops_s)
            self._gop = [packet]
        elif self._gop:
            self._gop.append(packet)
        else:
            return None
        # Time of decoding, which rises from packet to packet, also where pictures are reordered.
        if packet.decode_time_s - self._last_s < self._due_after_s(packet):
            return None
        self._last_s = packet.decode_time_s
        return Sample(tuple(self._gop), drain=self.interval_s > 0)

    def _due_after_s(self, packet: Packet) -> float:
        if packet.keyframe:
            # Cameras put in keyframes out of turn. If waiting for the next one may take too long, this one is cheaper.
            return min(self.interval_s * EARLY, max(0.0, GOP_MAX_S - (self.gop_s or 0.0)))
        if self.interval_s >= INTERVAL_S and (self.gop_s is None or self.gop_s <= GOP_MAX_S):
            return GOP_MAX_S
        return self.interval_s


class PatrolDecoder:
    """Decodes samples of one camera, going on within a GOP where the last sample left off."""

    def __init__(self) -> None:
        self.errors = 0
        """Packets that could not be decoded."""
        self._decoder: av.VideoCodecContext | None = None
        self._codec: VideoCodec | None = None
        self._keyframe: Packet | None = None
        self._done = 0
        self._last_s = -float("inf")

    def decode(self, sample: Sample) -> Frame | None:
        """The newest picture of the sample; None if there is none that was not given before."""
        decoder = self._prepared(sample.packets[0])
        newest: Frame | None = None
        for packet in sample.packets[self._done :]:
            newest = self._newest(decoder, packet) or newest
        self._done = len(sample.packets)
        if newest is None and sample.drain:
            newest = self._newest(decoder, None)
            self._keyframe = None  # a drained decoder begins anew
        if newest is None or newest.time_s <= self._last_s:
            return None
        self._last_s = newest.time_s
        return newest

    def _prepared(self, keyframe: Packet) -> av.VideoCodecContext:
        if self._decoder is None or keyframe.codec is not self._codec:
            self._codec, self._decoder = keyframe.codec, keyframe.codec.decoder()
            self._done = 0
        elif keyframe is not self._keyframe:
            self._decoder.flush_buffers()
            self._done = 0
        self._keyframe = keyframe
        return self._decoder

    def _newest(self, decoder: av.VideoCodecContext, packet: Packet | None) -> Frame | None:
        try:
            frames = decode(decoder, packet)
        except av.error.FFmpegError:
            self.errors += 1
            return None
        return frames[-1] if frames else None
