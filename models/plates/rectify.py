"""Cuts a quadrilateral out of a picture and looks at it straight on."""

import cv2
import numpy as np
from numpy.typing import NDArray


def rectify(
    image_rgb: NDArray[np.uint8], quad_px: NDArray[np.float32], width_px: int, height_px: int, *, margin: float = 0.0
) -> NDArray[np.uint8]:
    """The quadrilateral as a rectangle.

    Args:
        image_rgb: uint8 `(height, width, 3)`.
        quad_px: float32 `(4, 2)`, corners from top left clockwise, in pixels; origin top left.
        width_px: of the rectangle.
        height_px: of the rectangle.
        margin: grown about its middle by this share of its width and height; what lies outside of the picture repeats its edge.

    Returns:
        uint8 `(height_px, width_px, 3)`.
    """
    middle = quad_px.mean(axis=0)
    corners = (middle + (quad_px - middle) * (1 + margin)).astype(np.float32)
    target = np.array([[0, 0], [width_px, 0], [width_px, height_px], [0, height_px]], np.float32)
    straight = cv2.warpPerspective(
        image_rgb,
        cv2.getPerspectiveTransform(corners, target),
        (width_px, height_px),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return straight.astype(np.uint8, copy=False)


def sides_px(quad_px: NDArray[np.float32]) -> tuple[float, float]:
    """Width and height of a quadrilateral: the longer one of each two opposite edges."""
    top_left, top_right, bottom_right, bottom_left = quad_px
    width = max(np.linalg.norm(top_right - top_left), np.linalg.norm(bottom_right - bottom_left))
    height = max(np.linalg.norm(bottom_left - top_left), np.linalg.norm(bottom_right - top_right))
    return float(width), float(height)
