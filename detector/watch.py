"""One camera's watch: a decoded picture goes in, incidents with evidence come out.

The order of one look: detect, compare places, go back to when a thing arrived or left, judge, make evidence. Where nothing has
changed and nothing is undecided, the detector is not asked, and the look carries over what is known. The same code runs over
recordings, as fast as they go, and over live cameras.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from detector.attention import Attention, Need
from detector.cameras_file import Camera
from detector.cases import PLATED, STOOD_SHARE, Case, Surroundings
from detector.evidence import EvidenceMaker, Made
from detector.geometry import Box
from detector.incidents import Incident, State, incident_id
from detector.looks import Look, LookMemory
from detector.retrospect import Picture, arrival_bracket, came_to_rest, left_at, shown_share
from detector.rules import Rule, rule_for
from detector.sightings import sightings_in
from detector.things import Presence, Thing, ThingKeeper
from detector.viewpoint import Viewpoint
from detector.watch_plan import WatchPlan
from detector.zones import Zone
from models.detections import Detections
from models.regions.detect import RegionDetector
from streams.clock import CaptureClock
from streams.frame import Frame
from streams.lookback import look_back
from streams.ring import PacketRing

log = logging.getLogger(__name__)

SCORE_MIN = 0.15
"""Faint sightings keep a thing alive that is there already; a new one needs more (`things.SEED_SCORE`)."""
FINE_STEP_S = 0.08
"""Look-back compares pictures this far apart: finer than anybody can say when a wheel stopped turning."""
PROOF_STEP_S = 0.2
"""Enough to tell a parked car from two that came by."""
START_S = 1.0
"""What came to rest within the first second was at the most still rolling when watching began."""
PROOF_S = 2.5
"""Looks further apart (a camera was away, the machine is overloaded) are not decoded whole: the newest part will do."""


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
        self._from_start: Counter[str] = Counter()
        self._ring = ring
        self._clock = clock
        self._plan = plan
        self._eyes = RegionDetector(plan.detector)
        self._lock = threading.RLock()
        self._keeper = ThingKeeper()
        self._memory = LookMemory()
        self._cases: list[Case] = []
        self._unproven: list[Thing] = []
        self._looked_s = 0.0
        self._last: Look | None = None
        self._last_s = 0.0
        self._ticked_from: tuple[float, float] | None = None
        self._place(self._as_drawn())
        self._roles = {rule.role for _, rule in self._rules}
        self._plated = frozenset(name for name, role in plan.detector.roles.items() if role == PLATED)

    @property
    def analysed(self) -> int:
        """Pictures that the detector was asked about."""
        return self.looks - self.carried - self.unusable

    def look(self, frame: Frame) -> None:
        """Takes a decoded picture. Pictures come in order of time."""
        luma = frame.gray(*self._size_px(frame))
        with self._lock:
            if not self._usable(frame, luma):
                return
            carried = self._may_carry(frame, luma)
        # The detector is asked outside the lock: what is due meanwhile need not wait for it.
        look = Look(frame.time_s, luma) if carried else self._look_of(frame, luma)
        with self._lock:
            self.looks += 1
            self.carried += carried
            self._last_s = frame.time_s
            self._memory.add(look)
            if carried:
                self._carry(frame, look)
            else:
                self._take(frame, look)
            self._cases = [case for case in self._cases if case.open]
            self._looked_s = frame.time_s
            self._last = look

    def _usable(self, frame: Frame, luma: NDArray[np.uint8]) -> bool:
        usable = self.viewpoint.look(luma, frame.time_s)
        if not usable:
            self.looks += 1
            self.unusable += 1
            self._last_s = frame.time_s
            for case in self._cases:
                case.due(frame.time_s)
            return False
        moved_by = self.viewpoint.moved_by()
        if moved_by is not None:
            self._keeper.shift(*moved_by)
            self._place([(zone.shifted(*moved_by), rule) for zone, rule in self._rules])
        return True

    def _as_drawn(self) -> list[tuple[Zone, Rule]]:
        return [(zone, rule) for zone in self.camera.zones if (rule := rule_for(zone.kind)) is not None]

    def _place(self, rules: list[tuple[Zone, Rule]]) -> None:
        """Says where the zones lie in the picture from now on."""
        self._rules = rules
        self._attention = Attention([zone for zone, _ in rules])

    def _may_carry(self, frame: Frame, luma: NDArray[np.uint8]) -> bool:
        if not self._plan.gated:
            return False
        candidates = [case.thing for case in self._cases if case.incident.state is State.CANDIDATE]
        awaited = [*candidates, *(thing for thing in self._unproven if self._zones_of(thing))]
        need = self._attention.need(frame.time_s, luma, self._keeper.things, awaited)
        if need is not None:
            self.needs[need] += 1
        return need is None

    def _take(self, frame: Frame, look: Look) -> None:
        """A look with the detector: all that is decided is decided here."""
        self._attention.analysed(look.time_s, look.luma)
        update = self._keeper.update(look)
        self._unproven += update.settled
        self._prove(look)
        for case in self._cases:
            if case.thing not in update.gone:
                case.look(frame.time_s, frame, partial(self._shown, case.thing, look))
        for thing in update.gone:
            self._close(thing, look, frame)
        for case in self._cases:
            if case.thing in update.merged:
                case.merged()

    def _carry(self, frame: Frame, look: Look) -> None:
        """A look without: what stands in the zones looks as before. Nothing is counted; no case is a candidate here."""
        for thing in self._keeper.things:
            if thing.settled and self._attention.concerns(thing):
                thing.last_s = look.time_s
        for case in self._cases:
            case.look(frame.time_s, frame, partial(self._shown, case.thing, look))

    def tick_after(self, monotonic_s: float) -> None:
        """Lets what is due happen while no pictures come: time goes on from the last one.

        Args:
            monotonic_s: Now, on the clock of `time.monotonic`.
        """
        with self._lock:
            if self._ticked_from is None or self._ticked_from[0] != self._last_s:
                self._ticked_from = (self._last_s, monotonic_s)
            for case in self._cases:
                case.due(self._last_s + monotonic_s - self._ticked_from[1])

    def finish(self) -> None:
        """The source has ended: completes the evidence with what is there."""
        with self._lock:
            if self._last is not None:
                for thing in self._keeper.things:
                    # There was no time left for a second look at the empty place.
                    if thing.presence is Presence.ABSENT:
                        self._close(thing, self._last, self._frame_of(self._last))
            for case in self._cases:
                case.finish()

    def view(self) -> dict[str, NDArray[Any]]:
        """What the camera sees when all is well, for the next start."""
        with self._lock:
            return self.viewpoint.export()

    def accept_view(self) -> None:
        """What the camera sees now is what its zones were drawn on."""
        with self._lock:
            self.viewpoint.relearn()
            self._place(self._as_drawn())

    def detect(self, frame: Frame) -> Detections:
        """What the detector finds in a whole frame, as evidence shows it; boxes in its pixels."""
        plan = self._plan.detector.plan(frame.width_px, frame.height_px)
        return self._plan.detector.detect(frame.rgb(*plan.resized), plan, score_min=SCORE_MIN)

    def _seen_in(self, frame: Frame) -> Detections:
        """What a look goes by: the whole frame or its zones, as the camera is set."""
        outlines = [zone.polygon for zone, _ in self._rules]
        aim = self._eyes.plan(frame.width_px, frame.height_px, outlines, self.camera.detect)
        return self._eyes.detect(frame.rgb(*aim.resized), aim, score_min=SCORE_MIN)

    def _size_px(self, frame: Frame) -> tuple[int, int]:
        """Width and height of the grey picture that places are compared in: what the detector sees."""
        return self._plan.detector.plan(frame.width_px, frame.height_px).resized

    def _look_of(self, frame: Frame, luma: NDArray[np.uint8]) -> Look:
        size_px = frame.width_px, frame.height_px
        roles = self._plan.detector.roles
        sightings, others = sightings_in(self._seen_in(frame), size_px, lambda name: roles.get(name) in self._roles)
        return Look(frame.time_s, luma, sightings, others)

    def _prove(self, look: Look) -> None:
        """Things that have settled in a zone become candidates, once look-back shows that they really stand there."""
        waiting: list[Thing] = []
        for thing in self._unproven:
            if thing not in self._keeper.things:
                continue
            zones = self._zones_of(thing)
            if zones and thing.presence in (Presence.SEEN, Presence.HELD) and self._shown(thing, look) >= STOOD_SHARE:
                self._open(thing, zones, look)
            else:
                waiting.append(thing)
        self._unproven = waiting

    def _zones_of(self, thing: Thing) -> list[tuple[Zone, Rule]]:
        return [
            (zone, rule)
            for zone, rule in self._rules
            if zone.holds(thing.anchor) and (zone.classes is None or thing.class_name in zone.classes)
        ]

    def _shown(self, thing: Thing, look: Look) -> float:
        """Share of the pictures since the last look that show the thing in its place."""
        since_s = max(self._looked_s, look.time_s - PROOF_S)
        pictures = self._pictures(since_s, look.time_s, look, PROOF_STEP_S)
        return shown_share(pictures, thing.anchor, thing.template)

    def _open(self, thing: Thing, zones: Sequence[tuple[Zone, Rule]], look: Look) -> None:
        since_s, onset_s = self._arrival(thing, look)
        for zone, rule in zones:
            incident = Incident(
                id=self._new_id(zone, rule, onset_s, thing.anchor),
                camera=self.camera.id,
                zone=zone.id,
                type=rule.incident_type,
                since_s=since_s,
                onset_s=onset_s,
                box=thing.anchor,
                class_name=thing.class_name,
            )
            maker = EvidenceMaker(
                self._plan.folder / incident.id,
                self.camera,
                zone,
                self._clock,
                self.detect,
                vehicles=self._plated,
                plate_reader=self._plan.plate_reader,
            )
            self._cases.append(Case(incident, thing, zone, rule, maker, self._around(zone)))

    def _new_id(self, zone: Zone, rule: Rule, onset_s: float | None, box: Box) -> str:
        name = incident_id(self.camera.id, zone.id, rule.incident_type, self._onset_name(onset_s), box)
        if onset_s is not None:
            return name
        # Without an onset, two stays in one place would have one name.
        self._from_start[name] += 1
        return name if self._from_start[name] == 1 else f"{name}-{self._from_start[name]}"

    def _around(self, zone: Zone) -> Surroundings:
        return Surroundings(
            ring=self._ring,
            submit=self._submit,
            publish=lambda incident: self._plan.publish(self.camera, zone, self._clock, incident),
            record_of=lambda incident: self._plan.record_of(self.camera, zone, self._clock, incident),
        )

    def _onset_name(self, onset_s: float | None) -> str:
        if self._clock.source == "file" and self.camera.starts_at is None:
            return "start" if onset_s is None else f"{onset_s:.2f}"
        return self._clock.wall(onset_s or 0.0).isoformat(timespec="milliseconds")

    def _arrival(self, thing: Thing, look: Look) -> tuple[float, float | None]:
        """Since when it has stood there, and its onset: None if it was there before watching began."""
        bracket = arrival_bracket(thing, self._memory)
        if bracket.without_s is None:
            return bracket.with_s, None
        pictures = self._pictures(bracket.without_s, bracket.with_s, look)
        onset_s = came_to_rest(pictures, thing.anchor, thing.template, bracket.with_s)
        first = self._memory.first
        if first is not None and onset_s - first.time_s < START_S:
            return first.time_s, None
        return onset_s, onset_s

    def _frame_of(self, look: Look) -> Frame | None:
        """The picture of a look, from the ring: kept in full for every camera, they would take 3 MB each."""
        packets = self._ring.window(look.time_s, look.time_s)
        return next(look_back(packets, look.time_s, look.time_s), None)

    def _close(self, thing: Thing, look: Look, frame: Frame | None) -> None:
        cases = [case for case in self._cases if case.thing is thing]
        if not cases:
            return
        clear_s = thing.absent_since_s if thing.absent_since_s is not None else look.time_s
        ended_s = left_at(self._pictures(thing.last_s, clear_s, look), thing.anchor, thing.template, thing.last_s)
        for case in cases:
            case.gone(ended_s, frame)

    def _pictures(self, start_s: float, end_s: float, look: Look, every_s: float = FINE_STEP_S) -> Iterator[Picture]:
        height, width = look.luma.shape
        for frame in look_back(self._ring.window(start_s, end_s), start_s, end_s, every_s=every_s):
            yield frame.time_s, frame.gray(width, height)

    def _submit(self, work: Callable[[], Made], then: Callable[[Made], None]) -> None:
        def run() -> None:
            made = Made()
            try:
                made = work()
            except (OSError, ValueError, av.error.FFmpegError):
                # A clip that can't be written must not take the incident with it: it goes on without.
                log.exception("camera %s: a clip could not be made", self.camera.id)
                self.clips_failed += 1
            with self._lock:
                then(made)

        if self._plan.executor is None:
            run()
        else:
            self._plan.executor.submit(run)
