"""A decoded picture that converts lazily, and only to the size that is asked for."""

import threading
from dataclasses import dataclass, field
from typing import cast

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

_local = threading.local()


def _reformatter() -> VideoReformatter:
    # A frame's own `reformat` makes a scaler per frame, of which FFmpeg 8 keeps about 15 MB each: one per thread instead.
    if not hasattr(_local, "reformatter"):
        _local.reformatter = VideoReformatter()
    return cast("VideoReformatter", _local.reformatter)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture at `time_s` seconds of media time."""

    time_s: float
    picture: av.VideoFrame = field(repr=False)

    @property
    def width_px(self) -> int:
        """Width of the source picture."""
        return self.picture.width

    @property
    def height_px(self) -> int:
        """Height of the source picture."""
        return self.picture.height

    def rgb(self, width_px: int | None = None, height_px: int | None = None) -> NDArray[np.uint8]:
        """The picture as RGB `(height, width, 3)` uint8, scaled bilinearly; the source size if none is given."""
        return self._converted("rgb24", width_px, height_px)

    def gray(self, width_px: int | None = None, height_px: int | None = None) -> NDArray[np.uint8]:
        """Luma `(height, width)` uint8, averaged over the area that a pixel covers."""
        return self._converted("gray", width_px, height_px, Interpolation.AREA)

    def _converted(
        self,
        pixel_format: str,
        width_px: int | None,
        height_px: int | None,
        interpolation: Interpolation = Interpolation.BILINEAR,
    ) -> NDArray[np.uint8]:
        scaled = _reformatter().reformat(
            self.picture,
            width_px or self.width_px,
            height_px or self.height_px,
            pixel_format,
            interpolation=interpolation,
            threads=1,
        )
        return cast("NDArray[np.uint8]", scaled.to_ndarray())
