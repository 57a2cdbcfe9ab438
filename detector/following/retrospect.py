"""Look-back on one place: exactly when did what stands there come, exactly when did it go?

Patrol brackets the moment between two looks. Here the pictures between them are decoded and the place is compared with
how the thing looks. No detector runs: a place that already shows the thing has the thing in it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from detector.following.template import Patch, likeness, patch_at, shows, similarity
from detector.following.things import Thing
from detector.watching.looks import LookMemory
from detector.zoning.geometry import Box

SETTLED_SHARE = 0.93
"""A place shows a thing at rest from this share of its usual similarity on; one that rolls its last 2 % stays below it."""
SURE_PICTURES = 3
STEADY = 0.9
"""Usual similarity of a thing before a camera that stands firm; below it the camera sways, and shifts are forgiven."""
BACKWARD_PATIENCE_S = 1.5
"""So long must the looks differ before the thing was not there: one may have had a passer-by in it."""

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
    differs_since_s = 0.0
    for look in memory.backwards(thing.first_s):
        if shows(thing.template, look.luma, thing.anchor):
            with_s, without_s = look.time_s, None
            continue
        if without_s is None:
            without_s = differs_since_s = look.time_s
        if differs_since_s - look.time_s >= BACKWARD_PATIENCE_S:
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
    return min([latest_s, *_at_rest([*pictures][::-1], anchor, template)])


def left_at(pictures: Iterable[Picture], anchor: Box, template: Patch, earliest_s: float) -> float:
    """The last moment at which the place still shows the thing at rest; `earliest_s` is known to show it."""
    return max([earliest_s, *_at_rest([*pictures], anchor, template)])


def shown_share(pictures: Iterable[Picture], anchor: Box, template: Patch) -> float:
    """Share of the pictures, 0 to 1, in which the place shows the thing.

    Patrol glances every other second; in dense traffic one car may stand in a glance where another one did in the last.
    Most of the pictures in between show what really stands there.
    """
    shown = [shows(template, luma, anchor) for _, luma in pictures]
    return sum(shown) / len(shown) if shown else 0.0


def _at_rest(pictures: Sequence[Picture], anchor: Box, template: Patch) -> list[float]:
    """Times of the pictures, from the one that surely shows the thing on, up to the first one that shows it moved."""
    curve = [(time_s, similarity(template, patch_at(luma, anchor))) for time_s, luma in pictures]
    usual = float(np.median([value for _, value in curve[:SURE_PICTURES]])) if curve else 0.0
    if usual < STEADY:
        curve = [(time_s, likeness(template, luma, anchor)) for time_s, luma in pictures]
        usual = float(np.median([value for _, value in curve[:SURE_PICTURES]])) if curve else 0.0
    return [time_s for time_s, _ in takewhile(lambda point: point[1] >= SETTLED_SHARE * usual, curve)]
