"""What sort of vehicle it is, as far as the detector can know."""

from collections.abc import Mapping
from typing import Final

KINDS: Final = ("car", "bus", "truck")
"""COCO's classes of motor vehicles with a body. It knows no van: a panel van is called car or truck, as it happens."""
SHARE_MIN: Final = 2 / 3
"""A van or a pick-up is called car and truck in turn; nothing is said unless one clearly prevails."""


def kind_of(sightings: Mapping[str, int]) -> str | None:
    """The kind that most sightings of one vehicle agree on.

    Args:
        sightings: class name of the detector to how often it was said.

    Returns:
        One of `KINDS`, or None where they disagree or say something else.

    Examples:
        >>> kind_of({"truck": 7, "car": 2})  # 7 of 9 is more than two thirds
        'truck'
        >>> kind_of({"truck": 3, "car": 2}), kind_of({"cell phone": 4}), kind_of({})
        (None, None, None)
    """
    if not sightings:
        return None
    best = max(sightings, key=lambda name: sightings[name])
    return best if best in KINDS and sightings[best] >= SHARE_MIN * sum(sightings.values()) else None
