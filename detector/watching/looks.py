"""A look: what one picture shows. And the memory of looks that a place is compared with."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector.zoning.geometry import Box
from streams.patrol import INTERVAL_S

RECENT_S = 20.0
"""Every look younger than this is remembered: an arrival is usually noticed within a look or two."""
RECENT_EVERY_S = 0.5
"""But not those closer together than this, when every picture is looked at."""
SPARSE_S = 10.0
"""Of older ones, one per this time: enough to tell whether a thing was there before the detector saw it."""
MEMORY_S = 120.0
GAP_S = 13.0
"""Looks further apart than this are a gap: the change gate has a picture analysed after 10 s, and that may come 2.5 s late."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One detection."""

    box: Box
    class_name: str
    score: float
    role: str | None = None
    """What it is to the rules, as the model's registry entry says: `vehicle`, `person`, …; None where it plays none."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One picture; without sightings where the detector was not asked."""

    time_s: float
    """Media time of the picture."""
    luma: NDArray[np.uint8] = field(repr=False)
    """`(height, width)` uint8, a small grey picture of the whole frame."""
    sightings: tuple[Sighting, ...] = ()
    """All that was detected, best score first, one for each object."""

    def of(self, *roles: str) -> tuple[Sighting, ...]:
        """The sightings that play one of these roles."""
        return tuple(sighting for sighting in self.sightings if sighting.role in roles)


def unwatched_s(looked_s: float, now_s: float, gap_s: float = GAP_S) -> float:
    """How much of the time between two looks nobody watched: where they are too far apart, all but a patrol interval of it.

    >>> unwatched_s(10.0, 20.0), unwatched_s(10.0, 40.0)
    (0.0, 28.0)

    Args:
        looked_s: Media time of the last look; minus infinity where there was none.
        now_s: Of the newest.
        gap_s: Looks that are no further apart are watching.
    """
    apart_s = now_s - looked_s
    return apart_s - INTERVAL_S if gap_s < apart_s < math.inf else 0.0


class LookMemory:
    """Remembers looks: all recent ones, older ones thinned out, and the very first. About 20 small grey pictures."""

    def __init__(self) -> None:
        self._first: Look | None = None
        self._looks: list[Look] = []

    @property
    def first(self) -> Look | None:
        """The first look ever."""
        return self._first

    def add(self, look: Look) -> None:
        """Remembers a look, and forgets what is no longer needed."""
        self._first = self._first or look
        self._looks.append(look)
        kept: list[Look] = []
        for held in self._looks:
            age_s = look.time_s - held.time_s
            every_s = SPARSE_S if age_s > RECENT_S else RECENT_EVERY_S
            thinned = kept and held.time_s - kept[-1].time_s < every_s
            if age_s <= MEMORY_S and not thinned:
                kept.append(held)
        self._looks = kept

    def backwards(self, before_s: float) -> Iterator[Look]:
        """Looks before a moment, newest first; the very first one last."""
        for look in reversed(self._looks):
            if look.time_s < before_s:
                yield look
        if self._first and self._first.time_s < before_s and self._first is not self._looks[0]:
            yield self._first

    def __len__(self) -> int:
        return len(self._looks)
