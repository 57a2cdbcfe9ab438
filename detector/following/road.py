"""The road: what is remembered of the vehicles that moved before one camera, and what it says of those that stand.

Where vehicles drive is a lane. Where one after the other stops and soon drives on is the line before a light: who stands
there is likely to wait as well, also when no other vehicle is in sight. Pure: boxes and times come in.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from detector.following.flow import Flow
from detector.following.traffic import Standing, traffic_around
from detector.rules.signs import Traffic
from detector.zoning.geometry import Box

WAITED_S = 90.0
"""Who stood no longer than this may have waited at a light: the place is a lane, as any in which vehicles drive."""
DRIVES_OFF_S = 10.0
"""A vehicle that drove off still belongs to its file for so long: those behind it follow one by one, two seconds apart."""
STOPS_S = 900.0
"""A light comes round every minute or two: what nobody has done for a quarter of an hour is no habit of the place."""
NOTED_EVERY_S = 1.4
"""Passing vehicles are noted as often as patrol looks, at most: at a full rate, each would be seen on every spot of its way."""
STOPS_MAX = 200
"""So many are remembered: 13 a minute."""


class Departure(NamedTuple):
    """A vehicle that has driven off."""

    vehicle: Standing
    left_s: float


class Road:
    """Remembers where vehicles drove and stopped."""

    def __init__(self) -> None:
        self._flow = Flow()
        self._noted_s = -math.inf
        self._driven_off: list[Departure] = []
        self._stops: deque[Departure] = deque(maxlen=STOPS_MAX)

    def moved(self, now_s: float, left: Sequence[Departure], passed: Iterable[Box]) -> None:
        """Takes in what has moved.

        Args:
            now_s: Media time of the look.
            left: Vehicles that stood, and have driven off.
            passed: Boxes of vehicles that did not stay.
        """
        self._driven_off = [it for it in self._driven_off if now_s - it.left_s < DRIVES_OFF_S]
        self._driven_off += left
        while self._stops and now_s - self._stops[0].left_s > STOPS_S:
            self._stops.popleft()
        if now_s - self._noted_s >= NOTED_EVERY_S:
            self._noted_s = now_s
            for box in passed:
                self._flow.note(box)
        for it in left:
            if it.vehicle.since_s is None or it.left_s - it.vehicle.since_s >= WAITED_S:
                continue
            self._flow.note(it.vehicle.box)
            self._stops.append(it)

    def around(self, vehicles: Sequence[Standing]) -> list[Traffic]:
        """How the vehicles around each of these stand, and what others did on the spot before."""
        stops = [it.vehicle.box for it in self._stops]
        return traffic_around([*vehicles, *(it.vehicle for it in self._driven_off)], self._flow, stops)[: len(vehicles)]

    def shift(self, dx: float, dy: float) -> None:
        """The camera was nudged: everything lies elsewhere in the picture, to the right and down."""
        self._flow.shift(dx, dy)
        self._driven_off = [it._replace(vehicle=it.vehicle.shifted(dx, dy)) for it in self._driven_off]
        self._stops = deque((it._replace(vehicle=it.vehicle.shifted(dx, dy)) for it in self._stops), STOPS_MAX)
