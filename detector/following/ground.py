"""The ground of some zones: what it looks like without anything on it, and what has changed there and stayed.

Two layers. The *reference* is the long-term one: learned in the first seconds, then following the light slowly, never while
somebody stands there or a change is pending. The *candidate* is the short-term one: what shows instead where something has
changed, and for how long it has, as far as it was in view.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.following.cells import CELL_PX, Cells, Corners, Mask, Plane, Reach, both, reach_of, without
from detector.zoning.geometry import Box

CHANGED = np.uint8(7)
"""Steps of 1.1 % from which a cell has changed: a cloud's edge passes slower than the reference follows ..."""
NOISES = 4.5
"""... and so many times its own mean noise: rain, foliage and a swaying pole make cells noisy. Of normal noise three cells in
ten thousand differ by as much, and those are no neighbours."""
SAME = np.uint8(9)
"""Two looks at what has changed agree up to this."""
NOISY_MAX = np.uint8(22)
"""Where nothing ever keeps still, a change by a fifth is one all the same."""
NOISE_START = 1.5
"""Mean noise by day, in steps; learned anew for each cell."""
NOISE_SHARE = 0.15
"""Share of the newest look in a cell's noise."""
FLICKER = 0.1
"""Part of a change that counts as noise when it did not stay; after ten quiet looks four fifths of it are forgotten."""
FOLLOW_S = 15.0
"""The reference follows unchanged ground with this time constant: dusk, and the sun's way, take minutes."""
LOOK_EVERY_S = 1.4
"""Looks closer together than this tell nothing new: patrol looks every 1.5 to 2 s, and who walks has gone on by then."""
GAP_MAX_S = 12.0
"""A longer time without looks is not counted: nobody knows what happened meanwhile."""
FADES = 2.0
"""A change that no longer shows is forgotten this many times as fast as it was believed: a passer-by does not undo it."""
DOUBTED_S = 1.6
"""What a change is worth that somebody's presence explains."""
HELD_MAX_S = 20.0
"""No change is believed more than this."""
FULL, TENTHS, LOOKS_MAX = 255, 10, 200
TRUST_S = 1.8
"""The reference is the ground where it has been in view for two looks of patrol; what showed in one may have been a passer-by,
and what stays after it is the ground."""
GAIN_MIN = 0.2
"""A change of exposure that is smaller, 0.2 %, is left to the reference's following."""
MOST = 0.4
"""Share of the ground that changes at once only when the light or the view does."""
RELEARN_S = 3.5
"""If most of the ground has looked different for this long, it is learned anew."""
LIGHT_CELLS = 25
"""A light on the ground is smooth over so many cells; what is larger may have something lying in it."""

_SQUARE = np.ones((3, 3), np.uint8)


@dataclass(eq=False)
class Layers:
    """What is known of each cell; arrays of `(rows, columns)`."""

    reference: Plane
    known: Mask
    shown: NDArray[np.uint8]
    """How long the reference has been in view, in tenths of a second; 255 at most."""
    noise: Plane
    candidate: Plane
    stayed_s: Plane
    """How long the candidate has been in view."""
    since_s: NDArray[np.float64]
    """Media time at which it began to show."""
    looks: NDArray[np.uint8]
    """Looks that showed it; 0 where nothing is pending."""
    claimed: Mask
    """Belongs to a thing: the candidate is the thing's look, and is neither forgotten nor learned as ground."""


def _where(holds: NDArray[np.bool_]) -> Mask:
    """A mask of the cells for which something holds."""
    return holds.view(np.uint8) * np.uint8(FULL)


def _whole_steps(plane: Plane, times: float = 1.0) -> NDArray[np.uint8]:
    """A plane in whole steps: comparing those costs a quarter."""
    return np.asarray(cv2.convertScaleAbs(plane, alpha=times), np.uint8)


def _unknown(shape: tuple[int, int]) -> Layers:
    def plane(value: float = 0.0) -> Plane:
        return np.full(shape, value, np.float32)

    def mask() -> Mask:
        return np.zeros(shape, np.uint8)

    return Layers(
        plane(), mask(), mask(), plane(NOISE_START), plane(), plane(), np.zeros(shape, np.float64), mask(), mask()
    )


