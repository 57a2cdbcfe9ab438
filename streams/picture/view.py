"""The view as it was learned: one reference for each light that it is seen in, kept for years and over restarts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from streams.picture.structure import MIDDLE_PX, Place, Plane, Structure, locate, shifted

LIGHTS_MAX = 3
"""Day, night under lamps, infrared; the one that was matched longest ago makes room for a fourth."""
LEARN_S = 30.0
"""A reference serves after this long, and this many looks: what drives by is then in a few of them."""
LEARN_LOOKS = 15
NEW_LIGHT_S = 300.0
"""A light must last this long, with the view in its place, to get a reference of its own: headlights and lightning don't."""
FOLLOW_S = 1800.0
"""Time constant with which edges follow the day: shadows wander and cars park; a lorry at the lights leaves no trace."""
AGE_S = 7 * 86400.0
"""Time constant of the sharpness that is expected: dirt builds up over weeks and must not become what is normal."""
STEP_S = 5.0
"""Looks further apart count as this far apart: after an hour away, one look must not outweigh what was learned."""
EDGE = 0.4
"""Length of the mean vector from which a place holds an edge: about that part of the looks agree on its direction."""
FOUND = 0.3
"""A reference edge is found where the picture has at least this much of an edge along it (0 to 1)."""
PLAIN = 0.15
"""Share of the view with edges under which it can't be judged by. Measured: asphalt from above 0.04, a square where only people
are to see 0.06 to 0.15, a road with markings from above 0.21, streets 0.36 to 0.72."""
GOOD = 0.6
"""Share of edges found that makes a good match. Measured: 0.79 and more as it is, 0.57 with a lorry on a third of it."""
RENEW_LOOKS = 30
"""What is derived from the mean is renewed this often: the mean moves slowly."""
VERSION = 1

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Middle:
    """The part of a look that lies over the reference."""

    edges: Plane = field(repr=False)
    """`(72, 128, 2)` float32, of `Structure.edges`."""
    crispness: Plane = field(repr=False)
    """`(72, 128)` float32, of `Structure.crispness`."""

    @classmethod
    def of(cls, seen: Structure, shift_px: tuple[float, float] = (0.0, 0.0)) -> Self:
        """Takes the shift out of a look."""
        return cls(shifted(seen.edges, shift_px), shifted(seen.crispness, shift_px))


@dataclass(eq=False)
class Light:
    """The view in one light. Means over its looks."""

    edges: Plane = field(repr=False)
    """`(72, 128, 2)` float32: mean edge vectors (`Structure.edges`) in the middle of the view."""
    crispness: Plane = field(repr=False)
    """`(72, 128)` float32: mean of `Structure.crispness` in the middle of the view."""
    thumb: Plane = field(repr=False)
    """`(9, 16)` float32: mean of `Structure.thumb`."""
    brightness: float
    amount: float
    looks: int = 1
    learned_s: float = 0.0
    """Seconds of media time spent learning it."""
    _derived: tuple[Plane, int] | None = field(default=None, repr=False)

    @classmethod
    def begun(cls, seen: Structure, middle: Middle) -> Self:
        """A reference that begins with one look."""
        return cls(middle.edges.copy(), middle.crispness.copy(), seen.thumb.copy(), seen.brightness, seen.amount)

    def learn(self, seen: Structure, middle: Middle, passed_s: float) -> None:
        """Takes a look into the means: all looks alike at first, later ones slowly replacing what was.

        Args:
            seen: The look.
            middle: Its middle, with the shift taken out, so that the reference itself never wanders.
            passed_s: Seconds of media time since the look before.
        """
        step_s = min(passed_s, STEP_S)
        self.looks += 1
        self.learned_s += step_s
        share = max(1 / self.looks, step_s / FOLLOW_S)
        self.edges += share * (middle.edges - self.edges)
        self.thumb += share * (seen.thumb - self.thumb)
        self.brightness += share * (seen.brightness - self.brightness)
        self.amount += share * (seen.amount - self.amount)
        slow = max(1 / self.looks, step_s / AGE_S)
        self.crispness += slow * (middle.crispness - self.crispness)
        if self.looks % RENEW_LOOKS == 0:
            self._derived = None

    @property
    def axes(self) -> Plane:
        """`(72, 128, 2)` float32: unit vectors along the reference's edges, 0 elsewhere."""
        return self._derive()[0]

    @property
    def edge_count(self) -> int:
        """How many places hold an edge."""
        return self._derive()[1]

    @property
    def plain(self) -> bool:
        """True when there is too little in the view to judge by."""
        return self.edge_count < PLAIN * MIDDLE_PX[0] * MIDDLE_PX[1]

    def _derive(self) -> tuple[Plane, int]:
        if self._derived is None:
            length = np.hypot(self.edges[..., 0], self.edges[..., 1])[..., None]
            axes = np.where(length >= EDGE, self.edges / np.maximum(length, EDGE), 0).astype(np.float32)
            self._derived = axes, int(np.count_nonzero(length >= EDGE))
        return self._derived

    def alike(self, seen: Structure) -> float:
        """Correlation of the large patches of light and dark, -1 to 1: blur leaves it high."""
        norm = float(np.linalg.norm(self.thumb) * np.linalg.norm(seen.thumb))
        return float(np.vdot(self.thumb, seen.thumb)) / norm if norm > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Match:
    """How a look compares with the view."""

    light: Light
    """The reference that fits best."""
    place: Place
    middle: Middle
    found: float
    """Share of the reference's edges found, 0 to 1, once the shift is taken out."""
    sharpness: float
    """Crispness of the edges that were found, in parts of what is expected of the same edges."""

    @property
    def good(self) -> bool:
        """True when most of the view is there to be seen."""
        return self.found >= GOOD


