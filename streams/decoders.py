"""Decoders are lent: a 1080p decoder holds about 16 MB, so not every camera has one of its own."""

from __future__ import annotations

import threading
from collections import OrderedDict

import av

from streams.codec import VideoCodec
from streams.hardware import Accelerator

IDLE_MAX = 4
"""Decoders kept for the next who asks. Cameras of one make share them; others push the oldest out."""

_Key = tuple[str, int, int, bytes, bool]


class DecoderPool:
    """Lends decoders that are as good as new. Safe to use from several threads; a decoder belongs to one at a time.

    What is in use is bounded by those who look at once: the analysts of a process, and the cameras whose GOPs are so long
    that their decoder has to wait for the next look.
    """

    def __init__(self, idle_max: int = IDLE_MAX, accelerator: Accelerator | None = None) -> None:
        self.made = 0
        """Decoders made so far."""
        self._idle_max = idle_max
        self._accelerator = accelerator
        self._idle: OrderedDict[int, tuple[_Key, av.VideoCodecContext]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, codec: VideoCodec, *, glance: bool = False) -> av.VideoCodecContext:
        """A decoder for these parameters that has seen nothing yet. Give it back, or just drop it.

        Args:
            codec: The parameters.
            glance: As for `VideoCodec.decoder`; a device decodes as it always does.
        """
        key = _key(codec, glance=glance)
        with self._lock:
            for name, (held, decoder) in reversed(self._idle.items()):
                if held == key:
                    del self._idle[name]
                    return decoder
            self.made += 1
        accelerated = self._accelerator.decoder(codec) if self._accelerator is not None else None
        return accelerated or codec.decoder(glance=glance)

    def give(self, codec: VideoCodec, decoder: av.VideoCodecContext, *, glance: bool = False) -> None:
        """Takes a decoder back, whatever it has seen; `glance` as it was taken."""
        decoder.flush_buffers()
        with self._lock:
            self._idle[id(decoder)] = (_key(codec, glance=glance), decoder)
            while len(self._idle) > self._idle_max:
                self._idle.popitem(last=False)

    @property
    def idle(self) -> int:
        """Decoders that wait to be lent."""
        return len(self._idle)


def _key(codec: VideoCodec, *, glance: bool) -> _Key:
    return codec.name, codec.width_px, codec.height_px, codec.extradata, glance