class Ground:
    """Learns and compares the ground of one camera's zones. Pure: pictures and times come in.

    Args:
        zones: Polygons, in fractions of the frame.
    """

    def __init__(self, zones: Sequence[Corners]) -> None:
        self._zones = [list(zone) for zone in zones]
        self.learned_anew = 0
        """How often most of the ground changed at once and was learned again."""
        self.holding = False
        """True while most of it looks different: nothing is decided."""
        self._holding_since_s = 0.0
        self._looked_s: float | None = None
        self._begin((CELL_PX, CELL_PX))

    def _begin(self, shape: tuple[int, int]) -> None:
        """Another size of picture: everything is learned anew."""
        self.cells = Cells(self._zones, shape)
        self.layers = _unknown(self.cells.shape)
        self.now: Plane = self.layers.reference
        """The newest look."""
        self.changed: Mask = self.layers.known
        """Cells in view that look different from the reference."""
        self.covered: Mask = self.layers.known
        """Cells with somebody in front."""
        self.agrees: Mask = self.layers.known
        """Cells that look like the candidate."""

    def due(self, time_s: float) -> bool:
        """True when a picture at `time_s` of media time can tell something new."""
        return self._looked_s is None or not 0 <= time_s - self._looked_s < LOOK_EVERY_S

    def look(self, time_s: float, luma: NDArray[np.uint8], bodies: Sequence[Box]) -> None:
        """Takes a picture.

        Args:
            time_s: Media time.
            luma: `(height, width)` uint8, the whole frame.
            bodies: What moves by itself, in front of the ground, in fractions of the frame.
        """
        height, width = luma.shape
        if (height, width) != self.cells.picture:
            self._begin((height, width))
        passed_s = 0.0 if self._looked_s is None else min(max(0.0, time_s - self._looked_s), GAP_MAX_S)
        self._looked_s = time_s
        layers = self.layers
        self.now = self.cells.plane(luma)
        self.covered = self.cells.mask(bodies)
        free = without(self.cells.ground, self.covered)
        # What is not known yet shows what it shows, but only what is in view becomes known.
        cv2.copyTo(self.now, cv2.bitwise_not(layers.known), layers.reference)
        cv2.bitwise_or(layers.known, free, layers.known)
        unclaimed = without(free, layers.claimed)
        self._take_exposure_off(unclaimed)
        self._compare(free)
        self._hold(time_s, unclaimed)
        if not self.holding:
            self._believe(time_s, passed_s, unclaimed)
            self._follow(passed_s, free, unclaimed)

    def stayed(self, least_s: float) -> Mask:
        """Cells that have changed and stayed at least this long, and belong to no thing yet."""
        return without(_where(self.layers.stayed_s >= least_s), self.layers.claimed)

    def shown(self, reach: Reach) -> Plane:
        """What shows in some cells: where something is pending, that; else the newest look. A copy."""
        own = self._part(reach)
        return np.where((own.looks | own.claimed) > 0, own.candidate, reach.of(self.now))

    def claim(self, mask: Mask) -> None:
        """These cells belong to a thing from now on."""
        cells = mask > 0
        self.layers.candidate[cells] = self.shown(self._whole)[cells]
        cv2.bitwise_or(self.layers.claimed, mask, self.layers.claimed)

    def release(self, mask: Mask) -> None:
        """They no longer do; what shows there has to stay anew."""
        cells = mask > 0
        self.layers.claimed[cells] = 0
        self._forget(self.layers, cells)

    def doubt(self, mask: Mask) -> None:
        """Somebody stands in these cells: what shows there has to stay once he has gone."""
        cells = (mask > 0) & (self.layers.stayed_s > DOUBTED_S)
        self.layers.stayed_s[cells] = DOUBTED_S
        self.layers.looks[cells] = 1

    def absorb(self, mask: Mask) -> None:
        """What shows in these cells is the ground."""
        cells = (mask > 0) & (self.layers.claimed == 0)
        self.layers.reference[cells] = self.shown(self._whole)[cells]
        self._forget(self.layers, cells)

    def absorb_light(self, mask: Mask) -> None:
        """The ground in these cells is lit differently; what stands out against the new light is still to be explained."""
        part = reach_of(mask)
        if max(part.wide, part.high) <= LIGHT_CELLS:
            self.absorb(mask)
            return
        own = self._part(part)
        cells = (part.of(mask) > 0) & (own.claimed == 0)
        weight = cells.astype(np.float32)
        side = (LIGHT_CELLS, LIGHT_CELLS)
        shown = self.shown(part)
        change = cv2.blur((shown - own.reference) * weight, side)
        own.reference[cells] += (change / np.maximum(cv2.blur(weight, side), 1e-3))[cells]
        explained = cells & (np.abs(shown - own.reference) <= np.maximum(NOISES * own.noise, CHANGED))
        own.reference[explained] = shown[explained]
        self._forget(own, explained)

    def relearn(self) -> None:
        """What shows from the next look on is the ground."""
        self.layers = _unknown(self.cells.shape)
        self.holding = False

    def shift(self, dx: float, dy: float) -> None:
        """The camera was nudged: everything lies elsewhere in the picture, to the right and down, in fractions."""
        self._zones = [[(x + dx, y + dy) for x, y in zone] for zone in self._zones]
        layers, was = self.layers, self.cells
        self._begin(was.picture)
        height, width = was.picture
        right = dx * width / CELL_PX - (self.cells.extent.left - was.extent.left)
        down = dy * height / CELL_PX - (self.cells.extent.top - was.extent.top)
        move = np.array([[1, 0, right], [0, 1, down]], np.float32)
        rows, columns = self.cells.shape
        for field in fields(Layers):
            plane = getattr(layers, field.name)
            # What comes into view is not known.
            moved = cv2.warpAffine(plane, move, (columns, rows), flags=cv2.INTER_NEAREST)
            setattr(self.layers, field.name, np.asarray(moved, plane.dtype))

    def box(self, reach: Reach) -> Box:
        """The box of some cells, in fractions of the frame."""
        return self.cells.box(reach)

    @property
    def _whole(self) -> Reach:
        rows, columns = self.cells.shape
        return Reach(0, 0, columns, rows)

    def _part(self, part: Reach) -> Layers:
        """The layers of some cells: views."""
        return Layers(*(part.of(getattr(self.layers, field.name)) for field in fields(Layers)))

    @staticmethod
    def _forget(layers: Layers, cells: NDArray[np.bool_]) -> None:
        layers.stayed_s[cells] = 0
        layers.looks[cells] = 0

    def _take_exposure_off(self, unclaimed: Mask) -> None:
        """Brings what is known to the exposure of the newest look; by every sixth cell each way, as neighbours are alike."""
        layers = self.layers
        chosen = unclaimed[::6, ::6] > 0
        if chosen.any():
            gain = np.float32(np.median((self.now[::6, ::6] - layers.reference[::6, ::6])[chosen]))
            if abs(gain) >= GAIN_MIN:
                layers.reference += gain
                layers.candidate += gain

    def _compare(self, free: Mask) -> None:
        layers = self.layers
        now, reference, candidate = (_whole_steps(it) for it in (self.now, layers.reference, layers.candidate))
        noise = np.minimum(_whole_steps(layers.noise, NOISES), NOISY_MAX)
        # Within a cell's shake of the reference nothing has changed.
        low, high = cv2.erode(reference, _SQUARE), cv2.dilate(reference, _SQUARE)
        apart = cv2.max(cv2.subtract(now, high), cv2.subtract(low, now))
        self.changed = both(_where(apart > np.maximum(noise, CHANGED)), free)
        self.agrees = _where(cv2.absdiff(now, candidate) <= np.maximum(noise, SAME))

    def _hold(self, time_s: float, unclaimed: Mask) -> None:
        """Where most of the ground has changed at once, nothing is believed, until it is clear that it stays so."""
        changed = cv2.countNonZero(both(self.changed, unclaimed))
        if changed <= MOST * max(1, cv2.countNonZero(unclaimed)):
            self.holding = False
            return
        if not self.holding:
            self.holding, self._holding_since_s = True, time_s
        if time_s - self._holding_since_s < RELEARN_S:
            return
        self.holding = False
        self.learned_anew += 1
        cv2.copyTo(self.now, unclaimed, self.layers.reference)
        self.changed[unclaimed > 0] = 0
        self._forget(self.layers, unclaimed > 0)

    def _believe(self, time_s: float, passed_s: float, unclaimed: Mask) -> None:
        """Counts how long a change has stayed, and begins anew where something else shows."""
        changed = both(self.changed, unclaimed)
        # Only where something has begun, or begins: mostly a small part of the ground.
        part = reach_of(changed | np.minimum(self.layers.looks, unclaimed))
        if part.wide == 0:
            return
        own, now, changed, free = self._part(part), part.of(self.now), part.of(changed), part.of(unclaimed)
        agrees = both(both(part.of(self.agrees), changed), _where(own.looks > 0))
        fades = without(free, agrees)
        passed = (agrees * np.float32(1 / FULL) - fades * np.float32(FADES / FULL)) * np.float32(passed_s)
        np.clip(own.stayed_s + passed, 0, HELD_MAX_S, out=own.stayed_s)
        anew = both(fades, _where(own.stayed_s <= 0))
        over = both(anew, _where(own.looks > 0)) > 0
        if over.any():
            # Leaves that sway and streaks of rain come and go: a cell where that happened is trusted less for a while.
            own.noise[over] += FLICKER * np.abs(own.candidate[over] - own.reference[over])
        begins = both(anew, changed)
        cv2.copyTo(now, begins, own.candidate)
        np.putmask(own.since_s, begins > 0, time_s)
        own.looks[...] = np.minimum(without(own.looks, anew), LOOKS_MAX) + ((agrees | begins) & np.uint8(1))
        shown_s = own.shown * np.float32(1 / TENTHS)
        young = (agrees > 0) & (shown_s < TRUST_S) & (own.stayed_s > shown_s)
        if young.any():
            own.reference[young] = own.candidate[young]
            own.shown[young] = np.minimum(own.stayed_s[young] * TENTHS, FULL)
            part.of(self.changed)[young] = 0
            self._forget(own, young)

    def _follow(self, passed_s: float, free: Mask, unclaimed: Mask) -> None:
        """The reference follows the light where nothing has changed; a thing's look follows it where the thing shows."""
        layers = self.layers
        quiet = without(unclaimed, self.changed | _where(layers.looks > 0))
        layers.shown = np.asarray(cv2.add(layers.shown, quiet & np.uint8(passed_s * TENTHS)), np.uint8)
        share = 1 - float(np.exp(-passed_s / FOLLOW_S))
        cv2.accumulateWeighted(cv2.absdiff(self.now, layers.reference), layers.noise, NOISE_SHARE, quiet)
        cv2.accumulateWeighted(self.now, layers.reference, share, quiet)
        shown = both(both(layers.claimed, self.agrees), free)
        cv2.accumulateWeighted(self.now, layers.candidate, share, shown)
