"""Cut-outs: a thing taken out of a picture with a soft edge, and put into another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from evaluation.composer.footage import Image, Mask
from evaluation.errors import EvaluationError

Corners = tuple[tuple[float, float], ...]
"""x, y in fractions of the frame, origin top left."""

_EDGE_SIGMA_PX: Final = 0.8  # as soft as the edges of what was there before
_SHADE: Final = 0.45  # how dark the ground is right under a thing in diffuse light
_SHADE_HEIGHT: Final = 0.16  # of the thing's width
_GRABCUT_ROUNDS: Final = 5  # it has settled by then
_MARGIN_PX: Final = 4
_POLE_WIDTH: Final = 0.03  # of what it holds
_POLE_LEVEL: Final = 90  # grey


@dataclass(frozen=True)
class Cutout:
    """A thing without its surroundings.

    Attributes:
        bgr: `(H, W, 3)` uint8.
        alpha: `(H, W)` uint8, 0 transparent … 255 opaque; opaque pixels reach all four sides.
    """

    bgr: Image
    alpha: Mask

    @property
    def height_px(self) -> int:
        """Rows from its top to its ground contact."""
        return int(self.alpha.shape[0])

    def scaled(self, factor: float) -> Cutout:
        """The same thing, larger or smaller."""
        height, width = self.alpha.shape
        size = (max(round(width * factor), 2), max(round(height * factor), 2))
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        return Cutout(
            np.asarray(cv2.resize(self.bgr, size, interpolation=how), np.uint8),
            np.asarray(cv2.resize(self.alpha, size, interpolation=cv2.INTER_AREA), np.uint8),
        )

    def mirrored(self) -> Cutout:
        """Left and right changed."""
        return Cutout(np.ascontiguousarray(self.bgr[:, ::-1]), np.ascontiguousarray(self.alpha[:, ::-1]))

    def dimmed(self, gain: float) -> Cutout:
        """As another light would show it."""
        return Cutout(np.asarray(cv2.convertScaleAbs(self.bgr, alpha=gain), np.uint8), self.alpha)

    def on_pole(self, share: float) -> Cutout:
        """The same thing on a pole that takes a share of the whole height; 0: without."""
        height, width = self.alpha.shape
        pole = round(height * share / (1 - share))
        if not pole:
            return self
        half, middle = max(round(width * _POLE_WIDTH / 2), 1), width // 2
        bgr = np.concatenate([self.bgr, np.full((pole, width, 3), _POLE_LEVEL, np.uint8)])
        alpha = np.concatenate([self.alpha, np.zeros((pole, width), np.uint8)])
        alpha[height:, middle - half : middle + half] = 255
        return Cutout(bgr, alpha)

    def leaning(self, shift_px: float) -> Cutout:
        """Its top moved sideways, its foot where it was: how somebody who stands is never quite still."""
        height, width = self.alpha.shape
        matrix = np.array([[1, -shift_px / height, shift_px], [0, 1, 0]], np.float32)
        return Cutout(
            np.asarray(cv2.warpAffine(self.bgr, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8),
            np.asarray(cv2.warpAffine(self.alpha, matrix, (width, height)), np.uint8),
        )


def cut(picture: Image, mask: Mask) -> tuple[Cutout, tuple[int, int, int, int]]:
    """What a mask covers, holes filled, with the box x0, y0, x1, y1 in px that it was taken from.

    Raises:
        ValueError: the mask is empty.
    """
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        raise ValueError("nothing to cut out")
    x, y, width, height = cv2.boundingRect(np.concatenate(contours))
    solid = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(solid, contours, -1, 255, cv2.FILLED)
    alpha = cv2.GaussianBlur(solid, (0, 0), _EDGE_SIGMA_PX)
    alpha = np.minimum(alpha, solid)[y : y + height, x : x + width]
    return Cutout(picture[y : y + height, x : x + width].copy(), np.asarray(alpha, np.uint8)), (
        x,
        y,
        x + width,
        y + height,
    )


def cut_outline(picture: Image, outline: Corners, name: str) -> Cutout:
    """A thing inside a rough outline (fractions of the frame), found to its edge by GrabCut.

    Raises:
        EvaluationError: nothing in the outline stands out.
    """
    height, width = picture.shape[:2]
    corners = np.array([(x * width, y * height) for x, y in outline], np.int32)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [corners], 255)
    x, y, w, h = cv2.boundingRect(corners)
    grown = max(w, h) // 4 + _MARGIN_PX
    x0, y0, x1, y1 = max(x - grown, 0), max(y - grown, 0), min(x + w + grown, width), min(y + h + grown, height)
    labels = np.where(inside[y0:y1, x0:x1] > 0, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    core = cv2.erode(inside[y0:y1, x0:x1], np.ones((3, 3), np.uint8), iterations=max(min(w, h) // 8, 1))
    labels[core > 0] = cv2.GC_FGD
    cv2.setRNGSeed(1)  # GrabCut starts its colour clusters at random
    model: npt.NDArray[np.float64] = np.zeros((1, 65))
    everything = (0, 0, x1 - x0, y1 - y0)
    around = picture[y0:y1, x0:x1]
    cv2.grabCut(around, labels, everything, model, model.copy(), _GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
    mask = np.where((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    try:
        return cut(picture[y0:y1, x0:x1], largest(mask))[0]
    except ValueError:
        raise EvaluationError(f"things.{name}: nothing stands out inside its outline") from None


def largest(mask: Mask) -> Mask:
    """The largest piece of a mask."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:  # noqa: PLR2004 - the first is the background
        return mask
    biggest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return np.where(labels == biggest, 255, 0).astype(np.uint8)


def paste(picture: Image, cutout: Cutout, x: float, foot: float) -> None:
    """Put a thing into a picture, in place; what lies outside is cut off.

    Args:
        picture: `(H, W, 3)` uint8.
        cutout: the thing.
        x: column of its centre, px.
        foot: row of its ground contact, px.
    """
    height, width = cutout.alpha.shape
    blend(picture, cutout.bgr, cutout.alpha, round(x - width / 2), round(foot) - height)


def blend(picture: Image, bgr: Image, alpha: Mask, left: int, top: int) -> None:
    """Blend `bgr` over a picture with its top left corner at `left`, `top`, in place."""
    height, width = alpha.shape
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, picture.shape[1]), min(top + height, picture.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    source = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    weight = alpha[source].astype(np.uint16)[..., None]
    below = picture[y0:y1, x0:x1].astype(np.uint16)
    picture[y0:y1, x0:x1] = ((bgr[source] * weight + below * (255 - weight) + 127) // 255).astype(np.uint8)


def shade(picture: Image, width_px: float, x: float, foot: float) -> None:
    """Darken the ground under a thing, in place: without it, things hover."""
    half_w, half_h = width_px * 0.5, max(width_px * _SHADE_HEIGHT * 0.5, 1.5)
    pad = round(half_h * 2) + 2
    size = (round(half_w * 2) + 2 * pad, round(half_h * 2) + 2 * pad)
    patch = np.zeros(size[::-1], np.uint8)
    centre = (size[0] // 2, size[1] // 2)
    cv2.ellipse(patch, centre, (round(half_w), round(half_h)), 0, 0, 360, round(255 * _SHADE), cv2.FILLED)
    patch = cv2.GaussianBlur(patch, (0, 0), max(half_h * 0.6, 0.8))
    black = np.zeros((*patch.shape, 3), np.uint8)
    blend(picture, black, np.asarray(patch, np.uint8), round(x) - centre[0], round(foot - half_h * 0.6) - centre[1])
