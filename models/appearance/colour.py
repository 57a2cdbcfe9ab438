"""The colour of a vehicle's body, or None where it is unclear.

The pixels of the body vote in CIE L*a*b*: for a hue where they are coloured, else by lightness. The tint of the light is taken
from the scene around: what is nearly grey in it is held to be grey (the "grey world" of Buchsbaum 1980, kept to surfaces that
may be grey, so that trees and brick are no light).

White in the shade and silver in the sun have the same lightness (measured: 57 to 69 and 60 to 86 of 100), so nothing is said of
that range. A colour goes into evidence: one that is left out does no harm, a wrong one does.
"""

from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

GAIN_MAX: Final = 1.35
"""A channel is corrected by no more: evening sun needs 1.25, and a camera's own white balance has done the most."""
NEUTRAL_CHROMA: Final = 15.0
"""A surface with less may be grey: asphalt under the tint that cameras leave has up to 12."""
NEUTRAL_LIGHTNESS: Final = (15.0, 95.0)
"""Neither black, where the tint is noise, nor clipped."""
NEUTRAL_SHARE: Final = 0.05
"""Of a scene; with less of it nothing is corrected."""
_ROUNDS: Final = 4
"""Each correction shows better what is grey; then nothing changes any more."""

WHITE_PERCENTILE: Final = 97.0
"""Of the scene's lightness: markings, walls in the sun; above it lie lamps and glare."""
DARK_SCENE: Final = 42.0
"""With nothing lighter than this in it, it is night: white and black paint can't be told apart."""

SIDE_PX: Final = 40
INSET_PX: Final = 5
"""Of the 40 on each side: road, sky and neighbours lie there."""
CHROMA_MIN: Final = 16.0
"""Grey paint, glass and chrome mirror the sky and reach 14."""
COLOURED_SHARE: Final = 0.25
"""Of the body in one hue: paint covers about half of a box, and highlights on it are white."""
SPOTTED_SHARE: Final = 0.2
"""Of the body in any hue: lettering, a load or somebody in front; too much to go by lightness."""
PREVAILS: Final = 2.0
"""Times the share of the next hue."""
PAINT_PERCENTILE: Final = 85.0
"""Of the body's lightness: glass, tyres and shadow are the darker part of any vehicle."""

_HUES: Final = (("red", 0.0), ("brown", 45.0), ("yellow", 70.0), ("green", 105.0), ("blue", 210.0), ("red", 320.0))
"""Degrees of hue in a*b*, from where on; red goes on at 0."""
_LIGHTNESS: Final = (("black", 0.0, 40.0), ("grey", 44.0, 54.0), ("white", 84.0, 101.0))
"""Lightness of the paint, from and to, of 100; between them nothing is said."""


@dataclass(frozen=True, slots=True)
class Light:
    """How a scene is lit.

    Attributes:
        gains: factors for red, green and blue that make grey surfaces grey.
        white: the lightness L*, 0…100, of its bright parts.
    """

    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    white: float = 100.0

    @classmethod
    def of_scene(cls, scene_rgb: NDArray[np.uint8]) -> Self:
        """Judge the light by a whole picture.

        Args:
            scene_rgb: uint8 `(height, width, 3)`, red first; a small copy will do.
        """
        pixels = cv2.resize(scene_rgb, (96, 64), interpolation=cv2.INTER_AREA).reshape(-1, 1, 3).astype(np.uint8)
        gains = np.ones(3)
        for _ in range(_ROUNDS):
            seen = _lab(pixels, gains)[:, 0]
            low, high = NEUTRAL_LIGHTNESS
            neutral = (np.hypot(seen[:, 1], seen[:, 2]) < NEUTRAL_CHROMA) & (seen[:, 0] > low) & (seen[:, 0] < high)
            if neutral.mean() < NEUTRAL_SHARE:
                break
            middle = np.median(pixels[neutral, 0], axis=0) + 1.0
            gains = np.clip(middle.mean() / middle, 1 / GAIN_MAX, GAIN_MAX)
        red, green, blue = (float(gain) for gain in gains)
        return cls((red, green, blue), float(np.percentile(_lab(pixels, gains)[..., 0], WHITE_PERCENTILE)))


def colour_of(crop_rgb: NDArray[np.uint8], light: Light | None = None) -> tuple[str | None, float]:
    """Name the colour of a vehicle.

    Args:
        crop_rgb: uint8 `(height, width, 3)`, red first: the box of the vehicle.
        light: of the scene around it; None takes the picture as it is.

    Returns:
        A name out of `colours.COLOURS` and how clearly it prevails, above 0 and up to 1; None and 0 where it is unclear.

    Examples:
        >>> colour_of(np.full((60, 80, 3), (200, 20, 30), np.uint8))
        ('red', 1.0)
        >>> colour_of(np.full((60, 80, 3), 170, np.uint8))  # L* is 70: white in the shade, or silver
        (None, 0.0)
    """
    light = light or Light()
    small = cv2.resize(crop_rgb, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    inner = small[INSET_PX:-INSET_PX, INSET_PX:-INSET_PX].astype(np.uint8)
    body = _lab(inner, np.array(light.gains)).reshape(-1, 3)
    coloured = np.hypot(body[:, 1], body[:, 2]) >= CHROMA_MIN
    shares = _hue_shares(body[coloured], len(body))
    (best, share), (_, second) = sorted(shares.items(), key=lambda item: -item[1])[:2]
    if share >= max(COLOURED_SHARE, PREVAILS * second):
        return best, min(1.0, share / (2 * COLOURED_SHARE))
    if sum(shares.values()) > SPOTTED_SHARE or light.white < DARK_SCENE:
        return None, 0.0
    return _by_lightness(float(np.percentile(body[~coloured, 0], PAINT_PERCENTILE)))


def _hue_shares(coloured: NDArray[np.float32], pixels: int) -> dict[str, float]:
    hues = np.degrees(np.arctan2(coloured[:, 2], coloured[:, 1])) % 360
    counts = np.bincount(np.digitize(hues, [limit for _, limit in _HUES]) - 1, minlength=len(_HUES))
    shares = dict.fromkeys((name for name, _ in _HUES), 0.0)
    for (name, _), count in zip(_HUES, counts, strict=True):
        shares[name] += float(count) / pixels
    return shares


def _by_lightness(paint: float) -> tuple[str | None, float]:
    for name, low, high in _LIGHTNESS:
        if low <= paint < high:
            # The way to the nearest limit that divides two names; from 10 on it is clear.
            margin = min(paint - low if low > 0 else np.inf, high - paint if high < 100 else np.inf)  # noqa: PLR2004 - ends of the scale
            return name, float(np.clip(margin / 10, 0.1, 1.0))
    return None, 0.0


def _lab(picture_rgb: NDArray[np.uint8], gains: NDArray[np.float64]) -> NDArray[np.float32]:
    """L* 0…100, a*, b* of a picture in corrected light, float32 `(height, width, 3)`."""
    balanced = np.clip(picture_rgb.astype(np.float32) / 255 * gains.astype(np.float32), 0, 1)
    return np.asarray(cv2.cvtColor(balanced, cv2.COLOR_RGB2Lab), np.float32)
