"""A camera whose zones are watched with several dwells at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from detector.zoning.cameras_file import Camera

DWELL_MARK: Final = "@"
"""Between the id of a zone and a dwell. No id that a person writes has it."""


def zone_id(zone: str, dwell_s: float) -> str:
    """The id of a zone as it is watched with another dwell.

    Examples:
        >>> zone_id("kerb", 30.0)
        'kerb@30.0'
    """
    return f"{zone}{DWELL_MARK}{float(dwell_s)}"


def with_dwells(camera: Camera, dwells_s: tuple[float, ...]) -> Camera:
    """The camera with each zone once for each dwell; as it is where no dwell is given."""
    if not dwells_s:
        return camera
    zones = tuple(
        replace(zone, id=zone_id(zone.id, dwell_s), dwell_s=dwell_s) for zone in camera.zones for dwell_s in dwells_s
    )
    return replace(camera, zones=zones)
