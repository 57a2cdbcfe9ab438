"""How patrol samples: of all packets, which few are decoded.

A street is mostly boring, and a keyframe decodes by itself. So patrol takes keyframes as they come. Where the GOP is too
long for that (smart codecs stretch it to many seconds), it decodes on from the keyframe, but only up to the pictures
that it needs, and leaves the rest of the GOP alone. A rule may ask for more for a while.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import av

from streams.codec import VideoCodec
from streams.decoders import DecoderPool
from streams.frame import Frame
from streams.lookback import decode, look_back
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
    """What to decode for one look: packets up to the wanted picture, which is the last one.

    They begin with a keyframe, or go on where the last sample of the same GOP left off.
    """

    packets: tuple[Packet, ...]
    drain: bool
    """True when the picture is wanted now; False when the decoder may hold it back for reordering, as more follows at once."""
    goes_on: bool
    """True when the next sample may begin where this one ends: the decoder must be kept."""

    @property
    def alone(self) -> bool:
        """True for a keyframe that nothing is decoded on from."""
        return len(self.packets) == 1 and self.packets[0].keyframe and not self.goes_on

    @property
    def time_s(self) -> float:
        """Media time of the wanted picture."""
        return self.packets[-1].time_s

    def after(self, missed: Sample) -> Sample:
        """This sample with what it needs of one that was never decoded, when it goes on from that."""
        if self.packets[0].keyframe:
            return self
        return Sample(missed.packets + self.packets, self.drain, self.goes_on)


class Patrol:
    """Chooses samples from a stream of packets. Pure: decodes nothing, reads no clock.

    `interval_s` may be changed while running; 0 samples every picture.
    """

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self.interval_s = interval_s
        self.gop_s: float | None = None
        """Longest distance of the last keyframes as observed; what a camera declares is not believed."""
        self._gops_s: deque[float] = deque(maxlen=GOPS_OBSERVED)
        self._keyframe_s: float | None = None
        self._pending: list[Packet] = []
        self._last_s = -float("inf")
        self._asked: tuple[float, float] = (float("inf"), -float("inf"))

    def ask(self, every_s: float, until_s: float) -> None:
        """Samples more often for a while; may be called from another thread. A later call replaces an earlier one.

        Args:
            every_s: Seconds between two samples, at most; 0 gives every picture.
            until_s: Media time at which the usual interval is enough again.
        """
        self._asked = (every_s, until_s)

    def offer(self, packet: Packet) -> Sample | None:
        """Takes the next packet, in decoding order, and gives the sample that has become due with it, if any."""
        if packet.keyframe:
            if self._keyframe_s is not None:
                self._gops_s.append(packet.time_s - self._keyframe_s)
                self.gop_s = max(self._gops_s)
            self._keyframe_s = packet.time_s
            self._pending = [packet]
        elif self._keyframe_s is not None:
            self._pending.append(packet)
        else:
            return None
        interval_s = self._interval_s(packet.decode_time_s)
        alone = interval_s >= INTERVAL_S and (self.gop_s is None or self.gop_s <= GOP_MAX_S)
        # Time of decoding, which rises from packet to packet, also where pictures are reordered.
        if packet.decode_time_s - self._last_s < self._due_after_s(packet, interval_s, keyframes_alone=alone):
            return None
        self._last_s = packet.decode_time_s
        # A keyframe taken for its own sake leaves nothing to go on from; else the decoder holds all up to here.
        goes_on = not (alone and packet.keyframe)
        sample = Sample(tuple(self._pending), drain=interval_s > 0, goes_on=goes_on)
        if goes_on:
            self._pending = []
        return sample

    def _interval_s(self, now_s: float) -> float:
        every_s, until_s = self._asked
        return min(self.interval_s, every_s) if now_s < until_s else self.interval_s

    def _due_after_s(self, packet: Packet, interval_s: float, *, keyframes_alone: bool) -> float:
        if packet.keyframe:
            # Cameras put in keyframes out of turn. If waiting for the next one may take too long, this one is cheaper.
            return min(interval_s * EARLY, max(0.0, GOP_MAX_S - (self.gop_s or 0.0)))
        return GOP_MAX_S if keyframes_alone else interval_s


class PatrolDecoder:
    """Decodes samples of one camera, going on within a GOP where the last sample left off.

    A decoder is borrowed for one sample, and kept only where the next sample goes on from it.
    """

    def __init__(self, pool: DecoderPool | None = None) -> None:
        self.errors = 0
        """Packets that could not be decoded."""
        self.damaged = 0
        """Pictures that came out with holes in them: not given, because what is missing looks like something that has left."""
        self.skipped = 0
        """Samples that went on from one that had got lost."""
        self._pool = pool or DecoderPool()
        self._held: tuple[VideoCodec, av.VideoCodecContext] | None = None
        self._last_s = -float("inf")

    def decode(self, sample: Sample) -> Frame | None:
        """The newest picture of the sample; None if there is none that was not given before."""
        return next(iter(self.pictures(sample)[-1:]), None)

    def pictures(self, sample: Sample) -> list[Frame]:
        """All pictures of the sample that were not given before, by time: at full rate none must get lost."""
        first = sample.packets[0]
        if sample.alone:
            return self._glance(first)
        if first.keyframe:
            self.release()
            self._held = (first.codec, self._pool.take(first.codec))
        if self._held is None:
            self.skipped += 1
            return []
        _, decoder = self._held
        given = [frame for packet in sample.packets for frame in self._whole(decoder, packet)]
        if not given and sample.drain:
            # Draining ends a decoder's GOP: where it has to go on, another one decodes the keyframe once more.
            given = self._whole(decoder, None) if not sample.goes_on else self._apart(sample)
        if not sample.goes_on:
            self.release()
        return self._new(given)

    def _glance(self, keyframe: Packet) -> list[Frame]:
        """A keyframe for its own sake, decoded with less care; who wants it whole gets it decoded again."""
        self.release()
        decoder = self._pool.take(keyframe.codec, glance=True)
        given = self._whole(decoder, keyframe) or self._whole(decoder, None)
        self._pool.give(keyframe.codec, decoder, glance=True)
        return self._new([replace(frame, again=lambda: _again(keyframe)) for frame in given])

    def _new(self, given: list[Frame]) -> list[Frame]:
        given = [frame for frame in given if frame.time_s > self._last_s]
        if given:
            self._last_s = given[-1].time_s
        return given

    def rest(self) -> list[Frame]:
        """What the decoder still holds back for reordering, once no more packets come."""
        if self._held is None:
            return []
        given = [frame for frame in self._whole(self._held[1], None) if frame.time_s > self._last_s]
        self.release()
        return given

    def release(self) -> None:
        """Gives the decoder back, if one is held: what follows begins with a keyframe."""
        if self._held is not None:
            self._pool.give(*self._held)
            self._held = None

    def _apart(self, sample: Sample) -> list[Frame]:
        codec = sample.packets[0].codec
        if not sample.packets[0].keyframe:
            return []
        decoder = self._pool.take(codec)
        given = [frame for packet in (*sample.packets, None) for frame in self._whole(decoder, packet)]
        self._pool.give(codec, decoder)
        return given

    def _whole(self, decoder: av.VideoCodecContext, packet: Packet | None) -> list[Frame]:
        try:
            frames = decode(decoder, packet)
        except av.error.FFmpegError:
            self.errors += 1
            return []
        whole = [frame for frame in frames if not frame.picture.is_corrupt]
        self.damaged += len(frames) - len(whole)
        return whole


def _again(keyframe: Packet) -> av.VideoFrame | None:
    frame = next(look_back([keyframe], keyframe.time_s, keyframe.time_s), None)
    return None if frame is None else frame.picture
