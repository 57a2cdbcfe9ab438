"""Attention: does this picture need the detector, or does everything that matters look as it did when it was last asked?

The change gate knows pictures; here is what it can't know: the things in the zones. A look without the detector may go on with
what is known, but never decides anything: as long as something is undecided, every picture is analysed.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import shapely
from numpy.typing import NDArray

from detector.following.template import LOOKS_SAME, likeness
from detector.following.things import ANCHOR_BOXES, Presence, Thing
from detector.zoning.zones import Zone
from streams.gate import RECHECK_S, ChangeGate

RECHECK_SHARE = 1 / 3
"""Of the shortest dwell: an arrival that the gate missed has then still the time to settle and to be proven."""
UNSETTLED_PATIENCE_S = 30.0
"""What the detector has not seen again for so long was a slip of it: it is left to the re-checks."""


LEARN_S = 6.0
"""Where the ground is compared, every picture is analysed for so long, however quiet: it must be known before a thing comes."""


class Need(StrEnum):
    """Why a picture is analysed."""

    RECHECK = "recheck"
    UNDECIDED = "undecided"
    CHANGED = "changed"


class Attention:
    """Decides for one camera which pictures are analysed. Pure: pictures and times come in.

    Args:
        zones: Those that a rule watches.
        learn_s: So long from the first picture on, all are analysed.
    """

    def __init__(self, zones: Sequence[Zone], learn_s: float = 0.0) -> None:
        self._learn_s = learn_s
        self._first_s: float | None = None
        recheck_s = min([RECHECK_S, *(zone.dwell_s * RECHECK_SHARE for zone in zones)])
        self._gate = ChangeGate([zone.polygon for zone in zones], recheck_s)
        self._ground = shapely.union_all([shapely.Polygon(zone.polygon) for zone in zones])
        shapely.prepare(self._ground)

    def need(
        self, time_s: float, luma: NDArray[np.uint8], things: Sequence[Thing], awaited: Sequence[Thing]
    ) -> Need | None:
        """Why the detector must see this picture; None if it may be carried over.

        Args:
            time_s: Media time of the picture.
            luma: `(height, width)` uint8, the picture as templates are cut from it.
            things: All that is known to stand before this camera.
            awaited: Those among them that a decision hangs on.
        """
        self._first_s = time_s if self._first_s is None else self._first_s
        if self._gate.due(time_s):
            return Need.RECHECK
        if time_s - self._first_s < self._learn_s:
            return Need.UNDECIDED
        near = [thing for thing in things if self.concerns(thing)]
        if awaited or any(_undecided(thing, time_s) for thing in near):
            return Need.UNDECIDED
        settled = (thing for thing in near if thing.settled)
        if self._gate.changed(luma) or any(likeness(it.template, luma, it.anchor) < LOOKS_SAME for it in settled):
            return Need.CHANGED
        return None

    def analysed(self, time_s: float, luma: NDArray[np.uint8]) -> None:
        """The detector has seen this picture: what comes is compared with it."""
        self._gate.analysed(time_s, luma)

    def concerns(self, thing: Thing) -> bool:
        """True when a thing reaches into a zone: also from outside, as its place is not known to the pixel yet."""
        return bool(self._ground.intersects(shapely.box(*thing.anchor)))


def _undecided(thing: Thing, time_s: float) -> bool:
    """True while another sighting may change what is held of a thing: that it stands, where, what it is, that it left."""
    if not thing.settled:
        return time_s - thing.learned_s < UNSETTLED_PATIENCE_S
    return thing.presence not in (Presence.SEEN, Presence.HELD) or len(thing.boxes) < ANCHOR_BOXES
