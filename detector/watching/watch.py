"""One camera's watch: a decoded picture goes in, incidents with evidence come out.

The order of one look: detect, compare places, go back to when a thing arrived or left, judge, make evidence. Where nothing has
changed and nothing is undecided, the detector is not asked, and the look carries over what is known. The same code runs over
recordings, as fast as they go, and over live cameras.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.evidence.maker import Made
from detector.following.keepers import keepers_for
from detector.following.things import Presence, Thing
from detector.lifecycle.case import STOOD_SHARE, Case
from detector.lifecycle.casebook import CaseBook
from detector.lifecycle.inquiry import Inquiry, Questions
from detector.rules import DETECTED, Rule, rule_for
from detector.watching.attention import LEARN_S, Attention, Need
from detector.watching.eyes import Eyes
from detector.watching.looks import Look, LookMemory
from detector.watching.viewpoint import Viewpoint
from detector.watching.watch_plan import WatchPlan
from detector.zoning.cameras_file import Camera
from detector.zoning.ground_plane import GroundPlane
from detector.zoning.zones import Zone
from models.detections import Detections
from streams.clock import CaptureClock
from streams.frame import Frame
from streams.ring import PacketRing

log = logging.getLogger(__name__)


class CameraWatch:
    """Watches one camera. Safe to call from several threads; one look is taken at a time."""

    def __init__(self, camera: Camera, ring: PacketRing, clock: CaptureClock, plan: WatchPlan) -> None:
        self.camera = camera
        self.looks = 0
        """Pictures taken; `analysed` of them were shown to the detector, and the rest carried over what was known."""
        self.needs: Counter[Need] = Counter()
        """How many pictures were analysed, by what made them necessary; empty without the change gate."""
        self.carried = 0
        self.unusable = 0
        """Pictures that nothing was judged by, because the camera is covered, moved, black, frozen or blurred."""
        self.viewpoint = Viewpoint(camera.id, plan.view_of(camera), live=camera.address.live)
        self.clips_failed = 0
        self.work_left = 0
        """Clips and the like that are being made, or wait to be."""
        self._let_go = False
        self._plan = plan
        self._clock = clock
        self._eyes = Eyes(plan.detector, camera.detect)
        self._lock = threading.RLock()
        self._inquiry = Inquiry(ring, self.detect, plan.detector.roles)
        self._book = CaseBook(camera, ring, clock, plan, self.detect, self._submit)
        self._memory = LookMemory()
        self._unproven: list[Thing] = []
        self._looked_s = 0.0
        self._last: Look | None = None
        self._last_s = 0.0
        self._ticked_from: tuple[float, float] | None = None
        drawn = self._as_drawn()
        self._keepers = keepers_for(drawn)
        self._place(drawn, camera.ground)

    @property
    def withheld(self) -> int:
        """Alarms that were held back, because one like them had only just ended in the same place."""
        return self._book.withheld

    @property
    def failures(self) -> Counter[str]:
        """What went wrong with its cases, by cause."""
        return self._book.failures

    @property
    def analysed(self) -> int:
        """Pictures that the detector was asked about."""
        return self.looks - self.carried - self.unusable

    def look(self, frame: Frame) -> None:
        """Takes a decoded picture. Pictures come in order of time."""
        luma = self._eyes.luma(frame)
        with self._lock:
            if self._let_go or not self._usable(frame, luma):
                return
            carried = self._may_carry(frame, luma)
        # The detector is asked outside the lock: what is due meanwhile need not wait for it.
        look = Look(frame.time_s, luma) if carried else self._eyes.look(frame, luma, self._outlines())
        with self._lock:
            if self._let_go:
                return
            if self._last is None:
                self._resume(frame.time_s)
            self.looks += 1
            self.carried += carried
            self._last_s = frame.time_s
            self._memory.add(look)
            if carried:
                self._carry(frame, look)
            else:
                self._take(frame, look)
            self._book.sweep()
            self._book.keep(frame.time_s)
            self._looked_s = frame.time_s
            self._last = look

    def _usable(self, frame: Frame, luma: NDArray[np.uint8]) -> bool:
        usable = self.viewpoint.look(luma, frame.time_s)
        if not usable:
            self.looks += 1
            self.unusable += 1
            self._last_s = frame.time_s
            self._book.due(frame.time_s)
            return False
        moved_by = self.viewpoint.moved_by()
        if moved_by is not None:
            for keeper in self._keepers.values():
                keeper.shift(*moved_by)
            ground = None if self._ground is None else self._ground.shifted(*moved_by)
            self._place([(zone.shifted(*moved_by), rule) for zone, rule in self._rules], ground)
        return True

    def _as_drawn(self) -> list[tuple[Zone, Rule]]:
        known = set(self._plan.detector.roles.values())
        return [
            (zone, rule)
            for zone in self.camera.zones
            if (rule := rule_for(zone.kind)) is not None and rule.needs <= known
        ]

    def _place(self, rules: list[tuple[Zone, Rule]], ground: GroundPlane | None) -> None:
        """Says where the zones, and the ground, lie in the picture from now on."""
        self._rules = rules
        self._ground = ground
        learns = any(rule.subject not in DETECTED for _, rule in rules)
        self._attention = Attention([zone for zone, _ in rules], learn_s=LEARN_S if learns else 0.0)

    def _may_carry(self, frame: Frame, luma: NDArray[np.uint8]) -> bool:
        if not self._plan.gated:
            return False
        awaited = [*self._book.candidates, *(thing for thing in self._unproven if self._zones_of(thing))]
        need = self._attention.need(frame.time_s, luma, self._things(), awaited)
        if need is not None:
            self.needs[need] += 1
        return need is None

    def _take(self, frame: Frame, look: Look) -> None:
        """A look with the detector: all that is decided is decided here."""
        self._attention.analysed(look.time_s, look.luma)
        gone: list[Thing] = []
        merged: list[Thing] = []
        for keeper in self._keepers.values():
            update = keeper.update(look)
            self._unproven += update.settled
            gone += update.gone
            merged += update.merged
        self._prove(look)
        self._book.look(frame.time_s, frame, partial(self._questions, look), gone)
        for thing in gone:
            self._close(thing, look, frame)
        self._book.merged(merged)

    def _carry(self, frame: Frame, look: Look) -> None:
        """A look without: what stands in the zones looks as before. Nothing is counted; no case is a candidate here."""
        for thing in self._things():
            if thing.settled and self._attention.concerns(thing):
                thing.last_s = look.time_s
        self._book.look(frame.time_s, frame, partial(self._questions, look))

    def _resume(self, now_s: float) -> None:
        """Before the first look: goes on with what was open before a restart."""
        for rule, thing in self._book.resume(self._plan.open_of(self.camera, now_s, self._clock), self._rules):
            self._keepers[rule.subject].adopt(thing)

    def tick_after(self, monotonic_s: float) -> None:
        """Lets what is due happen while no pictures come: time goes on from the last one.

        Args:
            monotonic_s: Now, on the clock of `time.monotonic`.
        """
        with self._lock:
            if self._ticked_from is None or self._ticked_from[0] != self._last_s:
                self._ticked_from = (self._last_s, monotonic_s)
            self._book.due(self._last_s + monotonic_s - self._ticked_from[1])

    def finish(self, *, for_good: bool = True) -> None:
        """The source has ended, for good or until the next start: completes the evidence with what is there."""
        with self._lock:
            if self._let_go or (self._last is None and not for_good):
                return  # nothing was taken up, or it is a successor's: what is kept stays as it is
            if self._last is not None and for_good:
                for thing in self._things():
                    # There was no time left for a second look at the empty place.
                    if thing.presence is Presence.ABSENT:
                        self._close(thing, self._last, self._inquiry.frame_of(self._last))
            self._book.finish(for_good=for_good)

    def let_go(self) -> None:
        """Ends it: from here on its cases are its successor's, who tells other revisions by the numbers that come next."""
        with self._lock:
            self._let_go = True

    def view(self) -> dict[str, NDArray[Any]]:
        """What the camera sees when all is well, for the next start."""
        with self._lock:
            return self.viewpoint.export()

    def accept_view(self) -> None:
        """What the camera sees now is what its zones were drawn on."""
        with self._lock:
            self.viewpoint.relearn()
            for keeper in self._keepers.values():
                keeper.relearn()
            self._place(self._as_drawn(), self.camera.ground)

    def detect(self, frame: Frame) -> Detections:
        """What the detector finds in a whole frame, as evidence shows it; boxes in its pixels."""
        return self._eyes.detect(frame)

    def _outlines(self) -> list[tuple[tuple[float, float], ...]]:
        return [zone.polygon for zone, _ in self._rules]

    def _prove(self, look: Look) -> None:
        """Things that have settled in a zone become candidates, once look-back shows that they really stand there."""
        waiting: list[Thing] = []
        followed = self._things()
        for thing in self._unproven:
            if thing not in followed:
                continue
            zones = self._zones_of(thing)
            if zones and thing.presence in (Presence.SEEN, Presence.HELD) and self._stood(thing, look) >= STOOD_SHARE:
                since_s, onset_s = self._inquiry.arrival(thing, self._memory, look)
                thing.has_stood_since(since_s)
                self._book.open(thing, zones, since_s, onset_s, self._ground)
            else:
                waiting.append(thing)
        self._unproven = waiting

    def _zones_of(self, thing: Thing) -> list[tuple[Zone, Rule]]:
        return [
            (zone, rule)
            for zone, rule in self._rules
            if thing in self._keepers[rule.subject].things and self._concerns(zone, rule, thing)
        ]

    def _concerns(self, zone: Zone, rule: Rule, thing: Thing) -> bool:
        if not zone.holds(thing.anchor) or (rule.subject in DETECTED and not zone.judges(thing.class_name)):
            return False
        if zone.size_m is None or self._ground is None:
            return True
        height, width = self._last.luma.shape if self._last is not None else (9, 16)
        return zone.size_m.admit(self._ground.size_m(thing.anchor, width / height))

    def _things(self) -> list[Thing]:
        """All that is followed, whatever it is."""
        return [thing for keeper in self._keepers.values() for thing in keeper.things]

    def _stood(self, thing: Thing, look: Look) -> float:
        """Share of the pictures since the last look that show the thing in its place."""
        return self._inquiry.shown(thing, self._looked_s, look) if thing.steady else 1.0

    def _questions(self, look: Look, case: Case) -> Questions:
        thing = case.thing
        return Questions(
            signs=partial(self._keepers[case.rule.subject].signs, thing),
            stood=partial(self._stood, thing, look),
            passed=partial(self._inquiry.passed, thing, case.zone, look.time_s),
            actor=partial(self._inquiry.actor, thing),
            closely=partial(self._eyes.vehicle_at, thing.anchor),
        )

    def _close(self, thing: Thing, look: Look, frame: Frame | None) -> None:
        if not self._book.about(thing):
            return
        try:
            left_s = self._inquiry.left(thing, look)
        except Exception:
            # It has left all the same, and no later look will say so.
            log.exception("camera %s: look-back can't say when a thing left: it was seen last then", self.camera.id)
            left_s = thing.last_s
        self._book.gone(thing, left_s, frame)

    def _submit(self, work: Callable[[], Made], then: Callable[[Made], None]) -> None:
        self.work_left += 1

        def run() -> None:
            made = Made()
            try:
                made = made if self._let_go else work()
            except Exception:
                # A clip that can't be made must not take the incident with it: it goes on without.
                log.exception("camera %s: a clip could not be made", self.camera.id)
                self.clips_failed += 1
            with self._lock:
                self.work_left -= 1
                if self._let_go:
                    self.failures["came too late"] += 1
                    log.warning("camera %s: evidence comes too late: the camera has been let go", self.camera.id)
                else:
                    then(made)

        def run_beside() -> None:
            try:
                run()
            except Exception:  # nobody asks an executor's thread how it went
                log.exception("camera %s: what was made of a clip could not be told", self.camera.id)

        if self._plan.executor is None:
            run()
        else:
            self._plan.executor.submit(run_beside)
