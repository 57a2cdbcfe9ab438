"""Riders: a bicycle with somebody on it waits, drives or is about to; only one that was left there is parked."""

from detector.watching.looks import Look, Sighting
from detector.zoning.geometry import Box, overlap

ON_IT = 0.3
"""Share of the two-wheeler that a rider covers at least: from the side, legs and seat; from the front, nearly all."""
MIDDLE = 0.6
"""A rider sits over this middle part of it. Who walks it or locks it stands beside it, or at one end."""
FEET = 0.35
"""Feet are on pedals or on the ground beside them: this part of its height above or below where it stands, at most."""


def unridden(look: Look) -> list[Sighting]:
    """The two-wheelers of a look that nobody sits on. Somebody who passes in front for a look does no harm: it is held."""
    people = look.of("person")
    return [it for it in look.of("two_wheeler") if not any(_rides(person.box, it.box) for person in people)]


def _rides(person: Box, cycle: Box) -> bool:
    wide, high = cycle.right - cycle.left, cycle.bottom - cycle.top
    return (
        overlap(person, cycle) >= ON_IT * cycle.area
        and abs(person.center[0] - cycle.center[0]) <= MIDDLE / 2 * wide
        and person.top < cycle.top
        and abs(person.bottom - cycle.bottom) <= FEET * high
    )
