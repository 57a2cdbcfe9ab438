"""What is built into a view: where its edges run, whatever the light, and how to find them again when the camera was nudged.

An edge counts by its direction, not by its strength, and by its axis, not by which side is the bright one: so day, dusk,
a lamp from the other side and contrast hardly matter (orientation correlation, Fitch et al., BMVC 2002). Averaged over many
looks, what stays keeps its direction, while traffic, leaves and noise cancel out.
"""

from dataclasses import dataclass, field
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

FINE_PX = (320, 180)
"""Width and height of the picture that sharpness is measured in. Every picture is brought to it, whatever its shape."""
FIELD_PX = (160, 90)
"""Width and height of the edge field. A pixel is 0.6 % of the width; places are known to a fraction of that."""
EDGE_LEVELS_MIN = 1.5
"""Gradients under this many grey levels per pixel are noise and blocks of compression."""
EDGE_LEVELS_MAX = 4.0
"""Steeper than this is an edge in any light; in between, twice the picture's median gradient is taken."""
FLAT_LEVELS = 0.5
"""Grey levels per pixel below which there is no edge that could be crisp."""
DETAIL_PX = 1.5
"""Radius, in pixels of the fine picture, of what counts as fine detail: a lens out of focus takes that first."""
SEARCH_PX = (16, 9)
"""How far a view is looked for, in pixels of the field: a tenth of the frame each way. Past that it is another view."""
NEIGHBOUR_PX = 3
"""Scores this close to the best belong to the same peak: an edge is about that wide."""
MIDDLE_PX = (FIELD_PX[0] - 2 * SEARCH_PX[0], FIELD_PX[1] - 2 * SEARCH_PX[1])
"""What a reference covers: the middle, so that all of it is still in the picture when the camera was nudged."""
TILES = (4, 3)
"""Parts, across and down, in which the place is checked on its own: enough to tell a turn or a zoom from a shift."""
TILE_SEARCH_PX = 7
"""How far a part may lie from where the whole says: the corner of a picture turned by 5 degrees."""
TILE_EDGES = 0.1
"""Mean strength (0 to 1) of edges that a part needs to be looked for."""
TILE_SCORE = 0.35
"""A part that scores less is not found. Measured: parts behind a lorry or in the dark score under 0.3, found ones over 0.5."""
TILE_DISTINCT = 0.08
"""Nor is one whose second best place is nearly as good: a kerb looks the same all along."""

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """Edges of one small picture."""

    edges: Plane = field(repr=False)
    """`(90, 160, 2)` float32: the direction of the edge, its angle doubled, as a vector of length 0 (none) to 1 (clear)."""
    crispness: Plane = field(repr=False)
    """`(90, 160)` float32: fine detail over coarse gradient; blur lowers it, contrast and brightness leave it as it is."""
    thumb: Plane = field(repr=False)
    """`(9, 16)` float32: the picture's large patches of light and dark, mean 0."""
    brightness: float
    """Mean luma, 0 to 255."""
    brightest: float
    """Luma of the brightest place, away from the upper and lower edge, where cameras write the time."""
    amount: float
    """How much structure there is, 0 to 1: a weak edge counts less here than in `edges`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a view was found again."""

    shift_px: tuple[float, float]
    """How far its contents lie to the right and down, in pixels of the field."""
    score: float
    """Cosine between the two edge fields there, 0 to 1."""
    distinct: float
    """By how much the second best place scores less."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a view that were found, each on its own."""

    found: int
    apart_px: float
    """Median distance, in pixels of the field, between where they are and where the whole says; 0 when none was found."""


