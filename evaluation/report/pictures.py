"""The pictures of a recorded clip at given moments of media time, decoded as look-back decodes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import EvaluationError
from streams.errors import SourceError
from streams.lookback import look_back
from streams.ring import PacketRing
from streams.source.address import Address
from streams.source.feed import Feed

_RING_S: Final = 1.0  # one GOP is always kept beside it, which is all that a moment needs
_RING_BYTES: Final = 256_000_000  # a minute of 4K at 30 Mbit/s between two keyframes


def pictures_at(clip: Address, times_s: Iterable[float]) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """What is shown at some moments: the newest picture that is not later.

    The clip is read once; only what lies between a keyframe and a moment is decoded.

    Args:
        clip: a recorded file.
        times_s: seconds of media time; one after the end of the clip gets its last picture.

    Yields:
        each moment once, in rising order, and RGB `(height, width, 3)` uint8. A moment whose picture can't be decoded is
        left out.

    Raises:
        EvaluationError: the clip can't be opened.
    """
    wanted = deque(sorted(set(times_s)))
    ring = PacketRing(_RING_S, _RING_BYTES)
    feed = Feed(clip, retry=False)
    newest_s = 0.0
    for packet in feed.packets() if wanted else ():
        # All pictures up to a moment have come when one comes that is to be decoded after it.
        while wanted and packet.decode_time_s > wanted[0]:
            yield from _shown(ring, wanted[0], wanted.popleft())
        if not wanted:
            feed.close()
            return
        ring.push(packet)
        newest_s = max(newest_s, packet.time_s)
    if wanted and feed.health.packets == 0:
        raise EvaluationError(str(feed.health.last_error or SourceError(f"{clip}: holds no picture")))
    for time_s in wanted:
        yield from _shown(ring, min(time_s, newest_s), time_s)


def _shown(ring: PacketRing, shown_s: float, time_s: float) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    for frame in deque(look_back(ring.window(shown_s, shown_s), 0.0, shown_s), maxlen=1):
        yield time_s, frame.rgb()
