"""Rectangles in whole pixels, and how far around a zone one has to look."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from models.errors import ModelError

UP_SHARE = 0.75
"""Of a zone's height: what stands at its far edge reaches up out of it; zones are seldom less deep than things are tall."""
SIDE_SHARE = 0.25
"""Of a zone's width: what stands at its side with half its width outside must be seen whole."""
DOWN_SHARE = 0.1
"""Of a zone's height: a box ends where its thing stands, so the lower edge needs room for a box's error alone."""
UP_MIN_PX = 64
"""A narrow strip says nothing about the height of things: half a lorry, or a person, that a 1080p camera sees from afar."""
SIDE_MIN_PX = 48
"""Half a car of the same distance: a visible part whose middle lies in the zone is then that of a thing in the zone."""
DOWN_MIN_PX = 16
"""Half a cell of a detector's coarsest grid (stride 32): nothing that stands in the zone touches the lower edge."""


class Rect(NamedTuple):
    """Whole pixels, origin top left; right and bottom are the first that do not belong to it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    @property
    def area(self) -> int:
        """Square pixels; 0 when it is empty."""
        return max(0, self.width) * max(0, self.height)

    def around(self, other: "Rect") -> "Rect":
        """The least that holds both."""
        return Rect(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def shared(self, other: "Rect") -> int:
        """Square pixels that both hold."""
        return Rect(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        ).area


def reach(outline: Sequence[tuple[float, float]], source_px: tuple[int, int]) -> Rect:
    """The part of a picture that shows what stands in a zone.

    Mostly upwards: a thing belongs to the zone that it stands in, and its box lies above the place where it stands.

    Args:
        outline: corners x, y in fractions of the frame; they may lie outside, when a camera was turned a little.
        source_px: width and height of the frame in pixels.

    Returns:
        The outline's bounding rectangle and its margin, within the frame; of no area when it lies outside.

    Examples:
        >>> reach([(0.4, 0.5), (0.6, 0.5), (0.6, 0.6), (0.4, 0.6)], (1000, 1000))  # 50 px aside are more than the least
        Rect(left=350, top=425, right=650, bottom=616)

    Raises:
        ModelError: the outline has no corner, or the frame has no size.
    """
    width_px, height_px = source_px
    if not outline or min(source_px) < 1:
        raise ModelError(f"region: {len(outline)} corners in {width_px}x{height_px} px: allowed is 1 and more of each")
    xs, ys = [x * width_px for x, _ in outline], [y * height_px for _, y in outline]
    side = max(SIDE_MIN_PX, SIDE_SHARE * (max(xs) - min(xs)))
    tall = max(ys) - min(ys)
    left, right = math.floor(min(xs) - side), math.ceil(max(xs) + side)
    top = math.floor(min(ys) - max(UP_MIN_PX, UP_SHARE * tall))
    bottom = math.ceil(max(ys) + max(DOWN_MIN_PX, DOWN_SHARE * tall))
    return Rect(
        min(max(0, left), width_px),
        min(max(0, top), height_px),
        max(0, min(width_px, right)),
        max(0, min(height_px, bottom)),
    )
