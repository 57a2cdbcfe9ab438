"""How a frame is fitted into the picture a detector takes, and how boxes come back."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import ModelError

PAD_VALUE = 114  # the grey both YOLO families were trained with


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A frame of one size scaled and padded with grey, in one of three ways.

    Attributes:
        source: width and height of the frame in pixels.
        resized: width and height of the scaled frame inside the padding, in pixels.
        padded: width and height of what the detector sees, in pixels.
        offset: padding on the left and at the top, in pixels.
        antialias: scaled with Pillow's bilinear filter, which smooths when it shrinks; else with OpenCV's, which doesn't.
    """

    source: tuple[int, int]
    resized: tuple[int, int]
    padded: tuple[int, int]
    offset: tuple[int, int]
    antialias: bool = False

    @classmethod
    def plan(
        cls,
        width_px: int,
        height_px: int,
        *,
        input_px: int | tuple[int, int] = 640,
        stride_px: int = 32,
        whole: bool = False,
    ) -> "Letterbox":
        """The fit that Ultralytics uses: scaled as far as it goes, grey on both sides of what is left.

        Args:
            width_px: of the frame.
            height_px: of the frame.
            input_px: what the frame is scaled into: the side of a square, or width and height.
            stride_px: the detector takes multiples of it; unless `whole`, the padding is the least that reaches one.
            whole: pad to the whole input.

        Examples:
            >>> plan = Letterbox.plan(1920, 1080)
            >>> plan.resized, plan.padded, plan.offset
            ((640, 360), (640, 384), (0, 12))

        Raises:
            ModelError: a size is not positive, or `input_px` is no multiple of `stride_px`.
        """
        into = _checked(width_px, height_px, input_px, stride_px)
        scale = min(into[0] / width_px, into[1] / height_px)
        resized = max(1, round(width_px * scale)), max(1, round(height_px * scale))
        padded = into if whole else (_up(resized[0], stride_px), _up(resized[1], stride_px))
        # An odd pixel of padding goes to the right and the bottom.
        offset = (padded[0] - resized[0]) // 2, (padded[1] - resized[1]) // 2
        return cls((width_px, height_px), resized, padded, offset)

    @classmethod
    def plan_top_left(
        cls, width_px: int, height_px: int, *, input_px: int | tuple[int, int], stride_px: int = 32
    ) -> "Letterbox":
        """The fit that YOLOX uses: the frame in the top left corner of the whole input, sizes rounded down.

        Raises:
            ModelError: a size is not positive, or `input_px` is no multiple of `stride_px`.
        """
        into = _checked(width_px, height_px, input_px, stride_px)
        scale = min(into[0] / width_px, into[1] / height_px)
        resized = max(1, int(width_px * scale)), max(1, int(height_px * scale))
        return cls((width_px, height_px), resized, into, (0, 0))

    @classmethod
    def stretch(
        cls, width_px: int, height_px: int, *, input_px: int | tuple[int, int], antialias: bool = False
    ) -> "Letterbox":
        """The fit of detection transformers: to the whole input, whatever the proportions of the frame.

        Raises:
            ModelError: a size is not positive.
        """
        into = _checked(width_px, height_px, input_px, 1)
        return cls((width_px, height_px), into, into, (0, 0), antialias)

    @property
    def padding(self) -> tuple[int, int, int, int]:
        """Pixels of grey left, top, right and bottom."""
        left, top = self.offset
        return left, top, self.padded[0] - self.resized[0] - left, self.padded[1] - self.resized[1] - top

    def scaled(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The frame at the size `resized`: scaled (bilinear) if it has the size of the source, as it is if it fits already.

        Args:
            image: uint8 `(height, width, 3)`.

        Raises:
            ModelError: the image is no uint8 picture of three channels of one of the two sizes.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:  # noqa: PLR2004 - height, width, channels
            raise ModelError(f"image: uint8 (height, width, 3) is expected, not {image.dtype} {image.shape}")
        size = image.shape[1], image.shape[0]
        if size == self.resized:
            return image
        if size != self.source:
            raise ModelError(
                f"image: {size[0]}x{size[1]} px, planned for {_text(self.source)} or {_text(self.resized)} px"
            )
        if self.antialias:
            return np.asarray(Image.fromarray(image).resize(self.resized, Image.Resampling.BILINEAR), np.uint8)
        return np.asarray(cv2.resize(image, self.resized, interpolation=cv2.INTER_LINEAR), np.uint8)

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Scale if needed, and pad.

        Args:
            image: uint8 `(height, width, 3)`, of the size `source` or `resized`; any channel order.

        Returns:
            uint8 `(padded height, padded width, 3)`.

        Raises:
            ModelError: as `scaled`.
        """
        left, top, right, bottom = self.padding
        grey = (PAD_VALUE,) * 3
        picture = cv2.copyMakeBorder(self.scaled(image), top, bottom, left, right, cv2.BORDER_CONSTANT, value=grey)
        return np.asarray(picture, np.uint8)

    def to_source(self, boxes_px: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes of the padded picture in pixels of the frame, clipped to it.

        Args:
            boxes_px: float32 `(N, 4)`, x1, y1, x2, y2 in pixels of the padded picture, origin top left.

        Returns:
            float32 `(N, 4)`, x1, y1, x2, y2 in pixels of the frame.
        """
        factor = np.array([self.source[0] / self.resized[0], self.source[1] / self.resized[1]] * 2, np.float32)
        moved = (boxes_px - np.array(self.offset * 2, np.float32)) * factor
        clipped: NDArray[np.float32] = np.clip(moved, 0, np.array(self.source * 2, np.float32))
        return clipped


def _checked(width_px: int, height_px: int, input_px: int | tuple[int, int], stride_px: int) -> tuple[int, int]:
    """Width and height of the input."""
    into = (input_px, input_px) if isinstance(input_px, int) else input_px
    if min(width_px, height_px, *into, stride_px) < 1:
        raise ModelError(f"letterbox: sizes must be at least 1 px, not {width_px}x{height_px} into {_text(into)}")
    for side_px in into:
        if side_px % stride_px:
            raise ModelError(f"letterbox: input size {side_px} px is no multiple of the stride, {stride_px} px")
    return into


def _up(size_px: int, stride_px: int) -> int:
    return math.ceil(size_px / stride_px) * stride_px


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
