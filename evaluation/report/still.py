"""A small still for a report: zone, predicted box and true box drawn on it, as a JPEG that is small enough to embed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from detector.zoning.geometry import Box
from evaluation.report.crop import crop_around, moved, within
from streams.still import encode_jpeg

PREDICTED_RGB: Final = (230, 97, 0)
TRUE_RGB: Final = (26, 133, 255)
ZONE_RGB: Final = (255, 214, 10)
"""Orange, blue and yellow are told apart by colour-blind people, too (Okabe and Ito, 2008); the true box is dashed as well."""
_HALO: Final = (0, 0, 0)
_INK: Final = (255, 255, 255)
STILL_BYTES_MAX: Final = 60_000
STILL_WIDTH_PX: Final = 640
_QUALITIES: Final = (82, 72, 62, 50, 38)
_SHRINK: Final = 0.8  # of width and height, where the lowest quality is still too large
_LINE_PX: Final = 3
_DASH_PX: Final = 9
_TEXT_PX: Final = 13


def drawn(
    image_rgb: NDArray[np.uint8],
    *,
    predicted: Box | None = None,
    true: Box | None = None,
    zone: Sequence[tuple[float, float]] = (),
) -> NDArray[np.uint8]:
    """Draw on a copy.

    Args:
        image_rgb: `(height, width, 3)` uint8.
        predicted: in fractions of the frame; a full line.
        true: in fractions of the frame; a dashed line.
        zone: corners in fractions of the frame; a thin line.

    Returns:
        RGB `(height, width, 3)` uint8 of the same size.
    """
    picture = Image.fromarray(image_rgb).convert("RGB")
    width, height = picture.size
    draw = ImageDraw.Draw(picture)
    if zone:
        corners = [(x * (width - 1), y * (height - 1)) for x, y in zone]
        draw.line([*corners, corners[0]], fill=_HALO, width=_LINE_PX + 1, joint="curve")
        draw.line([*corners, corners[0]], fill=ZONE_RGB, width=_LINE_PX - 1, joint="curve")
    if true is not None:
        _dashed(draw, _edges(true, picture.size))
        _tag(draw, _edges(true, picture.size), "true", TRUE_RGB, below=True)
    if predicted is not None:
        edges = _edges(predicted, picture.size)
        draw.rectangle(edges, outline=PREDICTED_RGB, width=_LINE_PX)
        _tag(draw, edges, "predicted", PREDICTED_RGB, below=False)
    return np.asarray(picture)


def still(
    image_rgb: NDArray[np.uint8],
    *,
    predicted: Box | None = None,
    true: Box | None = None,
    zone: Sequence[tuple[float, float]] = (),
) -> NDArray[np.uint8]:
    """The part of a picture that matters, scaled down to `STILL_WIDTH_PX`, and drawn on; arguments as of `drawn`.

    Returns:
        RGB `(height, width, 3)` uint8.
    """
    height, width = image_rgb.shape[:2]
    crop = crop_around([box for box in (predicted, true) if box is not None], zone)
    edges = (round(crop.left * width), round(crop.top * height), round(crop.right * width), round(crop.bottom * height))
    part = Image.fromarray(image_rgb).crop(edges)
    if part.width > STILL_WIDTH_PX:
        part = part.resize(
            (STILL_WIDTH_PX, max(1, round(part.height * STILL_WIDTH_PX / part.width))), Image.Resampling.BOX
        )
    return drawn(
        np.asarray(part),
        predicted=predicted and within(predicted, crop),
        true=true and within(true, crop),
        zone=moved(zone, crop),
    )


def small_jpeg(image_rgb: NDArray[np.uint8]) -> bytes:
    """Encode RGB `(height, width, 3)` uint8 in at most `STILL_BYTES_MAX` bytes, in the best quality that fits."""
    image = image_rgb
    while True:
        for quality in _QUALITIES:
            data = encode_jpeg(image, quality)
            if len(data) <= STILL_BYTES_MAX:
                return data
        smaller = (max(1, int(image.shape[1] * _SHRINK)), max(1, int(image.shape[0] * _SHRINK)))
        image = np.asarray(Image.fromarray(image).resize(smaller, Image.Resampling.BOX))


def _edges(box: Box, size: tuple[int, int]) -> tuple[float, float, float, float]:
    right, bottom = size[0] - 1, size[1] - 1
    return box.left * right, box.top * bottom, box.right * right, box.bottom * bottom


def _dashed(draw: ImageDraw.ImageDraw, edges: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = edges
    draw.rectangle(edges, outline=_HALO, width=_LINE_PX)
    for start in np.arange(left, right, 2 * _DASH_PX):
        end = min(start + _DASH_PX, right)
        draw.rectangle((start, top, end, min(top + _LINE_PX - 1, bottom)), fill=TRUE_RGB)
        draw.rectangle((start, max(bottom - _LINE_PX + 1, top), end, bottom), fill=TRUE_RGB)
    for start in np.arange(top, bottom, 2 * _DASH_PX):
        end = min(start + _DASH_PX, bottom)
        draw.rectangle((left, start, min(left + _LINE_PX - 1, right), end), fill=TRUE_RGB)
        draw.rectangle((max(right - _LINE_PX + 1, left), start, right, end), fill=TRUE_RGB)


def _tag(
    draw: ImageDraw.ImageDraw,
    edges: tuple[float, float, float, float],
    text: str,
    color: tuple[int, int, int],
    *,
    below: bool,
) -> None:
    """The true box is named below, the predicted one above, so that boxes that agree don't hide each other's names."""
    font = ImageFont.load_default(_TEXT_PX)
    wide, high = draw.textlength(text, font) + 6, _TEXT_PX + 4
    width, height = draw.im.size
    x = max(0.0, min(edges[0], width - wide))
    y = min(edges[3] + 1, height - high) if below else max(0.0, edges[1] - high)
    draw.rectangle((x, y, x + wide, y + high - 1), fill=color)
    draw.text((x + 3, y + 1), text, fill=_INK, font=font)
