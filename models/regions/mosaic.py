"""A plan carried out: inputs out of pictures, and boxes back to the pixels they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.letterbox import PAD_VALUE
from models.regions.packing import RegionPlan, Tile
from models.regions.rects import Rect

EDGE_PX = 2.0
"""Of an input: a box that ends so close to its tile's edge was cut there; detectors place edges to a pixel or two."""
INSIDE_MIN = 0.7
"""Part of a box that must lie in its tile: what a thing cut at the edge is guessed to go on with is less than the rest."""


def build(plan: RegionPlan, pictures: Mapping[str, NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """The inputs of a plan.

    Args:
        plan: what goes where.
        pictures: of each camera, uint8 `(height, width, 3)`, of the size that was planned.

    Returns:
        For each canvas uint8 `(height, width, 3)`, grey where nothing lies.

    Raises:
        ModelError: a camera's picture is missing, or of another size or type than planned.
    """
    canvases = [np.full((height, width, 3), PAD_VALUE, np.uint8) for width, height in plan.canvases]
    for tile in plan.tiles:
        left, top, right, bottom = tile.region.rect
        part = _checked(tile, pictures)[top:bottom, left:right]
        size = tile.place.width, tile.place.height
        if size != (right - left, bottom - top):
            part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        canvases[tile.canvas][tile.place.top : tile.place.bottom, tile.place.left : tile.place.right] = part
    return canvases


def _checked(tile: Tile, pictures: Mapping[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    camera, (width, height) = tile.region.camera, tile.region.source_px
    if camera not in pictures:
        raise ModelError(f"regions: no picture of {camera}: planned are {width}x{height} px")
    picture = pictures[camera]
    if picture.dtype != np.uint8 or picture.shape != (height, width, 3):
        raise ModelError(
            f"regions: picture of {camera}: uint8 {(height, width, 3)} is planned, not {picture.dtype} {picture.shape}"
        )
    return picture


def to_source(tile: Tile, boxes_px: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes of an input in pixels of the picture that the tile was cut from; nothing is clipped.

    Args:
        tile: that they lie in.
        boxes_px: float32 `(N, 4)`, x1, y1, x2, y2 in pixels of the input, origin top left.

    Returns:
        float32 `(N, 4)`, x1, y1, x2, y2 in pixels of the picture.
    """
    rect, place = tile.region.rect, tile.place
    factor = np.array([rect.width / place.width, rect.height / place.height] * 2, np.float32)
    moved = (boxes_px - np.array(place[:2] * 2, np.float32)) * factor
    source: NDArray[np.float32] = (moved + np.array(rect[:2] * 2, np.float32)).astype(np.float32)
    return source


def to_canvas(tile: Tile, boxes_px: NDArray[np.float32]) -> NDArray[np.float32]:
    """The way there: boxes of a picture in pixels of the input; nothing is clipped.

    Args:
        tile: where they go.
        boxes_px: float32 `(N, 4)`, x1, y1, x2, y2 in pixels of the picture.

    Returns:
        float32 `(N, 4)`, x1, y1, x2, y2 in pixels of the input.
    """
    rect, place = tile.region.rect, tile.place
    factor = np.array([place.width / rect.width, place.height / rect.height] * 2, np.float32)
    moved = (boxes_px - np.array(rect[:2] * 2, np.float32)) * factor
    canvas: NDArray[np.float32] = (moved + np.array(place[:2] * 2, np.float32)).astype(np.float32)
    return canvas


@dataclass(frozen=True, slots=True, eq=False)
class Homes:
    """Where the boxes of one input belong.

    Attributes:
        tile: int64 `(N,)`, index into the tiles that were asked about; -1: to none of them, it lies across their borders.
        boxes_px: float32 `(N, 4)`, x1, y1, x2, y2 in pixels of the picture of its tile, within the tile.
        cut: bool `(N,)`: it ends where its tile does and the picture does not, so it may be part of a larger thing.
    """

    tile: NDArray[np.int64]
    boxes_px: NDArray[np.float32]
    cut: NDArray[np.bool_]


def send_home(tiles: Sequence[Tile], boxes_px: NDArray[np.float32]) -> Homes:
    """Gives each box of an input to the tile that its middle lies in, and takes it back to that tile's picture.

    Args:
        tiles: of this input.
        boxes_px: float32 `(N, 4)`, x1, y1, x2, y2 in pixels of the input.

    Returns:
        The homes, in the order of the boxes; one that has less than `INSIDE_MIN` of its area in its tile has none.
    """
    homes = np.full(len(boxes_px), -1, np.int64)
    source_px = np.zeros((len(boxes_px), 4), np.float32)
    cut = np.zeros(len(boxes_px), np.bool_)
    for index, tile in enumerate(tiles):
        mine = _inside(boxes_px, tile.place)
        place = np.array(tile.place, np.float32)
        boxes = np.clip(boxes_px[mine], np.tile(place[:2], 2), np.tile(place[2:], 2))
        homes[mine] = index
        source_px[mine] = to_source(tile, boxes)
        cut[mine] = ((np.abs(boxes - place) <= EDGE_PX) & _inner_edges(tile)).any(axis=1)
    return Homes(homes, source_px, cut)


def _inside(boxes_px: NDArray[np.float32], place: Rect) -> NDArray[np.bool_]:
    low, high = np.array(place[:2], np.float32), np.array(place[2:], np.float32)
    middle = (boxes_px[:, :2] + boxes_px[:, 2:]) / 2
    shared = np.clip(np.minimum(boxes_px[:, 2:], high) - np.maximum(boxes_px[:, :2], low), 0, None).prod(axis=1)
    area = (boxes_px[:, 2:] - boxes_px[:, :2]).prod(axis=1)
    inside: NDArray[np.bool_] = ((middle >= low) & (middle < high)).all(axis=1) & (shared >= INSIDE_MIN * area)
    return inside


def _inner_edges(tile: Tile) -> NDArray[np.bool_]:
    """Left, top, right, bottom: whether the picture goes on beyond the tile's edge."""
    (width, height), rect = tile.region.source_px, tile.region.rect
    return np.array([rect.left > 0, rect.top > 0, rect.right < width, rect.bottom < height], np.bool_)
