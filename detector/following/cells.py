"""The ground in cells: the part of the picture that some zones need, in brightness that knows no exposure.

Brightness is logarithmic, so that a change of light is the same number everywhere and can be taken off; a cell is the average
of 2 x 2 pixels, so that sensor noise and a pixel of shake count for less.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.zoning.geometry import Box

CELL_PX = 2
"""Side of a cell in pixels of the small grey picture: a bag seen across a street is 12 x 17 pixels, 6 x 8 cells."""
DARK_LUMA = 16.0
"""Added to luma before its logarithm: in the dark, noise would otherwise weigh more than a bag."""
LOG_UNIT = 90.0
"""Steps of brightness for a factor of e, so that all of luma fits into 0 to 255: one step is 1.1 %."""
SOFT_CELLS = 0.7
"""Sigma of the smoothing: single noisy cells lose half of what they have."""
ABOVE, BESIDE, BELOW = 0.10, 0.03, 0.03
"""What stands in a zone reaches out of it by so much, in fractions of the frame."""

Corners = Sequence[tuple[float, float]]
"""A polygon: x then y, in fractions of the frame."""
Plane = NDArray[np.float32]
"""`(rows, columns)`: one number for each cell, mostly steps of brightness."""
Mask = NDArray[np.uint8]
"""`(rows, columns)`: 0 or 255 for each cell."""


def both(a: Mask, b: Mask) -> Mask:
    """Cells that are in both masks."""
    return np.asarray(cv2.bitwise_and(a, b), np.uint8)


def without(a: Mask, b: Mask) -> Mask:
    """Cells that are in the first mask alone."""
    return np.asarray(cv2.bitwise_and(a, cv2.bitwise_not(b)), np.uint8)


class Reach(NamedTuple):
    """A rectangle of cells: columns from `left`, rows from `top`, the ends not included."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def wide(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def high(self) -> int:
        """Rows."""
        return self.bottom - self.top

    def of(self, plane: NDArray[Any]) -> NDArray[Any]:
        """That part of a plane: a view."""
        return plane[self.top : self.bottom, self.left : self.right]

    def grown(self, by: int, shape: tuple[int, ...]) -> "Reach":
        """Larger on each side by some cells, kept within a plane."""
        return Reach(
            max(0, self.left - by),
            max(0, self.top - by),
            min(shape[1], self.right + by),
            min(shape[0], self.bottom + by),
        )

    def with_(self, other: "Reach") -> "Reach":
        """The least rectangle that holds both."""
        return Reach(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


def reach_of(mask: NDArray[np.uint8]) -> Reach:
    """The least rectangle around all cells that are not 0; of no width if there are none."""
    x, y, wide, high = cv2.boundingRect(mask)
    return Reach(x, y, x + wide, y + high)


class Cells:
    """Where the cells of some zones lie in pictures of one size.

    Args:
        zones: Polygons, in fractions of the frame.
        shape: Height and width of the pictures.
    """

    def __init__(self, zones: Sequence[Corners], shape: tuple[int, int]) -> None:
        self.picture = shape
        rows, columns = shape[0] // CELL_PX, shape[1] // CELL_PX
        corners = np.array([corner for zone in zones for corner in zone])
        (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
        self.extent = Reach(
            min(max(0, int((x0 - BESIDE) * columns)), columns - 1),
            min(max(0, int((y0 - ABOVE) * rows)), rows - 1),
            max(1, min(columns, int(np.ceil((x1 + BESIDE) * columns)))),
            max(1, min(rows, int(np.ceil((y1 + BELOW) * rows)))),
        )
        ground = np.zeros((rows, columns), np.uint8)
        for zone in zones:
            cv2.fillPoly(ground, [np.round(np.array(zone) * (columns, rows)).astype(np.int32)], 255)
        above, beside, below = round(ABOVE * rows), round(BESIDE * columns), round(BELOW * rows)
        # The anchor is where the kernel is put down: what it reaches below a cell is ground that the cell stands in front of.
        kernel = np.ones((above + below + 1, 2 * beside + 1), np.uint8)
        self.ground: Mask = np.ascontiguousarray(self.extent.of(cv2.dilate(ground, kernel, anchor=(beside, below))))
        """Cells in which something can be that stands in a zone."""
        logs = LOG_UNIT * np.log((np.arange(256) + DARK_LUMA) / DARK_LUMA)
        self._steps = np.round(logs).astype(np.uint8)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the planes."""
        return self.extent.high, self.extent.wide

    def plane(self, luma: NDArray[np.uint8]) -> Plane:
        """The zones' part of a picture, `(height, width)` uint8, in steps of brightness."""
        left, top = self.extent.left * CELL_PX, self.extent.top * CELL_PX
        cut = luma[top : self.extent.bottom * CELL_PX, left : self.extent.right * CELL_PX]
        steps = cv2.LUT(cut, self._steps)
        cells = cv2.resize(steps, (self.extent.wide, self.extent.high), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(cells.astype(np.float32), (3, 3), SOFT_CELLS), np.float32)

    def mask(self, boxes: Sequence[Box]) -> Mask:
        """The cells that any of some boxes covers."""
        mask = np.zeros(self.shape, np.uint8)
        for box in boxes:
            self.reach(box).of(mask)[...] = 255
        return mask

    def reach(self, box: Box) -> Reach:
        """The cells that a box covers, kept within the plane; of no width where it lies beside it."""
        (height, width), (rows, columns) = self.picture, self.shape
        left = round(box.left * width / CELL_PX) - self.extent.left
        top = round(box.top * height / CELL_PX) - self.extent.top
        right = round(box.right * width / CELL_PX) - self.extent.left
        bottom = round(box.bottom * height / CELL_PX) - self.extent.top
        left, top = min(max(left, 0), columns), min(max(top, 0), rows)
        return Reach(left, top, min(max(right, left), columns), min(max(bottom, top), rows))

    def box(self, reach: Reach) -> Box:
        """The box of some cells, in fractions of the frame."""
        height, width = self.picture
        x, y = self.extent.left, self.extent.top
        return Box(
            (reach.left + x) * CELL_PX / width,
            (reach.top + y) * CELL_PX / height,
            min(1.0, (reach.right + x) * CELL_PX / width),
            min(1.0, (reach.bottom + y) * CELL_PX / height),
        )
