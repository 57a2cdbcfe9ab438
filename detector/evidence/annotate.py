"""Annotated copies of stills: box, zone, time and place written on a derived picture. Originals carry no drawing."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from detector.zoning.geometry import Box

BOX_COLOR = (255, 64, 48)
ZONE_COLOR = (255, 208, 0)
OFF_COLOR = (225, 225, 225)
"""Of a zone whose rule does not apply now."""
GRID_COLOR = (90, 200, 255, 150)
INK = (255, 255, 255)
BANNER = (0, 0, 0, 170)
TEXT_SHARE = 1 / 36
"""Height of the writing as a share of the picture: legible on a phone, and on paper."""

SMALLEST_PX = 9
"""Smaller writing can't be read, so a line that is still too long is cut."""


@lru_cache(maxsize=8)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    # OpenCV's built-in fonts can't write 皖A·G2R28; this one has the characters of both scripts.
    font = files("pylopdf_fonts_zh_cn") / "NotoSansSC-Regular.otf"
    return ImageFont.truetype(str(font), size_px)


def annotated(
    image_rgb: NDArray[np.uint8],
    lines: Sequence[str],
    *,
    box: Box | None = None,
    label: str = "",
    zone: Sequence[tuple[float, float]] = (),
) -> NDArray[np.uint8]:
    """Draws on a copy.

    Args:
        image_rgb: `(height, width, 3)` uint8.
        lines: Written in a banner along the bottom: time, place, what.
        box: What it is about, in fractions of the frame; None where it has gone.
        label: Written at the box.
        zone: Corners of the zone, in fractions of the frame.

    Returns:
        RGB `(height, width, 3)` uint8 of the same size.
    """
    picture = Image.fromarray(image_rgb).convert("RGB")
    width, height = picture.size
    draw = ImageDraw.Draw(picture, "RGBA")
    text_px = max(14, round(height * TEXT_SHARE))
    stroke = max(2, height // 360)
    if zone:
        corners = [(x * width, y * height) for x, y in zone]
        draw.line([*corners, corners[0]], fill=(*ZONE_COLOR, 220), width=stroke, joint="curve")
    if box is not None:
        edges = (box.left * width, box.top * height, box.right * width, box.bottom * height)
        draw.rectangle(edges, outline=BOX_COLOR, width=stroke + 1)
        if label:
            _tag(draw, (edges[0], edges[1]), label, _font(text_px), text_px)
    _banner(draw, lines, (width, height), _font(text_px), text_px)
    return np.asarray(picture)


@dataclass(frozen=True, slots=True)
class DrawnZone:
    """A zone as it is drawn; corners in fractions of the frame."""

    label: str
    polygon: Sequence[tuple[float, float]]
    applies: bool = True
    """False: grey, since its rule does not apply now."""


def with_zones(
    image_rgb: NDArray[np.uint8],
    zones: Sequence[DrawnZone],
    *,
    grid: Sequence[Sequence[tuple[float, float]]] = (),
    lines: Sequence[str] = (),
) -> NDArray[np.uint8]:
    """Draws zones on a copy.

    Args:
        image_rgb: `(height, width, 3)` uint8.
        zones: In the order in which they are drawn.
        grid: Lines on the ground, each as points in fractions of the frame.
        lines: Written in a banner along the bottom.

    Returns:
        RGB `(height, width, 3)` uint8 of the same size.
    """
    picture = Image.fromarray(image_rgb).convert("RGB")
    width, height = picture.size
    draw = ImageDraw.Draw(picture, "RGBA")
    text_px = max(14, round(height * TEXT_SHARE))
    for line in grid:
        draw.line([(x * width, y * height) for x, y in line], fill=GRID_COLOR, width=max(1, height // 720))
    for zone in zones:
        corners = [(x * width, y * height) for x, y in zone.polygon]
        color = ZONE_COLOR if zone.applies else OFF_COLOR
        draw.polygon(corners, fill=(*color, 40))
        draw.line([*corners, corners[0]], fill=color, width=max(2, height // 360), joint="curve")
    _tags(draw, zones, (width, height), text_px)
    _banner(draw, lines, (width, height), _font(text_px), text_px)
    return np.asarray(picture)


def _tags(draw: ImageDraw.ImageDraw, zones: Sequence[DrawnZone], size: tuple[int, int], text_px: int) -> None:
    """The labels, each at the highest corner of its zone, or below the ones that are there already."""
    font, high = _font(text_px), text_px * 1.3
    taken: list[tuple[float, float, float]] = []
    for zone in zones:
        x, y = min(((x * size[0], y * size[1]) for x, y in zone.polygon), key=lambda corner: corner[1])
        wide = draw.textlength(zone.label, font) + text_px * 0.6
        x, y = max(0.0, min(x, size[0] - wide)), max(high, y)
        for left, right, top in sorted(taken, key=lambda other: other[2]):
            if left < x + wide and x < right and abs(top - y) < high:
                y = top + high
        taken.append((x, x + wide, y))
        _tag(draw, (x, y), zone.label, font, text_px)


def _tag(
    draw: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, font: ImageFont.FreeTypeFont, text_px: int
) -> None:
    wide = draw.textlength(text, font) + text_px * 0.6
    x, y = max(0.0, min(corner[0], draw.im.size[0] - wide)), max(0.0, corner[1] - text_px * 1.3)
    draw.rectangle((x, y, x + wide, y + text_px * 1.3), fill=BOX_COLOR)
    draw.text((x + text_px * 0.3, y), text, fill=INK, font=font)


def _banner(
    draw: ImageDraw.ImageDraw,
    lines: Sequence[str],
    size: tuple[int, int],
    font: ImageFont.FreeTypeFont,
    text_px: int,
) -> None:
    if not lines:
        return
    width, height = size
    widest = max(draw.textlength(line, font) for line in lines) + text_px
    if widest > width:
        text_px = max(SMALLEST_PX, int(text_px * width / widest))
        font = _font(text_px)
    line_px = text_px * 1.35
    top = height - line_px * len(lines) - text_px * 0.4
    draw.rectangle((0, top, width, height), fill=BANNER)
    for row, line in enumerate(lines):
        draw.text((text_px * 0.5, top + text_px * 0.2 + row * line_px), line, fill=INK, font=font)
