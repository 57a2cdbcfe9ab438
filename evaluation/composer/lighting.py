"""Light and shadow that come while the camera looks: on the ground, and on whatever stands there."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from evaluation.composer.footage import Image
from evaluation.composer.written_conditions import Light, Shadow

_COMES_ON_S: Final = 0.3  # a lamp is not there at once
_TINT: Final = np.array((0.75, 0.9, 1.0), np.float32)  # BGR of warm light
_MORE: Final = 1.6  # what the ground shows of its own colour, at level 1
_GLARE: Final = 45.0  # levels it gets on top, at level 1
_REACH: Final = 1.8  # of its half size: light ends there


class Pool:
    """Ground lit by one light.

    Args:
        light: as written.
        size: width and height of the picture, px.
    """

    def __init__(self, light: Light, size: tuple[int, int]) -> None:
        width, height = size
        self._light = light
        half_w, half_h = light.size[0] * width, light.size[1] * height
        x, y = light.at[0] * width, light.at[1] * height
        left, top = max(round(x - _REACH * half_w), 0), max(round(y - _REACH * half_h), 0)
        right, bottom = min(round(x + _REACH * half_w), width), min(round(y + _REACH * half_h), height)
        self._part = (slice(top, max(bottom, top)), slice(left, max(right, left)))
        rows, columns = np.mgrid[top : max(bottom, top), left : max(right, left)].astype(np.float32)
        away = ((columns - x) / half_w) ** 2 + ((rows - y) / half_h) ** 2
        edge = np.exp(-(_REACH**2))
        self._mask: npt.NDArray[np.float32] = (np.clip(np.exp(-away) - edge, 0, 1)[..., None] * _TINT).astype(
            np.float32
        )

    def level(self, time_s: float) -> float:
        """How bright it is at a time, 0 when it is off."""
        light = self._light
        if time_s < light.on_s or (light.until_s is not None and time_s >= light.until_s):
            return 0.0
        level = light.level * min((time_s - light.on_s) / _COMES_ON_S, 1.0) if light.on_s else light.level
        if light.flickers_hz is None:
            return level
        turn = 2 * math.pi * light.flickers_hz * time_s  # two swings that don't keep step: on and off without a rhythm
        return level if math.sin(turn) + math.sin(1.618 * turn + 1) > 0 else level * 0.15

    def over(self, picture: Image, time_s: float) -> None:
        """Light the picture, in place."""
        level = self.level(time_s)
        if level == 0 or not self._mask.size:
            return
        part = picture[self._part].astype(np.float32)
        lit = part * (1 + level * _MORE * self._mask) + level * _GLARE * self._mask
        picture[self._part] = np.clip(lit, 0, 255).astype(np.uint8)


class Shade:
    """A shadow that comes, edge first, and stays.

    Args:
        shadow: as written.
        size: width and height of the picture, px.
    """

    def __init__(self, shadow: Shadow, size: tuple[int, int]) -> None:
        self._shadow, self._size = shadow, size
        width, height = size
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.array([(x * width, y * height) for x, y in shadow.outline], np.int32)], 255)
        self._mask = cv2.GaussianBlur(mask, (0, 0), max(shadow.soft * width / 2, 0.5))

    def over(self, picture: Image, time_s: float) -> None:
        """Darken the picture, in place."""
        share = (time_s - self._shadow.from_s) / self._shadow.takes_s
        if share < 0:
            return
        (dx, dy), (width, height) = self._shadow.by, self._size
        back = min(share, 1.0) - 1
        matrix = np.array([[1, 0, back * dx * width], [0, 1, back * dy * height]], np.float32)
        mask = cv2.warpAffine(self._mask, matrix, self._size)
        dark = cv2.convertScaleAbs(mask, alpha=-(1 - self._shadow.gain), beta=255.0)
        picture[:] = cv2.multiply(picture, cv2.merge([dark] * 3), scale=1 / 255)
