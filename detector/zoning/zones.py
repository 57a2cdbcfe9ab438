"""Zones: where, when and of what a rule applies."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from itertools import combinations

import shapely

from detector.delivery.callout import CallOut
from detector.zoning.calendars import Calendar
from detector.zoning.geometry import Box


class ZoneKind(StrEnum):
    """What must not happen in a zone."""

    NO_PARKING = "no_parking"
    FIRE_LANE = "fire_lane"
    NO_TWO_WHEELERS = "no_two_wheelers"
    NO_VENDING = "no_vending"
    FRONTAGE = "frontage"
    NO_DUMPING = "no_dumping"


DEFAULT_DWELL_S: dict[ZoneKind, float] = {
    ZoneKind.NO_PARKING: 60.0,  # i-LIDS parked vehicle: an alarm after 60 s in the zone
    ZoneKind.FIRE_LANE: 30.0,  # a blocked fire lane can't wait
    ZoneKind.NO_TWO_WHEELERS: 60.0,  # as for cars: a rider who delivers something is gone by then
    ZoneKind.NO_VENDING: 60.0,
    ZoneKind.FRONTAGE: 120.0,
    ZoneKind.NO_DUMPING: 30.0,
}
DEFAULT_COOLDOWN_S = 60.0
"""After an incident has ended: a vehicle that shunts, or drives once round the block, is no second one."""
WIDTH_MIN = 0.005
"""Of a zone, at its widest, in fractions of the frame: 5 px of 1080 lines. A wheel of the smallest vehicle that a detector
finds covers about that much, and the lower edge of a box is known no better."""
WHEEL_M = 0.15
"""Where the ground is known in metres: a car's tyre is 0.155 to 0.255 m wide."""
OVERLAP_MIN = 0.02
"""Two zones overlap when they share more than this part of the smaller one; less is an edge drawn by hand."""


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """How large a thing must be to be judged, in metres: the larger of its width and its height."""

    min_m: float = 0.0
    max_m: float = float("inf")

    def admit(self, size_m: float | None) -> bool:
        """True for a size within the limits; a size that can't be told excludes nothing."""
        return size_m is None or self.min_m <= size_m <= self.max_m


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
    exempt: frozenset[str] = frozenset()
    """Detector classes that are never judged: a bus at its stop."""
    calendar: Calendar | None = None
    """When the rule applies; None: always."""
    size_m: SizeLimits | None = None
    """None where the ground's measures are not known, too."""
    cooldown_s: float = DEFAULT_COOLDOWN_S
    """After an incident's end, the same thing in the same place is no new incident for this long."""
    callout: CallOut | None = None
    """Who is asked to speak when an incident is confirmed."""
    permitted: str | None = None
    """What is permitted here, in words for the reviewer: `loading, 20 minutes`."""
    event_names: tuple[tuple[str, str], ...] = ()
    """Names of the event code: language, name."""

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

    def judges(self, class_name: str) -> bool:
        """True when the rule looks at things of a class."""
        return class_name not in self.exempt and (self.classes is None or class_name in self.classes)

    def may_double(self, other: "Zone") -> float:
        """Part of the smaller of two zones in which one thing can break both rules alike at one time; 0 where none can."""
        if self.kind is not other.kind:
            return 0.0
        if self.classes is not None and other.classes is not None and not self.classes & other.classes:
            return 0.0
        if self.calendar is not None and other.calendar is not None and not self.calendar.may_meet(other.calendar):
            return 0.0
        return _shared(self.polygon, other.polygon)


def widest(polygon: Sequence[tuple[float, float]]) -> float:
    """Diameter of the largest circle that fits into a polygon, in its own measure.

    >>> round(widest([(0, 0), (0.8, 0), (0.8, 0.1), (0, 0.1)]), 2)
    0.1
    """
    return 2 * float(shapely.maximum_inscribed_circle(shapely.Polygon(polygon)).length)


def _shared(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> float:
    first, second = shapely.Polygon(one), shapely.Polygon(other)
    return float(first.intersection(second).area / min(first.area, second.area))


def overlaps(zones: Sequence[Zone]) -> list[tuple[Zone, Zone, float]]:
    """Pairs of zones that report one thing twice, and the part of the smaller one that both cover."""
    pairs = ((one, other, one.may_double(other)) for one, other in combinations(zones, 2))
    return [(one, other, share) for one, other, share in pairs if share > OVERLAP_MIN]


def overlap_warnings(zones: Sequence[Zone]) -> list[str]:
    """`overlaps` in words, one line each. Both zones work all the same."""
    return [
        f"zones {one.id} and {other.id}: both are {one.kind} and share {share:.0%} of the smaller one: "
        "what stands there is reported twice"
        for one, other, share in overlaps(zones)
    ]
