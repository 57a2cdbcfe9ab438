"""One stay in one zone, from the moment it has settled until it has gone: what is due when.

The sequence of an incident's files and revisions lives here; `watch` feeds it looks, `evidence` makes the files.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from detector.evidence.maker import ONE_CLIP_MAX_S, POST_ROLL_S, PRE_ROLL_S, EvidenceMaker, Made
from detector.evidence.plates import FRAMES_MAX
from detector.following.things import Presence, Thing
from detector.lifecycle.incidents import EvidenceFile, Incident, State
from detector.lifecycle.inquiry import Questions
from detector.lifecycle.pin import Pin, forget_pin
from detector.lifecycle.resume import OpenCase
from detector.rules import Actor, Ask, Judgement, Passing, Rule, Signs, Stay, Subject, Vehicle
from detector.zoning.zones import Zone
from models.plates.reading import PlateReading
from streams.frame import Frame
from streams.lookback import look_back
from streams.packet import Packet
from streams.ring import PacketRing

Files = list[EvidenceFile]
Submit = Callable[[Callable[[], Made], Callable[[Made], None]], None]
"""Runs slow work, at once or in a thread of its own, and hands what it made to the second function."""
STOOD_SHARE = 0.5
"""Of the pictures between two looks, this share must show a thing that stands; the rest may have a passer-by in front."""
ASK_EVERY_S = 10.0
"""Traffic is followed anew this often while a vehicle may stand in a queue: a tenth of a core for as long as that lasts."""
GLIMPSED_SHARE = 0.2
"""Enough where something stands in front in the newest look."""
LATER_EVERY_MIN_S, LATER_EVERY_MAX_S = 300.0, 3600.0
"""Evidence of a long stay grows: a still whenever it has lasted twice as long, within these bounds."""
ARRIVAL_STILL_S = 1.5
"""The arrival still is the first decodable picture within this time after the onset."""


@dataclass(frozen=True)
class Surroundings:
    """What the cases of one camera share."""

    ring: PacketRing
    submit: Submit
    publish: Callable[[Incident], None]
    record_of: Callable[[Incident], dict[str, Any]]
    """The incident as its record file says it."""


@dataclass(eq=False)
class Case:
    """An incident in the making. Only its own camera's watch touches it, one look at a time."""

    incident: Incident
    thing: Thing
    zone: Zone
    rule: Rule
    maker: EvidenceMaker
    around: Surroundings
    arrival_s: float = 0.0
    pin: Pin | None = None
    """Packets of the arrival; None as long as the ring is sure to have them."""
    clips_done: bool = False
    laters: int = 0
    """Stills that were taken after the alarm's."""
    later_s: float = 0.0
    """When the newest of them was."""
    dropped: bool = False
    work_left: int = 0
    plate_readings: list[PlateReading | None] = field(default_factory=list)
    passed: Passing | None = None
    """Vehicles that look-back saw driving; None as long as nobody has asked."""
    passed_asked_s: float = -math.inf
    actor: Actor | None = None
    actor_sought: bool = False
    closely: Vehicle | None = None
    about: dict[str, Any] = field(default_factory=dict)
    """What is known of the place; goes into the incident's `why`."""
    counts_from_s: float = -math.inf
    """Dwell counts from here at the earliest: the rule was not in force before."""
    not_before_s: float = -math.inf
    """No alarm before: one like it has only just ended."""

    @property
    def open(self) -> bool:
        """False once nothing more can come."""
        over = self.dropped or (self.incident.state is State.ENDED and self.clips_done)
        return not over or self.work_left > 0

    @property
    def in_view(self) -> bool:
        """True when the newest look shows the thing."""
        return self.thing.presence in (Presence.SEEN, Presence.HELD)

    def stay(self, now_s: float, signs: Signs | None) -> Stay:
        """What the rule is told."""
        counts = self.thing.counts
        return Stay(
            now_s=now_s,
            signs=signs,
            passed=self.passed,
            actor=self.actor,
            actor_sought=self.actor_sought,
            closely=self.closely,
            since_s=max(self.incident.since_s, self.counts_from_s),
            onset_s=self.incident.onset_s,
            box=self.thing.anchor,
            class_name=self.thing.class_name,
            mean_score=self.thing.mean_score,
            looks=sum(counts.values()),
            seen=counts[Presence.SEEN],
            held=counts[Presence.HELD],
            hidden=counts[Presence.HIDDEN],
            present=self.in_view,
        )

    def look(self, now_s: float, frame: Frame, questions: Questions, watched_from_s: float | None) -> None:
        """A new look: is the rule broken now, and is anything due?

        Args:
            now_s: Its media time.
            frame: Its picture.
            questions: What may be asked before an alarm.
            watched_from_s: Since when the rule is in force, in media time; None while it is not.
        """
        if self.incident.state is State.ENDED:
            self.due(now_s)
            return
        if self.pin is None and now_s >= self.incident.since_s + POST_ROLL_S:
            self._pin_arrival()
        if self.incident.state is State.CANDIDATE and watched_from_s is not None and now_s >= self.not_before_s:
            self.counts_from_s = max(self.incident.since_s, watched_from_s)
            self._judge(now_s, frame, questions)
        self.due(now_s)
        if self._later_due(now_s) and self.in_view:
            self._later(frame)

    def _judge(self, now_s: float, frame: Frame, questions: Questions) -> None:
        signs = questions.signs()
        if self.thing.presence is Presence.ABSENT:
            return
        judgement = self._judged(now_s, signs)
        while judgement.asks is not None and self._ask(judgement.asks, now_s, frame, questions):
            judgement = self._judged(now_s, signs)
        # What mostly shows on the ground is followed cell by cell, also where another thing comes to lie on a part of it.
        certain = self.rule.subject is Subject.THING and self.in_view and self.thing.seen_share >= STOOD_SHARE
        # Something may stand in front in just this look: then it will do if look-back saw the thing since the last one.
        if judgement.confirmed and (certain or questions.stood() >= (STOOD_SHARE if self.in_view else GLIMPSED_SHARE)):
            self._confirm(now_s, frame, judgement)

    def _judged(self, now_s: float, signs: Signs) -> Judgement:
        return self.rule.judge(replace(self.stay(now_s, signs), present=True), self.zone)

    def _ask(self, ask: Ask, now_s: float, frame: Frame, questions: Questions) -> bool:
        """Looks back, or closely, for what the rule wants to know; False where nothing new can be known yet."""
        if ask is Ask.ACTOR and not self.actor_sought:
            pin = self._pinned()
            self.actor, self.actor_sought = questions.actor(self.incident.since_s, pin.packets()), True
            return True
        if ask is Ask.CLOSELY and self.closely is None:
            self.closely = questions.closely(frame)
            return True
        if ask is Ask.PASSED and now_s - self.passed_asked_s >= ASK_EVERY_S:
            passed = questions.passed(max(self.incident.since_s, self.passed_asked_s))
            self.passed, self.passed_asked_s = passed if self.passed is None else self.passed + passed, now_s
            return True
        return False

    def due(self, now_s: float) -> None:
        """Does what is due without a picture: the clips, once the post-roll has passed."""
        alarm_s = self.incident.confirmed_s
        if alarm_s is not None and not self.clips_done and now_s >= alarm_s + POST_ROLL_S:
            self._clips()

    def gone(self, ended_s: float, frame: Frame | None, *, clear: bool) -> None:
        """The thing has left.

        Args:
            ended_s: When, in media time.
            frame: The picture that says so; None if it can't be had any more.
            clear: It shows the place without the thing; False where something has hidden the place for too long.
        """
        if self.incident.state is State.CANDIDATE:
            self._drop()
            return
        self._last_still(ended_s)
        proof = frame if clear else None
        why = {
            "left": clear,
            "stood_in_all_s": round(ended_s - self.incident.since_s, 2),
            "seen_clear_after_s": None if proof is None else round(proof.time_s - self.incident.since_s, 2),
        }
        if not clear:
            why["hidden_at_the_end"] = True
        self.incident = self.incident.ended(ended_s, why)
        files = self.maker.still(self.incident, "left", proof, "place clear", there=False) if proof is not None else []
        self._attach(files)

    def merged(self) -> None:
        """The thing is one that another case is about: what nobody has been told of is dropped, what was told ends."""
        if self.incident.state is State.CANDIDATE:
            self._drop()
        elif self.incident.state is State.CONFIRMED:
            self.incident = self.incident.ended(self.thing.last_s, {"merged": True})
            self._attach([])

    def kept(self) -> OpenCase:
        """What a successor needs."""
        not_before_s = self.not_before_s if math.isfinite(self.not_before_s) else None
        return OpenCase(self.incident, self.thing, self.laters, self.later_s, self.about, not_before_s, self.zone)

    def take_up(self, kept: OpenCase) -> None:
        """Goes on after a restart. Pictures from before are gone; what was told may not have arrived, so it is told again."""
        self.laters, self.later_s, self.about = kept.laters, kept.later_s, kept.about
        self.not_before_s = -math.inf if kept.not_before_s is None else kept.not_before_s
        forget_pin(self.maker.folder)
        if self.incident.state is not State.CANDIDATE:
            self.clips_done = True
            self._attach([])

    def finish(self, *, for_good: bool) -> None:
        """Nothing more will come from this camera: what is due is done with what is there.

        Args:
            for_good: A candidate is dropped; else it waits for the next start.
        """
        if self.incident.state is State.CANDIDATE:
            if for_good:
                self._drop()
            return
        if not self.laters and self.incident.state is State.CONFIRMED:
            self._last_still(self.thing.last_s)
        if not self.clips_done:
            self._clips()

    def _drop(self) -> None:
        """Nobody has been told of it, and nobody will be."""
        self.dropped = True
        if self.pin is not None:
            self.pin.release()

    def _pinned(self) -> Pin:
        """The packets of the arrival, kept while the ring still has them; most candidates leave before they are needed."""
        if self.pin is None:
            span = self.around.ring.span_s
            self.arrival_s = max(self.incident.since_s, span[0] if span else 0.0)
            packets = self.around.ring.window(self.arrival_s - PRE_ROLL_S, self.arrival_s + POST_ROLL_S)
            self.pin = Pin(packets, self.maker.folder)
        return self.pin

    def _pin_arrival(self) -> None:
        pin = self._pinned()

        def to_disk() -> Made:
            pin.to_disk()
            return Made()

        self.around.submit(to_disk, lambda _: None)

    def _confirm(self, now_s: float, frame: Frame, judgement: Judgement) -> None:
        pin = self._pinned()
        arrival = pin.packets()
        incident = self.incident.confirmed(now_s, self.thing.anchor, judgement.score, judgement.why | self.about)
        self.incident = replace(incident, actor=self.actor, class_name=self.thing.class_name)
        stood = f"{now_s - self.incident.since_s:.0f} s of {self.zone.dwell_s:.0f} s"
        alarm = self.maker.still(self.incident, "alarm", frame, stood, there=True)
        closeups = [self.maker.closeup(frame, self.incident.box), *self._actor_closeup(arrival)]
        self._attach([*self._arrival_still(arrival), *alarm, *closeups])
        if self.two_clips and arrival:
            self._record_clip("arrival", arrival, self.arrival_s - PRE_ROLL_S, self.arrival_s + POST_ROLL_S)
        pin.release()

    def _arrival_still(self, arrival: Sequence[Packet]) -> Files:
        first = next(look_back(arrival, self.arrival_s, self.arrival_s + ARRIVAL_STILL_S), None)
        if first is None:
            return []
        name = "first-seen" if self.incident.onset_s is None else "arrival"
        return self.maker.still(self.incident, name, first, name.replace("-", " "), there=True)

    def _actor_closeup(self, arrival: Sequence[Packet]) -> Files:
        actor = self.incident.actor
        if actor is None:
            return []
        first = next(look_back(arrival, actor.seen_s, actor.seen_s + ARRIVAL_STILL_S), None)
        return [] if first is None else [self.maker.closeup(first, actor.box, "closeup-actor.jpg")]

    @property
    def two_clips(self) -> bool:
        """True when arrival and alarm are too far apart for one clip."""
        alarm_s = self.incident.confirmed_s
        return alarm_s is not None and alarm_s - self.arrival_s > ONE_CLIP_MAX_S

    def _later(self, frame: Frame) -> None:
        self.laters += 1
        self.later_s = frame.time_s
        name = "later" if self.laters == 1 else f"later-{self.laters}"
        stood = f"{frame.time_s - self.incident.since_s:.0f} s of {self.zone.dwell_s:.0f} s"
        self._attach(self.maker.still(self.incident, name, frame, stood, there=True))

    def _later_due(self, now_s: float) -> bool:
        """The first still is due when it has stood for the permitted time once more, the others ever more seldom."""
        alarm_s = self.incident.confirmed_s
        if alarm_s is None:
            return False
        if not self.laters:
            return now_s >= alarm_s + self.zone.dwell_s
        apart_s = max(LATER_EVERY_MIN_S, min(LATER_EVERY_MAX_S, self.later_s - self.incident.since_s))
        return now_s >= self.later_s + apart_s

    def _last_still(self, at_s: float) -> None:
        """The last picture that shows the thing, if the later still has not been taken yet."""
        if self.laters or self.incident.confirmed_s is None or at_s <= self.incident.confirmed_s:
            return
        packets = self.around.ring.window(at_s - 1, at_s)
        for last in [*look_back(packets, at_s - 1, at_s)][-1:]:
            self._later(last)

    def _clips(self) -> None:
        self.clips_done = True
        alarm_s = self.incident.confirmed_s or 0.0
        start_s, name = alarm_s - PRE_ROLL_S, "alarm"
        if not self.two_clips:
            start_s, name = min(start_s, self.incident.since_s - PRE_ROLL_S), ""
        packets = self.around.ring.window(start_s, alarm_s + POST_ROLL_S)
        self._record_clip(name, packets, start_s, alarm_s + POST_ROLL_S)

    def _record_clip(self, name: str, packets: list[Packet], start_s: float, end_s: float) -> None:
        self.work_left += 1
        looks = FRAMES_MAX // (2 if self.two_clips else 1) if self.rule.subject is Subject.VEHICLE else 0
        make = partial(self.maker.clip, self.incident, name, packets, start_s, end_s, plate_looks=looks)
        self.around.submit(make, self._clip_made)

    def _clip_made(self, made: Made) -> None:
        self.work_left -= 1
        if made.readings:
            self.plate_readings += made.readings
            self.incident = self.incident.with_plate(self.maker.plate(self.plate_readings))
        self._attach(made.files)

    def _attach(self, files: Files) -> None:
        """A new revision with more evidence; once the clips are in, with a record that lists them all."""
        self.incident = self.incident.with_evidence(*files)
        if self.clips_done and self.work_left == 0:
            record = self.maker.record(self.incident, self.around.record_of(self.incident))
            self.incident = self.incident.with_evidence(record)
        self.incident = self.incident.next_revision()
        self.around.publish(self.incident)
