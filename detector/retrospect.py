"""Look-back on one place: exactly when did what stands there come, exactly when did it go?

Patrol brackets the moment between two looks. Here the pictures between them are decoded and the place is compared with
how the thing looks. No detector runs: a place that already shows the thing has the thing in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.geometry import Box
from detector.looks import LookMemory
from detector.template import Patch, patch_at, similarity
from detector.things import LOOKS_SAME, Thing

SETTLED_SHARE = 0.93
"""A place shows a thing at rest from this share of its usual similarity on; one that rolls its last 2 % stays below it."""
STOOD_SHARE = 0.5
"""Of the pictures between two looks; the rest may have a passer-by in front."""
BACKWARD_PATIENCE = 2
"""So many looks in a row must differ before the thing was not there: one may have had a passer-by in it."""

Picture = tuple[float, NDArray[np.uint8]]
"""Media time in seconds, and a grey picture `(height, width)` of the whole frame."""


@dataclass(frozen=True, slots=True)
class Bracket:
    """The last look without the thing and the first one with it, in media time; `without_s` is None if there is none."""

    without_s: float | None
    with_s: float


def arrival_bracket(thing: Thing, memory: LookMemory) -> Bracket:
    """Walks back through the remembered looks from the first sighting, as far as the place looked as it does now."""
    with_s = thing.first_s
    without_s: float | None = None
    differing = 0
    for look in memory.backwards(thing.first_s):
        if similarity(thing.template, patch_at(look.luma, thing.anchor)) >= LOOKS_SAME:
            with_s, without_s, differing = look.time_s, None, 0
            continue
        differing += 1
        without_s = look.time_s if without_s is None else without_s
        if differing >= BACKWARD_PATIENCE:
            break
    return Bracket(without_s, with_s)


def came_to_rest(pictures: Iterable[Picture], anchor: Box, template: Patch, latest_s: float) -> float:
    """The first moment from which on the place shows the thing at rest.

    Args:
        pictures: Pictures of the bracket in order of time.
        anchor: The place.
        template: What it looks like with the thing in it.
        latest_s: Known to show the thing; the answer when no earlier picture does.
    """
    curve = _similarities(pictures, anchor, template)
    onset_s = latest_s
    at_rest = _at_rest(curve[-3:])
    for time_s, value in reversed(curve):
        if value < at_rest:
            break
        onset_s = min(onset_s, time_s)
    return onset_s


def stood_still(pictures: Iterable[Picture], anchor: Box, template: Patch) -> bool:
    """True when the place shows the thing in most of the pictures, not only in the looks: it did not just come by twice.

    Patrol glances every other second; in dense traffic one car may stand in a glance where another one did in the last.
    """
    curve = _similarities(pictures, anchor, template)
    return sum(value >= LOOKS_SAME for _, value in curve) >= STOOD_SHARE * len(curve)


def left_at(pictures: Iterable[Picture], anchor: Box, template: Patch, earliest_s: float) -> float:
    """The last moment at which the place still shows the thing; `earliest_s` is known to show it."""
    curve = _similarities(pictures, anchor, template)
    last_s = earliest_s
    at_rest = _at_rest(curve[:3])
    for time_s, value in curve:
        if value < at_rest:
            break
        last_s = max(last_s, time_s)
    return last_s


def _similarities(pictures: Iterable[Picture], anchor: Box, template: Patch) -> list[tuple[float, float]]:
    return [(time_s, similarity(template, patch_at(luma, anchor))) for time_s, luma in pictures]


def _at_rest(surely: list[tuple[float, float]]) -> float:
    """Similarity that counts as at rest, measured on pictures in which the thing surely is."""
    return SETTLED_SHARE * float(np.median([value for _, value in surely])) if surely else 0.0