class View:
    """Learns what a camera sees, and finds it again. Pure: measured pictures and times come in."""

    def __init__(self, arrays: Arrays | None = None) -> None:
        """Begins with nothing, or with what `export` gave.

        Raises:
            ValueError: The arrays are not those of an exported view.
        """
        self._lights: list[Light] = [] if arrays is None else _lights(arrays)
        """The one that was matched last comes first."""
        self._new: Light | None = None

    @property
    def ready(self) -> bool:
        """True once there is a reference to compare with."""
        return bool(self._lights)

    def begin(self, seen: Structure, passed_s: float) -> None:
        """Takes one of the first looks, while there is no reference yet."""
        if self._new is None:
            self._new = Light.begun(seen, Middle.of(seen))
            return
        self._new.learn(seen, Middle.of(seen), passed_s)
        if self._new.learned_s >= LEARN_S and self._new.looks >= LEARN_LOOKS:
            self._lights, self._new = [self._new], None

    def match(self, seen: Structure) -> Match:
        """Compares a look with the reference of the light that was last, and with the others where that fits badly."""
        best = _match(self._lights[0], seen)
        if not best.good:
            for light in self._lights[1:]:
                best = max(best, _match(light, seen), key=lambda match: match.found)
        if best.good:
            self._lights.remove(best.light)
            self._lights.insert(0, best.light)
        return best

    def learn(self, seen: Structure, match: Match, passed_s: float) -> None:
        """Follows the day. A healthy look that fits no reference well is of a new light, which gets its own if it lasts.

        Args:
            seen: The look.
            match: Where it was found.
            passed_s: Seconds of media time since the look before.
        """
        if match.good:
            self._new = None
            match.light.learn(seen, match.middle, passed_s)
        elif self._new is None:
            self._new = Light.begun(seen, match.middle)
        else:
            self._new.learn(seen, match.middle, passed_s)
            if self._new.learned_s >= NEW_LIGHT_S and self._new.looks >= LEARN_LOOKS:
                self._lights, self._new = [self._new, *self._lights][:LIGHTS_MAX], None

    def export(self) -> dict[str, NDArray[Any]]:
        """What a restart needs, for `numpy.savez_compressed`: about 50 kB for each light."""
        lights = self._lights
        return {
            "version": np.array(VERSION),
            "edges": np.array([np.round(light.edges * 127) for light in lights], np.int8).reshape(-1, *_EDGES),
            "crispness": np.array([light.crispness for light in lights], np.float16).reshape(-1, *_CRISPNESS),
            "thumbs": np.array([light.thumb for light in lights], np.float32).reshape(-1, *_THUMB),
            "levels": np.array(
                [(light.brightness, light.amount, light.looks, light.learned_s) for light in lights], np.float64
            ).reshape(-1, _LEVELS),
        }


_CRISPNESS = MIDDLE_PX[::-1]
_EDGES = (*_CRISPNESS, 2)
_THUMB = (9, 16)
_LEVELS = 4
_SHAPES = {"edges": _EDGES, "crispness": _CRISPNESS, "thumbs": _THUMB, "levels": (_LEVELS,)}


def _lights(arrays: Arrays) -> list[Light]:
    for name in ("version", *_SHAPES):
        if name not in arrays:
            raise ValueError(f"no array {name!r} in this view: it has {sorted(arrays)}")
    if arrays["version"] != VERSION:
        raise ValueError(f"a view of version {arrays['version']}: version {VERSION} is read")
    for name, shape in _SHAPES.items():
        if arrays[name].shape != (len(arrays["edges"]), *shape):
            raise ValueError(
                f"array {name!r} of this view has shape {arrays[name].shape}: for each light it is {shape}"
            )
    return [
        Light(
            edges=(edges / np.float32(127)).astype(np.float32),
            crispness=crispness.astype(np.float32),
            thumb=thumb.astype(np.float32),
            brightness=float(levels[0]),
            amount=float(levels[1]),
            looks=int(levels[2]),
            learned_s=float(levels[3]),
        )
        for edges, crispness, thumb, levels in zip(*(arrays[name] for name in _SHAPES), strict=True)
    ]


def _match(light: Light, seen: Structure) -> Match:
    place = locate(seen.edges, light.edges)
    middle, axes = Middle.of(seen, place.shift_px), light.axes
    along = axes[..., 0] * middle.edges[..., 0] + axes[..., 1] * middle.edges[..., 1]
    hits = along > FOUND
    expected, crisp = float(light.crispness[hits].sum()), float(middle.crispness[hits].sum())
    return Match(
        light=light,
        place=place,
        middle=middle,
        found=float(np.count_nonzero(hits)) / max(1, light.edge_count),
        sharpness=crisp / expected if expected > 0 else 1.0,
    )
