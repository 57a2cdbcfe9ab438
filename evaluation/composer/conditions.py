"""What light, weather and camera do to a picture: prepared once for each clip, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from evaluation.composer.footage import Image
from evaluation.composer.lighting import Pool, Shade
from evaluation.composer.written_conditions import Conditions, Headlights, Night

_FIELDS: Final = 7  # noise and streak pictures that are moved about; a prime, so that no GOP keeps step with them
_STREAKS: Final = 900  # of heavy rain, in a picture
_STREAK_LEVELS: Final = 110
_LAMP_LIGHT_BGR: Final = (150, 215, 255)
_LAMP_HALO: Final = 0.08  # of the radius of the ground that it lights
_BEAM: Final = (0.22, 0.07)  # half width and half height of a beam on the ground, in frame widths and heights
_BEAM_LEVELS: Final = 130


_Field = npt.NDArray[np.uint8] | npt.NDArray[np.int8]
"""Levels to add, `(H, W, 3)`, with room to be moved about."""


class Weather:
    """The conditions of one clip, laid over its pictures in the order of time.

    Args:
        conditions: from the recipe.
        noise: standard deviation of the sensor's noise, in levels.
        size: width and height, px.
        rng: all chance comes from here.
    """

    def __init__(self, conditions: Conditions, noise: float, size: tuple[int, int], rng: np.random.Generator) -> None:
        self._conditions, self._size, self._rng = conditions, size, rng
        self._night = _Dark(conditions.night, size) if conditions.night else None
        self._beam = _beam(size) if conditions.headlights else None
        self._pools = [Pool(light, size) for light in conditions.lights]
        self._shades = [Shade(shadow, size) for shadow in conditions.shadows]
        self._streaks = [_streaks(size, conditions.rain, rng) for _ in range(_FIELDS)] if conditions.rain else []
        self._noise = [_noise(size, noise, rng) for _ in range(_FIELDS)] if noise else []
        self._phases = rng.uniform(0, 2 * math.pi, 6)

    def over(self, picture: Image, time_s: float) -> Image:
        """The picture `(H, W, 3)` uint8 as the camera would show it at that time."""
        if self._night:
            picture = self._night.over(picture)
        for shade in self._shades:
            shade.over(picture, time_s)
        for pool in self._pools:
            pool.over(picture, time_s)
        if self._beam is not None and self._conditions.headlights:
            _sweep(picture, self._beam, self._conditions.headlights, time_s)
        if self._streaks:
            picture = np.asarray(cv2.add(picture, self._any(self._streaks)), np.uint8)
        dx, dy = self._moved(time_s)
        if dx or dy:
            matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
            picture = np.asarray(cv2.warpAffine(picture, matrix, self._size, borderMode=cv2.BORDER_REFLECT), np.uint8)
        gain = self._gain(time_s)
        if gain != 1:
            picture = np.asarray(cv2.convertScaleAbs(picture, alpha=gain), np.uint8)
        if self._noise:
            picture = np.asarray(cv2.add(picture, self._any(self._noise), dtype=cv2.CV_8U), np.uint8)
        return picture

    def _any(self, fields: Sequence[_Field]) -> _Field:
        """A window of the frame's size somewhere in one of the larger fields."""
        width, height = self._size
        chosen = fields[int(self._rng.integers(_FIELDS))]
        y, x = (int(self._rng.integers(chosen.shape[axis] - length + 1)) for axis, length in ((0, height), (1, width)))
        return chosen[y : y + height, x : x + width]

    def _moved(self, time_s: float) -> tuple[float, float]:
        """How far the picture is moved, px: nudged once, and as a mast in the wind does, some slow and some fast swings."""
        dx, dy = 0.0, 0.0
        nudge = self._conditions.nudge
        if nudge and time_s >= nudge.at_s:
            dx, dy = nudge.by[0] * self._size[0], nudge.by[1] * self._size[1]
        if self._conditions.shake_px:
            swings = [
                sum(
                    math.sin(2 * math.pi * hertz * time_s + phase)
                    for hertz, phase in zip((0.31, 1.3, 3.7), phases, strict=True)
                )
                for phases in (self._phases[:3], self._phases[3:])
            ]
            dx, dy = (at + self._conditions.shake_px / 3 * swing for at, swing in zip((dx, dy), swings, strict=True))
        return dx, dy

    def _gain(self, time_s: float) -> float:
        gain = 1.0
        for step in self._conditions.exposure:
            share = min(max((time_s - step.at_s) / step.takes_s, 0.0), 1.0)
            gain += (step.gain - gain) * share
        return gain


