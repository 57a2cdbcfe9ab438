"""The rule that a user would write on top of a tracker: a track whose ground contact stays in a zone for the dwell. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import shapely

from detector.zoning.geometry import Box
from detector.zoning.zones import Zone
from evaluation.metrics.matching import Prediction

FORGOTTEN_S: Final = 30.0
"""A track that has not been seen for so long has ended: trackers give up after some seconds and use no id twice."""


@dataclass(frozen=True)
class Sighting:
    """A tracked vehicle in one picture.

    Attributes:
        track: the tracker's id.
        box: xyxy in fractions of the frame.
        score: 0 to 1.
    """

    track: int
    box: Box
    score: float


@dataclass(slots=True)
class _Stay:
    since_s: float
    last_s: float
    raised: bool = False


class DwellRule:
    """Raises an alarm for each track and zone, once a stay.

    Args:
        zones: where nothing may stand.
        incident_type: what an alarm is called.
    """

    def __init__(self, zones: Sequence[Zone], incident_type: str) -> None:
        self.alarms: list[Prediction] = []
        self._type = incident_type
        self._zones = [(zone, shapely.Polygon(zone.polygon)) for zone in zones]
        self._stays: dict[tuple[int, str], _Stay] = {}

    @property
    def stays(self) -> int:
        """Tracks that are in a zone now, or were a moment ago."""
        return len(self._stays)

    def look(self, time_s: float, sightings: Iterable[Sighting]) -> None:
        """Takes what was tracked in the picture of media time `time_s`. Pictures come in order of time."""
        for sighting in sightings:
            contact = shapely.Point(sighting.box.ground_contact)
            for zone, polygon in self._zones:
                key = (sighting.track, zone.id)
                if polygon.covers(contact):
                    self._stay(key, zone, sighting, time_s)
                else:
                    self._stays.pop(key, None)
        self._stays = {key: stay for key, stay in self._stays.items() if time_s - stay.last_s <= FORGOTTEN_S}

    def _stay(self, key: tuple[int, str], zone: Zone, sighting: Sighting, time_s: float) -> None:
        stay = self._stays.setdefault(key, _Stay(time_s, time_s))
        stay.last_s = time_s
        if not stay.raised and time_s - stay.since_s >= zone.dwell_s:
            stay.raised = True
            name = f"{zone.id}-{sighting.track}-{stay.since_s:.2f}"
            self.alarms.append(
                Prediction(name, self._type, zone.id, stay.since_s, time_s, sighting.box, min(1.0, sighting.score))
            )
