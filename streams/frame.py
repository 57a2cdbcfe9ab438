"""A decoded picture that converts lazily, and only to the size that is asked for."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

_local = threading.local()


def _reformatter(pixel_format: str) -> VideoReformatter:
    # A frame's own `reformat` makes a scaler per frame, of which FFmpeg 8 keeps about 15 MB each: one per thread instead, and
    # per target, because one that changes its target is built anew (about 1 ms).
    if not hasattr(_local, "reformatters"):
        _local.reformatters = {}
    made = cast("dict[str, VideoReformatter]", _local.reformatters)
    if pixel_format not in made:
        made[pixel_format] = VideoReformatter()
    return made[pixel_format]


FULL_RANGE = "yuvj420p"
"""Scaling is what costs: all that is made of a picture is made of one small copy, in the range of 0 to 255 that grey has."""

_Size = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture at `time_s` seconds of media time."""

    time_s: float
    picture: av.VideoFrame = field(repr=False)
    again: Callable[[], av.VideoFrame | None] | None = field(default=None, repr=False)
    """Decodes it once more, as its codec says; only of a picture that was decoded for a glance."""
    _scaled: dict[_Size, av.VideoFrame] = field(default_factory=dict, init=False, repr=False)
    """The newest small copy."""

    @property
    def width_px(self) -> int:
        """Width of the source picture."""
        return self.picture.width

    @property
    def height_px(self) -> int:
        """Height of the source picture."""
        return self.picture.height

    def rgb(self, width_px: int | None = None, height_px: int | None = None) -> NDArray[np.uint8]:
        """The picture as RGB `(height, width, 3)` uint8; the whole one, as evidence shows it, if no size is given."""
        size_px = width_px or self.width_px, height_px or self.height_px
        # Whole pictures go the direct way: they become stills.
        source = self.picture if size_px == (self.width_px, self.height_px) else self._copy(size_px)
        if width_px is None and self.again is not None:
            source = self.again() or source
        return cast("NDArray[np.uint8]", _converted(source, size_px, "rgb24").to_ndarray())

    def gray(self, width_px: int | None = None, height_px: int | None = None) -> NDArray[np.uint8]:
        """Luma `(height, width)` uint8, averaged over the area that a pixel covers."""
        size_px = width_px or self.width_px, height_px or self.height_px
        luma = self._copy(size_px).planes[0]
        rows: NDArray[np.uint8] = np.frombuffer(memoryview(luma), np.uint8).reshape(-1, luma.line_size)
        return rows[: size_px[1], : size_px[0]].copy()

    def _copy(self, size_px: _Size) -> av.VideoFrame:
        if size_px not in self._scaled:
            self._scaled.clear()
            self._scaled[size_px] = _converted(self.picture, size_px, FULL_RANGE)
        return self._scaled[size_px]


def _converted(picture: av.VideoFrame, size_px: _Size, pixel_format: str) -> av.VideoFrame:
    return _reformatter(pixel_format).reformat(
        picture, *size_px, pixel_format, interpolation=Interpolation.AREA, threads=1
    )
