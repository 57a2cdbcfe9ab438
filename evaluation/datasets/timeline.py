"""When each picture of a recorded clip is shown: what turns frame numbers into seconds and back.

A declared frame rate is not believed: cameras drop pictures and change their pace. The clip's packets are read, which costs
some 20 us each; nothing is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from evaluation.errors import EvaluationError
from streams.errors import SourceError
from streams.source.address import Address, parse_address
from streams.source.connection import Connection


@dataclass(frozen=True, eq=False)
class Timeline:
    """The pictures of a clip in the order in which they are shown, from the first keyframe on.

    Attributes:
        path: the clip.
        times_s: `(N,)` float64, rising: media time of each picture, as the detector has it; the first is 0.
        pts: `(N,)` int64: the same in the file's own ticks.
        time_base: how long a tick lasts, in seconds.
        length_s: when the last picture goes.
        width_px: of the pictures.
        height_px: of the pictures.
        left_out: packets before the first keyframe, without a time, or shown at the same time as another.
    """

    path: Path
    times_s: NDArray[np.float64]
    pts: NDArray[np.int64]
    time_base: Fraction
    length_s: float
    width_px: int
    height_px: int
    left_out: int

    def __len__(self) -> int:
        return len(self.times_s)

    @property
    def fps(self) -> float | None:
        """Pictures per second, measured; None for a single picture. For people: times are never reckoned from it."""
        return float((len(self) - 1) / self.times_s[-1]) if len(self) > 1 else None

    def frame_at(self, time_s: float) -> int:
        """The picture, counted from 0, whose time is nearest."""
        after = int(np.searchsorted(self.times_s, time_s))
        if after == 0:
            return 0
        if after == len(self):
            return len(self) - 1
        return after if self.times_s[after] - time_s <= time_s - self.times_s[after - 1] else after - 1

    def time_s(self, frame: int) -> float:
        """When a picture is shown, in seconds to the microsecond.

        Raises:
            EvaluationError: the clip has no such picture.
        """
        if not 0 <= frame < len(self):
            raise EvaluationError(f"{self.path}: has no picture {frame}: allowed are 0 to {len(self) - 1}")
        return round(float(self.times_s[frame]), 6)


def address_of(path: Path) -> Address:
    """A clip as a source; a relative path is relative to where we are, not to a cameras file.

    Raises:
        ValueError: it is no path.
    """
    return parse_address(str(path.absolute()), path.parent)


def read_timeline(path: Path) -> Timeline:
    """Read the times of all pictures of a clip.

    Raises:
        EvaluationError: it can't be opened, is not video, or holds no keyframe.
    """
    if not path.is_file():
        raise EvaluationError(f"{path}: no such file")
    try:
        connection = Connection(address_of(path))
    except (SourceError, ValueError) as error:
        raise EvaluationError(str(error)) from error
    try:
        return _read(path, connection)
    except SourceError as error:
        raise EvaluationError(str(error)) from error
    finally:
        connection.close()


def _read(path: Path, connection: Connection) -> Timeline:
    pts: list[int] = []
    left_out, lasts = 0, 0
    for packet in connection.packets():
        shown = packet.pts if packet.pts is not None else packet.dts
        if shown is None or not (pts or packet.is_keyframe) or (pts and shown < pts[0]):
            left_out += 1
            continue
        pts.append(shown)
        lasts = packet.duration or lasts
    if not pts:
        raise EvaluationError(f"{path}: holds no picture that can be decoded")
    ticks = np.unique(np.array(pts, dtype=np.int64))
    base = _time_base(connection.stream)
    times_s = (ticks - ticks[0]) * (base.numerator / base.denominator)
    last = lasts or (int(np.median(np.diff(ticks))) if len(ticks) > 1 else 0)
    return Timeline(
        path=path,
        times_s=times_s,
        pts=ticks,
        time_base=base,
        length_s=float((ticks[-1] - ticks[0] + last) * base),
        width_px=connection.stream.codec_context.width,
        height_px=connection.stream.codec_context.height,
        left_out=left_out + len(pts) - len(ticks),
    )


def _time_base(stream: VideoStream) -> Fraction:
    return stream.time_base or Fraction(1, av.time_base)
