"""Stills: a picture of the source as a JPEG file, in full size."""

import cv2
import numpy as np
from numpy.typing import NDArray

from streams.frame import Frame

JPEG_QUALITY = 95
"""High enough that a plate does not suffer; about 400 kB at 1080p."""


def encode_jpeg(image_rgb: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> bytes:
    """Encodes RGB `(height, width, 3)` uint8."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {image_rgb.shape} can't be written as JPEG")
    return data.tobytes()


def still(frame: Frame) -> bytes:
    """The whole frame in its own size as JPEG."""
    return encode_jpeg(frame.rgb())
