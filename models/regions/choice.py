"""Whole picture or zones: decided by geometry, with thresholds that were measured (`streetwarden bench regions`).

Geometry knows how much larger zones would be seen, but not how large the things in them are. Where they are large already, a
small zone cuts them, and zones find less: `auto` is for cameras that look far.
"""

from models.letterbox import Letterbox
from models.regions.packing import RegionPlan

GAIN_MIN = 1.5
"""In scale. From there on the far ends of a public square gained (14 of 31 things became 27); below, zones drawn by chance
found 351 of 400 things and whole pictures 356."""
COST_MAX = 0.75
"""Of the whole picture's input, in area: what needs more takes 0.95 to 1.01 of its time, and is most of the picture."""


def zones_pay(plan: RegionPlan, whole: Letterbox) -> bool:
    """Whether a camera is better looked at by its zones.

    Args:
        plan: of its zones.
        whole: how its whole picture would be fed.
    """
    cost = plan.area_px / (whole.padded[0] * whole.padded[1])
    return bool(plan.tiles) and not plan.unplaced and plan.gain >= GAIN_MIN and cost <= COST_MAX
