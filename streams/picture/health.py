"""Whether a camera still shows its street: black, frozen, blurred, covered, moved. And by how much its view was nudged.

Every look is compared with the view as it was learned, by where edges run (`structure`, `view`), which day, dusk and headlights
hardly change. A fault is raised once it has lasted; what can't be judged, in the dark or where there is little to see, is
no fault and says so.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import dist
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.picture.lasting import Lasting
from streams.picture.structure import FIELD_PX, Parts, Structure, fine_of, inner, locate_parts, structure_of
from streams.picture.view import GOOD, Arrays, Match, View

BLACK = 40.0
"""Nothing in the picture is brighter: black is 16 in video range, a sensor at full gain adds some 10; lamps are over 100."""
DARK = 40.0
"""Mean luma under which lost structure says nothing. A street under lamps has 30 to 60."""
DAYLIGHT = 80.0
"""From here to `DARK` between two looks, or over a minute, night does not fall: then something is over the lens."""
DAYLIGHT_S = 60.0
UNCHANGED_SHARE = 0.03
"""Share of pixels that may differ in the same picture coded again. Measured: a dead sensor behind a live encoder of steady
quality under 0.001, the quietest real street 0.5, one at a fifth of the light, with little noise, 0.29."""
FROZEN_S = 60.0
"""Nothing moves, not even noise, for this long."""
BLURRED = 0.6
"""Part of the expected sharpness under which a picture is blurred. Measured, 320 pixels wide: defocus of 1.3 pixels leaves 0.44
to 0.6, of 0.6 pixels 0.68 and more; headlights in the dark 0.61 to 0.85; rain, fog, noise, coarse compression over 0.9."""
SHARP_AGAIN = 0.7
QUIET = 0.45
"""Part of the usual structure under which there is little to see: a hand over the lens leaves 0 to 0.4, another view 0.8."""
COVERED_FOUND = 0.35
"""Share of edges found under which most of the view is gone; a lorry on half of the picture leaves 0.45."""
BLUR_ALIKE = 0.7
"""With the edges gone, large patches of light and dark this much alike say that it is the lens, not something in front."""
MATCH_SCORE = 0.3
MATCH_DISTINCT = 0.06
"""A match scores this, and this much more than the next best place. Measured: real ones 0.5 and 0.11, none 0.27 and 0.03."""
DOUBT_FOUND = 0.75
"""With fewer edges found, the parts of the view are looked for one by one: it may have been turned."""
TURNED_PX = 2.0
"""Parts this far (1.2 % of the width) from where the shift says: a turn by 3 degrees or a zoom by 5 %; a zone at the edge is
then off by half a car. Measured: 0 behind lorries, in rain, under lamps; 1.4 for 2 degrees, 2.2 for 3."""
TURNED_PARTS = 3
MOVED_SHARE = 0.05
"""A shift of up to this part of the frame is handed on. Past it a zone at the edge may lose a car, and perspective tells."""
BACK_SHARE = 0.04
UNLIKE_LIGHT = 2.0
"""Twice as bright or half as bright as in any reference: a view that is not found may be a new light."""
SHIFT_LOOKS = 7
"""The shift handed on is the median of so many looks: a pole that sways cancels out, a nudge is followed after 4 looks."""
SHIFT_LOOKS_MIN = 3
SAME_PLACE_PX = 1.5
"""A faint match this close to where the view was last says that it is still there, behind shadows or something large."""
STEADY_PX = 2.0
"""A look that lies further than this from the shift handed on is not where zones think it is."""

SHIFT = "shift"
"""The array beside those of the view: what was followed on a nudged view lies there already, and is not shifted once more."""


class PictureFault(StrEnum):
    """What can be wrong with a picture."""

    BLACK = "black"
    FROZEN = "frozen"
    BLURRED = "blurred"
    COVERED = "covered"
    MOVED = "moved"


class Basis(StrEnum):
    """What a look is judged by. `BLACK` and `FROZEN` are judged in any case, the other faults only when it is `VIEW`."""

    VIEW = "view"
    LEARNING = "learning"
    DARK = "dark"
    PLAIN = "plain"  # too little structure in the view, as on a bare road seen from above
    UNSURE = "unsure"  # hardly found, but nothing says that the camera has moved: another light, or much in front


LASTS_S: dict[PictureFault, float] = {
    PictureFault.BLACK: 10.0,  # no street does it
    PictureFault.FROZEN: 0.0,  # has waited for `FROZEN_S` already
    PictureFault.BLURRED: 60.0,  # a wet lens dries, autofocus hunts
    PictureFault.COVERED: 20.0,  # a bus stops in front
    PictureFault.MOVED: 20.0,  # someone leans a ladder on the pole
}
"""How long a sign must last to be a fault."""
ANYWAY = frozenset({PictureFault.BLACK, PictureFault.FROZEN})


@dataclass(frozen=True, slots=True)
class PictureReport:
    """What one look says about the camera, and the figures behind it."""

    time_s: float
    faults: frozenset[PictureFault]
    """What has lasted."""
    since_s: Mapping[PictureFault, float]
    """Media time at which each fault began."""
    signs: frozenset[PictureFault]
    """What this look shows, whether it lasts or not."""
    basis: Basis
    shift: tuple[float, float]
    """How far the view lies to the right and down of where it was learned, in fractions of the frame."""
    shift_confidence: float
    """Share of the last looks that agree on it, 0 to 1."""
    steady: bool
    """False while this look lies elsewhere than `shift` says: in a nudge, before it is followed."""
    brightness: float
    """Mean luma, 0 to 255."""
    sharpness: float | None
    """Part of the expected sharpness; None without a reference."""
    edges_found: float | None
    """Share of the reference's edges found; None without a reference."""
    unchanged_s: float
    """Seconds for which the picture has been the same."""

    @property
    def usable(self) -> bool:
        """True when rules may judge by this look."""
        return self.steady and not self.faults and not self.signs


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a look shows by itself."""

    basis: Basis
    sign: PictureFault | None = None
    placed: bool = False
    """True when its shift can be believed."""


class PictureHealth:
    """Judges the pictures of one camera. Pure: small pictures and media times come in, in order.

    When an operator accepts what a moved camera sees now, a new one takes its place and learns that.
    """

    def __init__(self, view: Arrays | None = None) -> None:
        """Begins to learn the view, or goes on with what `export` gave before a restart.

        Raises:
            ValueError: The arrays are not those of an exported view.
        """
        self._view = View(view)
        self._lasting = {fault: Lasting(lasts_s) for fault, lasts_s in LASTS_S.items()}
        self._shifts_px: deque[tuple[float, float] | None] = deque(maxlen=SHIFT_LOOKS)
        self._shift_px = (0.0, 0.0) if view is None else _shift_of(view)
        self._held: tuple[NDArray[np.uint8], float] | None = None
        self._daylight: float | None = None
        self._last_s: float | None = None

    def observe(self, luma: NDArray[np.uint8], time_s: float) -> PictureReport:
        """Judges one picture.

        Args:
            luma: `(height, width)` uint8, the whole picture, 320 wide or more; larger ones are scaled down.
            time_s: Its media time.

        Raises:
            ValueError: It is not a grey picture of 8 bits, or empty.
        """
        fine = fine_of(luma)
        seen = structure_of(fine)
        passed_s = 0.0 if self._last_s is None else max(0.0, time_s - self._last_s)
        self._last_s = time_s
        unchanged_s = self._unchanged(fine, time_s)
        match = self._view.match(seen) if self._view.ready else None
        verdict = self._judge(seen, match)
        signs = {verdict.sign} if verdict.sign else set()
        if unchanged_s >= FROZEN_S:
            signs.add(PictureFault.FROZEN)
        self._note(signs, verdict, time_s, unchanged_s)
        steady = self._follow(match, verdict)
        faults = frozenset(fault for fault, lasting in self._lasting.items() if lasting.raised)
        if not signs and not faults:
            self._learn(seen, match, verdict, passed_s)
        self._remember_daylight(seen, passed_s)
        dx_px, dy_px = self._shift_px
        return PictureReport(
            time_s=time_s,
            faults=faults,
            since_s={fault: self._lasting[fault].since_s for fault in faults},
            signs=frozenset(signs),
            basis=verdict.basis,
            shift=(dx_px / FIELD_PX[0], dy_px / FIELD_PX[1]),
            shift_confidence=self._agreeing(),
            steady=steady,
            brightness=seen.brightness,
            sharpness=match.sharpness if match else None,
            edges_found=match.found if match else None,
            unchanged_s=unchanged_s,
        )

    def export(self) -> dict[str, NDArray[Any]]:
        """What a restart needs, for `numpy.savez_compressed`; see `View.export`. And where the view lay last."""
        return {**self._view.export(), SHIFT: np.array(self._shift_px)}

    def _unchanged(self, fine: NDArray[np.uint8], time_s: float) -> float:
        # Without the tenth at each side: there a camera goes on writing the time over a dead picture.
        middle = inner(fine)
        if self._held is not None:
            held, since_s = self._held
            if np.count_nonzero(held != middle) <= UNCHANGED_SHARE * middle.size:
                return time_s - since_s
        self._held = middle.copy(), time_s
        return 0.0

    def _judge(self, seen: Structure, match: Match | None) -> _Verdict:
        # What shows its street is not black, however little light there is.
        if seen.brightest <= BLACK and (match is None or match.found < COVERED_FOUND):
            return _Verdict(Basis.DARK, PictureFault.BLACK)
        if match is None:
            return _Verdict(Basis.LEARNING)
        if match.light.plain:
            return _Verdict(Basis.PLAIN)
        dark = seen.brightness < DARK
        if seen.amount < QUIET * match.light.amount and match.found < COVERED_FOUND:
            if dark and (self._daylight or 0.0) < DAYLIGHT:
                return _Verdict(Basis.DARK)
            of_lens = not dark and match.light.alike(seen) >= BLUR_ALIKE
            return _Verdict(Basis.VIEW, PictureFault.BLURRED if of_lens else PictureFault.COVERED)
        return self._judge_place(seen, match, dark=dark)

    def _judge_place(self, seen: Structure, match: Match, *, dark: bool) -> _Verdict:
        parts = Parts(0, 0.0)
        if match.found < DOUBT_FOUND:
            parts = locate_parts(seen.edges, match.light.edges, match.place.shift_px)
        placed = match.place.score >= MATCH_SCORE and match.place.distinct >= MATCH_DISTINCT
        in_place = parts.found >= TURNED_PARTS and parts.apart_px < TURNED_PX
        if not dark and match.sharpness < (SHARP_AGAIN if self._lasting[PictureFault.BLURRED].raised else BLURRED):
            return _Verdict(Basis.VIEW, PictureFault.BLURRED)
        turned = parts.found >= TURNED_PARTS and not in_place
        if placed or in_place:
            if turned or self._far(match):
                return _Verdict(Basis.VIEW, PictureFault.MOVED)
            return _Verdict(Basis.VIEW, placed=True)
        if dark:
            return _Verdict(Basis.DARK)
        # Of 627 places that the best match could be in, it is by chance where it was before in one of a hundred.
        if not turned and dist(match.place.shift_px, self._shift_px) <= SAME_PLACE_PX:
            return _Verdict(Basis.UNSURE)
        known = max(match.light.brightness, 1.0)
        if match.found >= GOOD or not 1 / UNLIKE_LIGHT <= seen.brightness / known <= UNLIKE_LIGHT:
            return _Verdict(Basis.UNSURE)
        return _Verdict(Basis.VIEW, PictureFault.MOVED)

    def _far(self, match: Match) -> bool:
        limit = BACK_SHARE if self._lasting[PictureFault.MOVED].raised else MOVED_SHARE
        return any(abs(px) > limit * size_px for px, size_px in zip(match.place.shift_px, FIELD_PX, strict=True))

    def _note(self, signs: set[PictureFault], verdict: _Verdict, time_s: float, unchanged_s: float) -> None:
        for fault, lasting in self._lasting.items():
            if fault in ANYWAY or verdict.basis is Basis.VIEW:
                began_s = time_s - unchanged_s if fault is PictureFault.FROZEN else None
                lasting.look(shows=fault in signs, time_s=time_s, began_s=began_s)

    def _follow(self, match: Match | None, verdict: _Verdict) -> bool:
        """Moves the shift handed on; tells whether this look lies there."""
        if match is None or verdict.basis is not Basis.VIEW:
            return True
        if not verdict.placed:
            self._shifts_px.append(None)
            return True
        self._shifts_px.append(match.place.shift_px)
        measured = [shift for shift in self._shifts_px if shift is not None]
        if len(measured) >= SHIFT_LOOKS_MIN:
            self._shift_px = median(dx for dx, _ in measured), median(dy for _, dy in measured)
        return dist(match.place.shift_px, self._shift_px) <= STEADY_PX

    def _agreeing(self) -> float:
        agree = sum(shift is not None and dist(shift, self._shift_px) <= STEADY_PX for shift in self._shifts_px)
        return agree / SHIFT_LOOKS

    def _learn(self, seen: Structure, match: Match | None, verdict: _Verdict, passed_s: float) -> None:
        if match is None:
            if verdict.basis is Basis.LEARNING and seen.brightness >= DARK:
                self._view.begin(seen, passed_s)
        elif verdict.placed or verdict.basis is Basis.PLAIN:
            self._view.learn(seen, match, passed_s)

    def _remember_daylight(self, seen: Structure, passed_s: float) -> None:
        # While something is over the lens, what it was like before must not be forgotten.
        if self._daylight is None:
            self._daylight = seen.brightness
        elif not self._lasting[PictureFault.COVERED].showing:
            self._daylight += min(1.0, passed_s / DAYLIGHT_S) * (seen.brightness - self._daylight)


def _shift_of(view: Arrays) -> tuple[float, float]:
    """Where a view lay last, in pixels of the field; an earlier version did not say."""
    shift = view.get(SHIFT, np.zeros(2))
    if shift.shape != (2,) or not np.isfinite(shift).all():
        raise ValueError(f"array {SHIFT!r} of this view is {shift}: allowed are two finite numbers")
    return float(shift[0]), float(shift[1])
