"""What has changed on the ground and stayed, region by region: something put there, something taken away, or light.

Compared by structure as well as by brightness. Light leaves the texture of the ground where it was; an object replaces it, and
has an edge where it meets the ground; what was taken away had its edge before, and the ground goes on where it stood.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.following.cells import Mask, Plane, Reach, reach_of
from detector.following.ground import Ground

SIDE_MIN = 3
"""Cells: less than 6 pixels wide or high is a twig, a streak of rain, an edge that the camera's shake moved."""
AREA_MIN = 12
GAP = 0.35
"""Regions closer to each other than this share of their size are parts of one thing, if they came at one time ..."""
GAP_MIN = 2
SAME_TIME_S = 4.5
"""... within a look or two."""
WEIGHT_MIN = 48.0
"""Mean change of brightness in steps of 1.1 %, times the square root of the cells: what is small must stand out. The faintest
real things have 54, a bag of 6 x 8 cells across a street 90 and more."""
AREA_MAX = 0.045
"""Share of the frame: a lorry that the detector misses is larger; rubbish is seen from further away."""
FIRST_PERCENT = 20
"""Part of its cells by which a region shows for the first time: others may have been hidden then."""
NEIGHBOURHOOD = 7
"""Side of the square that a cell is compared with for its structure."""
TEXTURED = 2.0
"""Structure of the ground, in multiples of its noise, that can be recognised again."""
SAME_TEXTURE = 0.55
"""Correlation of structures from which the ground still shows through: a shadow keeps 0.8 and more, an object 0.3 at most."""
SAME_STRENGTH = 2.0
"""And it is as strong as before: light is the same factor everywhere."""
STRUCTURE = 10.5
"""Steps of brightness by which an object's cells differ from those around: real ones have 9 to 35, wet patches up to 8 ..."""
CONTRAST_WORTH = 0.09
"""... where contrast with the ground counts a little, too."""
FLAT_CONTRAST = 55.0
"""What has no structure must be lighter or darker than the ground by this, a factor of 1.8 ..."""
SHARP = 0.35
"""... have an edge that rises by so much of it from cell to cell: a light's edge is softer ..."""
FLAT_MAX = 600
"""... and cover no more cells: what is larger and plain is a shadow."""
STRIP = 5.0
"""What is so many times longer than wide is a shadow's or a light's edge that has moved."""
GHOST_EDGE = 1.25
"""An outline that was so much stronger before was that of something which is gone."""
OBJECT_EDGE = 1.6
"""The outline of something put down is stronger than before by this: real ones by 2.9 and more."""
EDGE_MIN = 5.0
"""It rises by so many steps from cell to cell, on the mean; real ones by 6 to 27 ..."""
EDGE_NOISES = 1.5
"""... and by so many times the noise around it."""
NOISE_MIN = 1.0
BORDER = 5
"""Cells around a region that are looked at as well."""

_SQUARE = np.ones((3, 3), np.uint8)


class Nature(StrEnum):
    """What a change is."""

    OBJECT = "object"
    GHOST = "ghost"
    """Something has left, and shows the ground behind it."""
    LIGHT = "light"
    """Light, shade or damp: or nothing that could be told from it."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A region that has changed and stayed."""

    reach: Reach
    mask: Mask
    """Of the whole plane."""
    stayed_s: float
    """How long it has, as far as it was in view."""
    since_s: float
    """Media time at which it began to show."""
    looks: int


def traces(ground: Ground, least_s: float) -> list[Trace]:
    """The regions that have stayed for so long; what belongs to one thing is one region."""
    stayed = ground.stayed(least_s)
    part = reach_of(stayed)
    if part.wide < SIDE_MIN or part.high < SIDE_MIN:
        return []
    cut, claimed = part.of(stayed), part.of(ground.layers.claimed)
    closed = cv2.morphologyEx(cut, cv2.MORPH_CLOSE, _SQUARE)
    closed = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    closed[claimed > 0] = 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    pieces = []
    for x, y, wide, high, area in stats[1:].tolist():
        if area < AREA_MIN / 2:
            continue
        reach = Reach(part.left + x, part.top + y, part.left + x + wide, part.top + y + high)
        mask = np.zeros_like(stayed)
        label = labels[y : y + high, x : x + wide]
        # Pieces overlap in their rectangles only.
        number = int(np.bincount(label[label > 0]).argmax())
        reach.of(mask)[label == number] = 255
        pieces.append(_measured(ground, mask & stayed, reach, mask))
    return [
        trace
        for trace in _joined(pieces)
        if min(trace.reach.wide, trace.reach.high) >= SIDE_MIN and cv2.countNonZero(trace.mask) >= AREA_MIN
    ]


def _measured(ground: Ground, own: Mask, reach: Reach, mask: Mask) -> Trace:
    layers, cells = ground.layers, reach.of(own) > 0
    if not cells.any():
        cells = reach.of(mask) > 0
    return Trace(
        reach,
        mask,
        stayed_s=float(np.median(reach.of(layers.stayed_s)[cells])),
        since_s=float(np.percentile(reach.of(layers.since_s)[cells], FIRST_PERCENT)),
        looks=int(np.median(reach.of(layers.looks)[cells])),
    )


