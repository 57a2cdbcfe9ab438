"""Which part of a picture a still shows: what it is about, and enough of the street around it to know the place. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from detector.zoning.geometry import Box

WHOLE: Final = Box(0.0, 0.0, 1.0, 1.0)
SIDE_MIN: Final = 0.5  # of the frame: less, and nobody recognises the street
_MARGIN: Final = 0.1  # of what it is about, on each side, so that the writing at a box has room


def crop_around(boxes: Sequence[Box], zone: Sequence[tuple[float, float]]) -> Box:
    """The part of the frame, in its own proportions, that holds boxes and zone; the whole frame if there are none."""
    xs = [x for box in boxes for x in (box.left, box.right)] + [x for x, _ in zone]
    ys = [y for box in boxes for y in (box.top, box.bottom)] + [y for _, y in zone]
    if not xs:
        return WHOLE
    side = max(max(xs) - min(xs), max(ys) - min(ys)) * (1 + 2 * _MARGIN)
    side = min(1.0, max(SIDE_MIN, side))
    left, top = _start(xs, side), _start(ys, side)
    return Box(left, top, left + side, top + side)


def within(box: Box, crop: Box) -> Box:
    """A box of the frame in fractions of a part of it."""
    (left, top), (right, bottom) = moved([(box.left, box.top), (box.right, box.bottom)], crop)
    return Box(left, top, right, bottom)


def moved(points: Sequence[tuple[float, float]], crop: Box) -> list[tuple[float, float]]:
    """Points of the frame in fractions of a part of it."""
    width, height = crop.right - crop.left, crop.bottom - crop.top
    return [((x - crop.left) / width, (y - crop.top) / height) for x, y in points]


def _start(values: Sequence[float], side: float) -> float:
    """Where a part of this length begins, with the values in its middle as far as the frame allows."""
    return min(max(0.0, (min(values) + max(values) - side) / 2), 1.0 - side)