def fine_of(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Brings a picture to the size that everything here works in: `(180, 320)` uint8, stretched where its shape is another.

    Args:
        luma: `(height, width)` uint8, any size.

    Raises:
        ValueError: It is not a grey picture of 8 bits, or empty.
    """
    if luma.ndim != len(FINE_PX) or luma.dtype != np.uint8 or not luma.size:
        raise ValueError(f"a picture of shape {luma.shape} and type {luma.dtype}: luma is (height, width) of uint8")
    if luma.shape == FINE_PX[::-1]:
        return luma
    return cast("NDArray[np.uint8]", cv2.resize(luma, FINE_PX, interpolation=cv2.INTER_AREA))


def structure_of(luma: NDArray[np.uint8]) -> Structure:
    """Measures a picture.

    Args:
        luma: `(180, 320)` uint8, from `fine_of`.
    """
    fine = luma.astype(np.float32)
    coarse = cv2.resize(fine, FIELD_PX, interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(coarse, (3, 3), 0)
    right = cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1 / 32)  # grey levels per pixel
    down = cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1 / 32)
    steepness = cv2.magnitude(right, down)
    knee = float(np.clip(2 * np.median(steepness[::3, ::3]), EDGE_LEVELS_MIN, EDGE_LEVELS_MAX))
    right2, down2 = right * right, down * down
    steep2 = right2 + down2
    weight = 1 / (steep2 + np.float32(knee * knee))
    edges = cv2.merge([(right2 - down2) * weight, 2 * right * down * weight])
    detail = cv2.resize(
        cv2.absdiff(fine, cv2.GaussianBlur(fine, (0, 0), DETAIL_PX)), FIELD_PX, interpolation=cv2.INTER_AREA
    )
    thumb = cv2.resize(coarse, (16, 9), interpolation=cv2.INTER_AREA)
    brightness = float(thumb.mean())
    return Structure(
        edges=cast("Plane", edges),
        crispness=cast("Plane", detail / np.maximum(steepness, FLAT_LEVELS)),
        thumb=cast("Plane", thumb - brightness),
        brightness=brightness,
        brightest=float(inner(smooth).max()),
        amount=float(inner(steep2 / (steep2 + np.float32(EDGE_LEVELS_MAX**2))).mean()),
    )


def inner(plane: NDArray[Any]) -> NDArray[Any]:
    """The middle of a plane `(height, width, …)`, without the tenth at each side: a view of it."""
    height, width = plane.shape[:2]
    return plane[height // 10 : height - height // 10, width // 10 : width - width // 10]


def locate(edges: Plane, reference: Plane) -> Place:
    """Finds the reference in a picture's edges.

    Args:
        edges: `(90, 160, 2)` float32, of the picture.
        reference: `(72, 128, 2)` float32, the middle of what is looked for.
    """
    scores = cv2.matchTemplate(edges, reference, cv2.TM_CCORR_NORMED)
    (x, y), best, distinct = _peak(cast("Plane", scores))
    return Place((x - SEARCH_PX[0], y - SEARCH_PX[1]), best, distinct)


def locate_parts(edges: Plane, reference: Plane, shift_px: tuple[float, float]) -> Parts:
    """Finds each part of the reference by itself, near where the shift of the whole says."""
    apart: list[float] = []
    height, width = reference.shape[:2]
    wide, high = width // TILES[0], height // TILES[1]
    for left in range(0, width, wide):
        for top in range(0, height, high):
            part = np.ascontiguousarray(reference[top : top + high, left : left + wide])
            if float(np.hypot(part[..., 0], part[..., 1]).mean()) < TILE_EDGES:
                continue
            at_x, at_y = left + SEARCH_PX[0] + shift_px[0], top + SEARCH_PX[1] + shift_px[1]
            x, y = max(0, round(at_x) - TILE_SEARCH_PX), max(0, round(at_y) - TILE_SEARCH_PX)
            around = edges[y : round(at_y) + high + TILE_SEARCH_PX, x : round(at_x) + wide + TILE_SEARCH_PX]
            (dx, dy), score, distinct = _peak(cast("Plane", cv2.matchTemplate(around, part, cv2.TM_CCORR_NORMED)))
            if score >= TILE_SCORE and distinct >= TILE_DISTINCT:
                apart.append(float(np.hypot(x + dx - at_x, y + dy - at_y)))
    return Parts(len(apart), float(np.median(apart)) if apart else 0.0)


def shifted(plane: Plane, shift_px: tuple[float, float]) -> Plane:
    """The middle `(72, 128, …)` of a plane `(90, 160, …)`, taken from where a shift says, to lie over the reference."""
    take = np.array([[1, 0, SEARCH_PX[0] + shift_px[0]], [0, 1, SEARCH_PX[1] + shift_px[1]]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cast("Plane", cv2.warpAffine(plane, take, MIDDLE_PX, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _peak(scores: Plane) -> tuple[tuple[float, float], float, float]:
    """Place of the highest score to a fraction of a pixel, the score, and by how much the rest scores less."""
    scores = np.nan_to_num(scores)
    _, best, _, (x, y) = cv2.minMaxLoc(scores)
    place = x + _summit(scores[y, :], x), y + _summit(scores[:, x], y)
    rest = scores.copy()
    rest[max(0, y - NEIGHBOUR_PX) : y + NEIGHBOUR_PX + 1, max(0, x - NEIGHBOUR_PX) : x + NEIGHBOUR_PX + 1] = -1.0
    return place, float(best), float(best - max(0.0, float(rest.max())))


def _summit(scores: Plane, at: int) -> float:
    """Where the parabola through the peak and its neighbours is highest, -0.5 to 0.5 pixels from the peak."""
    if not 0 < at < len(scores) - 1:
        return 0.0
    before, peak, after = (float(score) for score in scores[at - 1 : at + 2])
    bend = before - 2 * peak + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0