def _joined(pieces: list[Trace]) -> list[Trace]:
    """Pieces that came at one time and nearly touch become one, until there are no more."""
    done: list[Trace] = []
    for piece in pieces:
        whole = piece
        while True:
            other = next((it for it in done if _belong_together(whole, it)), None)
            if other is None:
                break
            done.remove(other)
            whole = _one(whole, other)
        done.append(whole)
    return done


def _belong_together(a: Trace, b: Trace) -> bool:
    return abs(a.since_s - b.since_s) <= SAME_TIME_S and near(a.reach, b.reach)


def _one(a: Trace, b: Trace) -> Trace:
    return Trace(
        a.reach.with_(b.reach),
        np.asarray(cv2.bitwise_or(a.mask, b.mask), np.uint8),
        max(a.stayed_s, b.stayed_s),
        min(a.since_s, b.since_s),
        max(a.looks, b.looks),
    )


def near(a: Reach, b: Reach) -> bool:
    """True for regions that touch or nearly do, measured by the smaller one's size."""
    gap = max(GAP_MIN, GAP * min(max(a.wide, a.high), max(b.wide, b.high)))
    across, down = max(a.left, b.left) - min(a.right, b.right), max(a.top, b.top) - min(a.bottom, b.bottom)
    return across <= gap and down <= gap


def nature(ground: Ground, trace: Trace) -> Nature:
    """What a region is, by comparing what shows there now with what showed there before."""
    layers = ground.layers
    reach = trace.reach.grown(BORDER, trace.mask.shape)
    mask = np.ascontiguousarray(reach.of(trace.mask))
    own = mask > 0
    before: Plane = np.ascontiguousarray(reach.of(layers.reference))
    now: Plane = np.where(own, ground.shown(reach), reach.of(ground.now)).astype(np.float32)
    hidden = (reach.of(ground.covered) > 0) & ~own
    now[hidden] = before[hidden]
    noise = max(float(np.median(reach.of(layers.noise))), NOISE_MIN)
    edge_before, edge_now = _outline(before, mask, hidden), _outline(now, mask, hidden)
    if _is_strip(mask) or _is_light(before, now, mask, noise):
        return Nature.LIGHT
    if edge_before > GHOST_EDGE * edge_now:
        return Nature.GHOST
    sharp = edge_now >= max(EDGE_MIN, EDGE_NOISES * noise, OBJECT_EDGE * edge_before)
    return Nature.OBJECT if sharp else Nature.LIGHT


def weight(ground: Ground, trace: Trace) -> float:
    """How much a change stands out: in steps of brightness, times the square root of its cells."""
    own = trace.reach.of(trace.mask) > 0
    change = np.abs(ground.shown(trace.reach) - trace.reach.of(ground.layers.reference))[own]
    return float(change.mean()) * math.sqrt(change.size)


def _outline(plane: Plane, mask: Mask, hidden: NDArray[np.bool_]) -> float:
    """How steep a region's outline is on the mean, where it is not hidden."""
    outline = (cv2.subtract(cv2.dilate(mask, _SQUARE), cv2.erode(mask, _SQUARE)) > 0) & ~hidden
    return float(_slope(plane)[outline].mean()) if outline.any() else 0.0


def _is_strip(mask: Mask) -> bool:
    _, sides, _ = cv2.minAreaRect(cv2.findNonZero(mask))
    longer = max(sides) + 1
    # A bent strip fills little of its rectangle, so its width is its area by its length; holes are no part of its shape.
    filled = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return longer >= STRIP * cv2.countNonZero(filled) / longer


def _is_light(before: Plane, now: Plane, mask: Mask, noise: float) -> bool:
    inner = cv2.erode(mask, _SQUARE) > 0
    if np.count_nonzero(inner) < AREA_MIN:
        inner = mask > 0
    change = now - before
    contrast = abs(float(np.median(change[inner])))
    fine_before, fine_now = _fine(before, mask)[inner], _fine(now, mask)[inner]
    texture, structure = (float(np.sqrt(np.mean(fine**2))) for fine in (fine_before, fine_now))
    alike = float(np.mean(fine_before * fine_now)) / max(texture * structure, 1e-6)
    if texture >= TEXTURED * noise and alike >= SAME_TEXTURE and structure <= SAME_STRENGTH * texture:
        return True
    if structure + CONTRAST_WORTH * contrast >= STRUCTURE:
        return False
    # Nothing to recognise on bare ground, and nothing to see in it now: a sack, or a hard shadow. A sack is small and stark.
    outline = (cv2.dilate(mask, _SQUARE) > 0) & ~inner
    steepest = float(np.percentile(_slope(change)[outline], 75)) if outline.any() else 0.0
    return contrast < FLAT_CONTRAST or steepest < SHARP * contrast or cv2.countNonZero(mask) > FLAT_MAX


def _fine(plane: Plane, mask: Mask) -> Plane:
    """A cell against its neighbourhood within a region: the structure, without the light that falls on it."""
    own = (mask > 0).astype(np.float32)
    side = (NEIGHBOURHOOD, NEIGHBOURHOOD)
    return np.asarray(plane - cv2.blur(plane * own, side) / np.maximum(cv2.blur(own, side), 1e-3), np.float32)


def _slope(plane: Plane) -> Plane:
    """How steeply brightness changes from cell to cell."""
    dx, dy = (cv2.Sobel(plane, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(dx, dy), np.float32)
