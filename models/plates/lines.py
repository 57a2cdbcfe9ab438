"""Where the lines of writing are on a plate: a map of probabilities, cut at a level, each patch a rectangle.

The network is of the DB kind (Liao et al., arXiv:1911.08947). It was trained on patches that are smaller than the
writing, so each is grown again.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.runtime.session import Session

LEVEL = 0.3
"""Of the map, as the network's authors cut it."""
SCORE_MIN = 0.6
"""Mean of the map within a patch; writing on a plate that was cut out has 0.9 and more."""
LINE_SHARE_MIN = 0.2
"""Lower than this share of the plate's height is a screw, a frame's lettering, a dealer's name."""
PADDING_PX = 32
"""White around the plate: the network was trained on pages, and loses what touches the edge."""
_GRID_PX = 32
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class LineFinder:
    """The open network. Any number of threads may call it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, plate_rgb: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """The lines on a plate that is seen straight on.

        Args:
            plate_rgb: uint8 `(height, width, 3)`.

        Returns:
            Quadrilaterals float32 `(4, 2)` from top left clockwise, in pixels, in the order in which they are read. They are
            patches of the map, smaller than the writing: see `grown`.
        """
        page = np.pad(plate_rgb, ((PADDING_PX, PADDING_PX), (PADDING_PX, PADDING_PX), (0, 0)), constant_values=255)
        width_px, height_px = (max(1, round(side / _GRID_PX)) * _GRID_PX for side in (page.shape[1], page.shape[0]))
        # Blue first, but the mean of red first: so it was trained.
        scaled = cv2.resize(page, (width_px, height_px))[:, :, ::-1].astype(np.float32) / 255
        feed = {self._session.inputs[0].name: ((scaled - _MEAN) / _DEVIATION).transpose(2, 0, 1)[None]}
        chances = self._session.run(feed)[0][0, 0]
        back = np.array([page.shape[1] / width_px, page.shape[0] / height_px])
        lines = [box * back - PADDING_PX for box in _patches(chances)]
        tall = [line for line in lines if np.ptp(line[:, 1]) >= LINE_SHARE_MIN * plate_rgb.shape[0]]
        return [line.astype(np.float32) for line in _in_order(tall)]


def grown(line_px: NDArray[np.float32], growth: float) -> NDArray[np.float32]:
    """A patch grown to its writing.

    Args:
        line_px: float32 `(4, 2)`, a rectangle from top left clockwise.
        growth: area over perimeter, times this, is what each edge moves outwards by.

    Returns:
        float32 `(4, 2)`.
    """
    top_left, top_right, _, bottom_left = line_px
    along, down = top_right - top_left, bottom_left - top_left
    width, height = max(float(np.linalg.norm(along)), 1.0), max(float(np.linalg.norm(down)), 1.0)
    by_px = width * height / (2 * (width + height)) * growth
    right, below = along / width * by_px, down / height * by_px
    moves = np.stack([-right - below, right - below, right + below, below - right])
    return np.asarray(line_px + moves, np.float32)


def _patches(chances: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    outlines, _ = cv2.findContours((chances > LEVEL).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    boxes = []
    for outline in outlines:
        inside = np.zeros(chances.shape, np.uint8)
        cv2.drawContours(inside, [outline], 0, 1, cv2.FILLED)
        if float(chances[inside > 0].mean()) < SCORE_MIN:
            continue
        (x, y), (width, height), angle = cv2.minAreaRect(outline)
        if min(width, height) < 1:
            continue
        boxes.append(_clockwise(cv2.boxPoints(((x, y), (width, height), angle))))
    return boxes


def _clockwise(corners: NDArray[Any]) -> NDArray[np.float64]:
    """From top left; the rectangle of a line lies, it does not stand."""
    left, right = np.split(corners[corners[:, 0].argsort(kind="stable")].astype(np.float64), 2)
    (top_left, bottom_left), (top_right, bottom_right) = (pair[pair[:, 1].argsort()] for pair in (left, right))
    return np.array([top_left, top_right, bottom_right, bottom_left])


def _in_order(lines: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """From top to bottom, and from left to right what stands on one row."""
    rows: list[list[NDArray[np.float64]]] = []
    for line in sorted(lines, key=lambda it: float(it[:, 1].mean())):
        if rows and float(line[:, 1].mean()) < float(rows[-1][0][:, 1].max()):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda it: float(it[:, 0].mean()))]
