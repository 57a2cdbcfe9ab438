"""Things seen in zones, counted against a reference by role and height."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from detector.following.things import SEED_SCORE
from detector.zoning.geometry import Box, iou
from detector.zoning.zones import Zone
from models.detections import Detections

REFERENCE_SCORE = 0.4
"""Of the reference only what it is sure of counts as missed; what it sees faintly still keeps a sighting from being extra."""
SAME_IOU = 0.5
"""Two boxes of one role are one thing: the least that counts as found in most benchmarks."""
ROLES = ("vehicle", "person")
HEIGHTS_PX = (0, 16, 32, 64, 100_000)
"""Limits of the classes of height, in pixels of the input that the whole picture is fed as."""


@dataclass(frozen=True)
class Thing:
    """A vehicle or person that stands in a zone.

    Attributes:
        role: one of `ROLES`.
        box: in fractions of the frame.
        score: of the detector.
        height_px: in the input that the whole picture is fed as.
    """

    role: str
    box: Box
    score: float
    height_px: float

    def same(self, others: Iterable["Thing"]) -> bool:
        """True when one of the others is this thing."""
        return any(self.role == other.role and iou(self.box, other.box) >= SAME_IOU for other in others)

    @property
    def kind(self) -> tuple[str, int]:
        """Role, and index of the class of height."""
        limits = enumerate(pairwise(HEIGHTS_PX))
        return self.role, next(at for at, (low, high) in limits if low <= self.height_px < high)


def things_in(
    seen: Detections, roles: Mapping[str, str], zones: Sequence[Zone], source_px: tuple[int, int], scale: float
) -> list[Thing]:
    """What stands in the zones, each thing once, best first.

    Args:
        seen: boxes in pixels of the frame, best first.
        roles: class name to role.
        zones: it must stand in one of them.
        source_px: width and height of the frame.
        scale: of the whole picture's input to the frame.
    """
    things: list[Thing] = []
    size = np.array(source_px * 2, np.float32)
    for box_px, cls, score in zip(seen.boxes_px, seen.classes, seen.scores, strict=True):
        box = Box(*map(float, box_px / size))
        thing = Thing(roles.get(seen.names[int(cls)], ""), box, float(score), float(box_px[3] - box_px[1]) * scale)
        if thing.role in ROLES and not thing.same(things) and any(zone.holds(box) for zone in zones):
            things.append(thing)
    return things


@dataclass
class Count:
    """How many things of each kind the reference shows, how many of them were found, and how many others."""

    there: Counter[tuple[str, int]] = field(default_factory=Counter)
    found: Counter[tuple[str, int]] = field(default_factory=Counter)
    extra: Counter[tuple[str, int]] = field(default_factory=Counter)

    def compare(self, seen: Sequence[Thing], reference: Sequence[Thing]) -> None:
        """Counts one look; what is seen too faintly to start a thing is not seen."""
        sure = [thing for thing in seen if thing.score >= SEED_SCORE]
        for thing in reference:
            if thing.score >= REFERENCE_SCORE:
                self.there[thing.kind] += 1
                self.found[thing.kind] += thing.same(sure)
        self.extra.update(thing.kind for thing in sure if not thing.same(reference))

    def add(self, other: "Count") -> None:
        """Takes in what another has counted."""
        self.there.update(other.there)
        self.found.update(other.found)
        self.extra.update(other.extra)

    def totals(self) -> dict[str, Any]:
        """Of all kinds together."""
        there, found = self.there.total(), self.found.total()
        recall = round(found / there, 3) if there else None
        return {"reference": there, "found": found, "recall": recall, "extra": self.extra.total()}

    def kinds(self) -> list[dict[str, Any]]:
        """Of each kind that occurs."""
        return [
            {
                "role": role,
                "height_px": [HEIGHTS_PX[at], HEIGHTS_PX[at + 1]],
                "reference": self.there[role, at],
                "found": self.found[role, at],
                "extra": self.extra[role, at],
            }
            for role, at in sorted(self.there.keys() | self.extra.keys())
        ]