class _Dark:
    """Night: dark and steep, with the ground lit around lamps."""

    def __init__(self, night: Night, size: tuple[int, int]) -> None:
        width, height = size
        levels = (np.arange(256) / 255.0) ** night.gamma * 255
        self._curve = levels.round().astype(np.uint8)
        light = np.full((height, width, 3), night.gain, np.float32)
        halo = np.zeros((height, width, 3), np.float32)
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        tint = np.array(_LAMP_LIGHT_BGR, np.float32) / 255
        for lamp in night.lamps:
            x, y, radius = lamp.at[0] * width, lamp.at[1] * height, lamp.radius * width
            # A pool of light lies on the ground, which is seen at a slant: half as high as wide.
            away = ((columns - x) / radius) ** 2 + ((rows - y) / (radius / 2)) ** 2
            light += np.exp(-away)[..., None] * tint * (1 - night.gain) * 0.9
            spot = ((columns - x) ** 2 + (rows - y + radius / 2) ** 2) / (radius * _LAMP_HALO) ** 2
            halo += np.exp(-spot)[..., None] * tint * 255
        self._light = (np.clip(light, 0, 1) * 255).astype(np.uint8)
        self._halo = np.clip(halo, 0, 255).astype(np.uint8)

    def over(self, picture: Image) -> Image:
        lit = cv2.multiply(cv2.LUT(picture, self._curve), self._light, scale=1 / 255)
        return np.asarray(cv2.add(lit, self._halo), np.uint8)


def _beam(size: tuple[int, int]) -> Image:
    half_w, half_h = round(_BEAM[0] * size[0]), round(_BEAM[1] * size[1])
    rows, columns = np.mgrid[-half_h : half_h + 1, -half_w : half_w + 1].astype(np.float32)
    levels = np.exp(-3 * ((columns / half_w) ** 2 + (rows / half_h) ** 2)) * _BEAM_LEVELS
    return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=2)


def _sweep(picture: Image, beam: Image, lights: Headlights, time_s: float) -> None:
    """Add the beam where it is at that time, in place."""
    since_s = (time_s - lights.first_s) % lights.every_s
    if time_s < lights.first_s or since_s > lights.lasts_s:
        return
    share = since_s / lights.lasts_s
    (x0, y0), (x1, y1) = lights.path
    height, width = picture.shape[:2]
    left = round((x0 + (x1 - x0) * share) * width) - beam.shape[1] // 2
    top = round((y0 + (y1 - y0) * share) * height) - beam.shape[0] // 2
    a, b = max(left, 0), max(top, 0)
    c, d = min(left + beam.shape[1], width), min(top + beam.shape[0], height)
    if a < c and b < d:
        picture[b:d, a:c] = cv2.add(picture[b:d, a:c], beam[b - top : d - top, a - left : c - left])


def _streaks(size: tuple[int, int], amount: float, rng: np.random.Generator) -> _Field:
    """Rain, twice as large as the frame in each direction."""
    width, height = size[0] * 2, size[1] * 2
    field = np.zeros((height, width), np.uint8)
    length = height / 36  # as far as a drop falls while the shutter is open
    for _ in range(round(_STREAKS * 4 * amount)):
        x, y, share = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.4, 1)
        end = (round(x + 0.15 * length * share), round(y + length * share))
        cv2.line(field, (round(x), round(y)), end, round(_STREAK_LEVELS * share), 1, cv2.LINE_AA)
    soft = np.asarray(cv2.GaussianBlur(field, (3, 3), 0), np.uint8)
    return np.repeat(soft[..., None], 3, axis=2)


def _noise(size: tuple[int, int], sigma: float, rng: np.random.Generator) -> _Field:
    """Sensor noise, the same in all three channels, with room to be moved about."""
    shape = (size[1] + 64, size[0] + 64)
    field = np.clip(rng.normal(0, sigma, shape), -127, 127).round().astype(np.int8)
    return np.repeat(field[..., None], 3, axis=2)
