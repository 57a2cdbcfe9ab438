"""Zones: where a rule applies."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

import shapely

from detector.geometry import Box


class ZoneKind(StrEnum):
    """What must not happen in a zone."""

    NO_PARKING = "no_parking"
    FIRE_LANE = "fire_lane"
    NO_VENDING = "no_vending"
    FRONTAGE = "frontage"
    NO_DUMPING = "no_dumping"


DEFAULT_DWELL_S: dict[ZoneKind, float] = {
    ZoneKind.NO_PARKING: 60.0,  # i-LIDS parked vehicle: an alarm after 60 s in the zone
    ZoneKind.FIRE_LANE: 30.0,  # a blocked fire lane can't wait
    ZoneKind.NO_VENDING: 60.0,
    ZoneKind.FRONTAGE: 120.0,
    ZoneKind.NO_DUMPING: 30.0,
}


@dataclass(frozen=True)
class Zone:
    """A polygon on the ground, in fractions of the frame."""

    id: str
    kind: ZoneKind
    polygon: tuple[tuple[float, float], ...]
    """At least 3 corners, x then y, 0 to 1."""
    dwell_s: float
    classes: frozenset[str] | None = field(default=None)
    """Detector classes that the rule looks at; None: all that the rule's role has."""
    event_code: str | None = None
    grid_code: str | None = None

    @cached_property
    def _shape(self) -> shapely.Polygon:
        shape = shapely.Polygon(self.polygon)
        shapely.prepare(shape)
        return shape

    def shifted(self, dx: float, dy: float) -> "Zone":
        """The zone in a view that was moved to the right and down."""
        return replace(self, polygon=tuple((x + dx, y + dy) for x, y in self.polygon))

    def holds(self, box: Box) -> bool:
        """True when the thing in the box stands in the zone: its ground contact lies in it or on its edge."""
        return bool(self._shape.covers(shapely.Point(box.ground_contact)))
