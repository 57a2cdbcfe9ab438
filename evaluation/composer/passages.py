"""Passages: something that really passed, cut out of each picture of its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from evaluation.composer.cutouts import Cutout, cut
from evaluation.composer.footage import Footage, Image, Mask, moved
from evaluation.errors import EvaluationError

_AREA_MIN: Final = 0.0002  # of the frame: 88 px in 768 x 576, less than a person at the far end of a road
_AREA_JUMP: Final = 1.7  # a piece that grows more from one picture to the next has met another one
_EDGE_PX: Final = 2


@dataclass(frozen=True)
class Step:
    """One picture of a passage.

    Attributes:
        cutout: the thing.
        x: column of the middle of its box, px of the footage's frame.
        foot: row of its ground contact, px.
    """

    cutout: Cutout
    x: float
    foot: float


@dataclass(frozen=True)
class Passage:
    """A way through the picture.

    Attributes:
        steps: one for each picture, in order.
        rate: pictures a second.
        size: width and height of the frame it comes from, px.
    """

    steps: tuple[Step, ...]
    rate: float
    size: tuple[int, int]

    @property
    def duration_s(self) -> float:
        """How long it takes from its first picture to its last."""
        return (len(self.steps) - 1) / self.rate

    def at(self, time_s: float) -> Step:
        """The picture that is shown at a time since the first one."""
        return self.steps[min(max(int(time_s * self.rate + 1e-6), 0), len(self.steps) - 1)]


def follow(
    footage: Footage,
    name: str,
    plate: Image,
    *,
    start: tuple[float, float, float],
    until_s: float,
    within: Mask | None,
    label: str,
) -> Passage:
    """Follow what is at a point at a time, picture by picture, until it meets something else, leaves, or time is up.

    Args:
        footage: where the clip is.
        name: its file name.
        plate: what stands still in it.
        start: time in s, x and y in fractions: a point on the thing.
        until_s: when to stop following.
        within: where it is followed, `(H, W)`, 0 or 255; None: everywhere.
        label: what an error calls it.

    Raises:
        EvaluationError: nothing moves at that point.
    """
    from_s, x, y = start
    height, width = plate.shape[:2]
    steps: list[Step] = []
    last: Mask | None = None
    area_min = _AREA_MIN * height * width
    for time_s, picture in footage.read(name, from_s=from_s - 1e-6):
        if time_s > until_s:
            break
        changed = moved(picture, plate) if within is None else cv2.bitwise_and(moved(picture, plate), within)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(changed)
        seed = (labels[round(y * (height - 1)), round(x * (width - 1))],) if last is None else labels[last > 0]
        votes = np.bincount(np.asarray(seed).ravel(), minlength=count)
        votes[0] = 0
        label_id = int(votes.argmax())
        area = int(stats[label_id, cv2.CC_STAT_AREA])
        if not votes[label_id] or area < area_min:
            break
        if last is not None and not 1 / _AREA_JUMP < area / cv2.countNonZero(last) < _AREA_JUMP:
            break
        mask: Mask = np.where(labels == label_id, 255, 0).astype(np.uint8)
        piece, (x0, y0, x1, y1) = cut(picture, mask)
        last = mask
        if x0 < _EDGE_PX or y0 < _EDGE_PX or x1 > width - _EDGE_PX or y1 > height - _EDGE_PX:
            if steps:
                break  # it leaves the picture: a part of it is no cut-out
            continue
        steps.append(Step(piece, (x0 + x1) / 2, float(y1)))
    if len(steps) < 2:  # noqa: PLR2004 - one picture is no way
        raise EvaluationError(f"passages.{label}: nothing passes at {x:g}, {y:g} of {name} at {from_s:g} s")
    _, rate = footage.length(name)
    return Passage(tuple(steps), rate, (width, height))
