"""How a frame becomes the picture that a graph takes."""

from dataclasses import dataclass
from enum import Enum, auto

import cv2
import numpy as np
from numpy.typing import NDArray

from models.families.graph import InputSize
from models.letterbox import PAD_VALUE, Letterbox

STRIDE_PX = 32  # of the coarsest grid of every YOLO here

RGB = (1.0, 1.0, 1.0)


class Fit(Enum):
    """How a frame is fitted into the input."""

    CENTRED = auto()
    """Without distortion, grey on both sides; the least multiple of the stride where the graph takes any size."""
    TOP_LEFT = auto()
    """Without distortion, in the top left corner, grey to the right and below."""
    STRETCHED = auto()
    """To the whole input, whatever its proportions."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a family does to a frame: where it goes, and what becomes of its values.

    Attributes:
        fit: where it goes.
        antialias: scaled as Pillow scales; else as OpenCV does.
        bgr: blue first.
        full_px: the value that a white pixel gets before it is normalised.
        mean: taken off each channel, red first.
        std: each channel is divided by it.
    """

    fit: Fit
    antialias: bool = False
    bgr: bool = False
    full_px: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = RGB

    def plan(self, width_px: int, height_px: int, size: InputSize) -> Letterbox:
        """How a frame of this size is fed.

        Raises:
            ModelError: a size is not positive, or the input is no multiple of the stride where it has to be.
        """
        into = size.width_px, size.height_px
        if self.fit is Fit.STRETCHED:
            return Letterbox.stretch(width_px, height_px, input_px=into, antialias=self.antialias)
        if self.fit is Fit.TOP_LEFT:
            return Letterbox.plan_top_left(width_px, height_px, input_px=into, stride_px=STRIDE_PX)
        return Letterbox.plan(width_px, height_px, input_px=into, stride_px=STRIDE_PX, whole=size.fixed)

    def planes(self, image_rgb: NDArray[np.uint8], plan: Letterbox) -> NDArray[np.float32]:
        """The planes of a picture inside grey, in one pass over the pixels.

        Args:
            image_rgb: uint8 `(height, width, 3)`, red first, of the size `plan.resized`.
            plan: where it goes.

        Returns:
            float32 `(1, 3, padded height, padded width)`.
        """
        (width, height), (left, top) = plan.resized, plan.offset
        planes = np.empty((1, 3, plan.padded[1], plan.padded[0]), np.float32)
        channels = list(zip(cv2.split(image_rgb), self.mean, self.std, strict=True))
        for plane, (pixels, mean, std) in zip(planes[0], reversed(channels) if self.bgr else channels, strict=True):
            divisor, shift = np.float32(255 * std / self.full_px), np.float32(-mean / std)
            plane[...] = PAD_VALUE / divisor + shift
            inside = plane[top : top + height, left : left + width]
            # Divided, as the references do: times 1/255 is another float for half of all bytes, for 20 % less time.
            np.divide(pixels, divisor, out=inside)
            if shift:
                inside += shift
        return planes


ULTRALYTICS = Preparation(Fit.CENTRED)
"""RGB 0…1 inside grey: `LetterBox` and `BasePredictor.preprocess` of Ultralytics, and YOLOv5 before it."""
