"""The colour of a plate's ground, whatever the light.

What tells most does not depend on the light at all: whether the signs are darker or brighter than their ground. Where they
are brighter they are white, so they show the colour of the light, which is taken away. Then the ground has a colour, or none.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from models.plates.reading import Colour

CONTRAST_MIN = 30.0
"""Grey levels between signs and ground, of 255: with less the two can't be told apart."""
COLOURED_MIN = {Colour.BLUE: 0.28, Colour.GREEN: 0.28, Colour.YELLOW: 0.40}
"""Saturation, 0…1, from which a ground is painted: photographs have 0.33 and more of blue, 0.32 of
the pale green, 0.49 of yellow. A street lamp gives white 0.3 of yellow."""
PALE_MAX = 0.20
"""Saturation of white and black grounds in daylight; what lies between is unknown."""
HUES_DEG = {Colour.YELLOW: (20.0, 68.0), Colour.GREEN: (80.0, 180.0), Colour.BLUE: (185.0, 260.0)}
"""Of the ground: paint is yellow at about 45°, green at 130° to 150°, blue at 210° to 225°; the rest is for light and lens."""
BLACK_MAX = 60.0
"""Grey level, of 255, below which a ground's hue is the camera's noise."""
INNER_SHARE = 0.12
"""Left out at each edge: the frame, the bumper."""


def colour_of(plate_rgb: NDArray[np.uint8]) -> Colour:
    """The colour of a plate that is seen straight on and fills the picture.

    Args:
        plate_rgb: uint8 `(height, width, 3)`.
    """
    inner = _inner(plate_rgb)
    luma = cv2.cvtColor(inner, cv2.COLOR_RGB2GRAY)
    level, _ = cv2.threshold(luma, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    bright, dark = inner[luma > level], inner[luma <= level]
    if not len(bright) or not len(dark):
        return Colour.UNKNOWN
    brighter, darker = _median(bright), _median(dark)
    if float(brighter.mean() - darker.mean()) < CONTRAST_MIN:
        return Colour.UNKNOWN
    # The signs cover less than half of a plate.
    if len(dark) >= len(bright):
        return _of_light_signs(darker, brighter)
    return _of_dark_signs(brighter)


def _of_light_signs(ground: NDArray[np.float64], signs: NDArray[np.float64]) -> Colour:
    # The signs reflect all of the light (von Kries); thin strokes mix with their ground, so they are trusted by half.
    light = (signs / signs.max() + 1) / 2
    hue, saturation = _hue_saturation(ground / light)
    low, high = HUES_DEG[Colour.BLUE]
    if saturation >= COLOURED_MIN[Colour.BLUE] and low <= hue <= high:
        return Colour.BLUE
    if saturation <= PALE_MAX or (ground.max() < BLACK_MAX and not low <= hue <= high):
        return Colour.BLACK
    return Colour.UNKNOWN


def _of_dark_signs(ground: NDArray[np.float64]) -> Colour:
    hue, saturation = _hue_saturation(ground)
    if saturation <= PALE_MAX:
        return Colour.WHITE
    for colour in (Colour.YELLOW, Colour.GREEN):
        low, high = HUES_DEG[colour]
        if saturation >= COLOURED_MIN[colour] and low <= hue <= high:
            return colour
    return Colour.UNKNOWN


def _inner(plate_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = plate_rgb.shape[:2]
    y, x = round(height * INNER_SHARE), round(width * INNER_SHARE)
    return plate_rgb[y : height - y, x : width - x]


def _median(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(np.median(pixels.reshape(-1, 3), axis=0), np.float64)


def _hue_saturation(rgb: NDArray[np.float64]) -> tuple[float, float]:
    """Hue in degrees and saturation 0…1 of one colour."""
    pixel = (np.clip(rgb, 0, 255) / 255).astype(np.float32).reshape(1, 1, 3)
    hue, saturation, _ = cv2.cvtColor(pixel, cv2.COLOR_RGB2HSV)[0, 0]
    return float(hue), float(saturation)
