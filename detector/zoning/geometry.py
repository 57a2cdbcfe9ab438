"""Boxes in fractions of the frame: origin top left, x to the right, y down."""

from typing import NamedTuple


class Box(NamedTuple):
    """xyxy in fractions of the frame, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """Part of the frame that it covers."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    @property
    def center(self) -> tuple[float, float]:
        """Its middle, x and y."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def ground_contact(self) -> tuple[float, float]:
        """Where the thing stands on the ground: the bottom centre, x and y."""
        return (self.left + self.right) / 2, self.bottom

    def shifted(self, dx: float, dy: float) -> "Box":
        """Moved to the right and down."""
        return Box(self.left + dx, self.top + dy, self.right + dx, self.bottom + dy)

    @property
    def clipped(self) -> "Box":
        """The part of it that lies in the frame: a nudged camera may take a place beyond it."""
        return Box(*(min(1.0, max(0.0, side)) for side in self))

    def grown(self, share: float) -> "Box":
        """Grown on each side by a share of its width and height, kept within the frame."""
        dx, dy = (self.right - self.left) * share, (self.bottom - self.top) * share
        return Box(self.left - dx, self.top - dy, self.right + dx, self.bottom + dy).clipped


def overlap(a: Box, b: Box) -> float:
    """Area that both cover."""
    # Asked some hundred times for each look, of boxes that mostly lie apart.
    wide = min(a[2], b[2]) - max(a[0], b[0])
    if wide <= 0:
        return 0.0
    high = min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if high > 0 else 0.0


def iou(a: Box, b: Box) -> float:
    """Intersection over union, 0 to 1.

    >>> iou(Box(0, 0, 0.2, 0.2), Box(0.1, 0, 0.3, 0.2))  # 0.02 of 0.06
    0.3333333333333333
    """
    shared = overlap(a, b)
    return shared / (a.area + b.area - shared) if shared > 0 else 0.0
