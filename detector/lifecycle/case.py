"""One stay in one zone, from the moment it has settled until it has gone: what is due when.

The sequence of an incident's files and revisions lives here; `watch` feeds it looks, `evidence` makes the files.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from detector.evidence.maker import ONE_CLIP_MAX_S, POST_ROLL_S, PRE_ROLL_S, EvidenceMaker, Made
from detector.evidence.plates import FRAMES_MAX
from detector.following.things import Presence, Thing
from detector.lifecycle.growth import Growth
from detector.lifecycle.hearing import Hearing
from detector.lifecycle.incidents import EvidenceFile, Incident, State
from detector.lifecycle.inquiry import Questions
from detector.lifecycle.pin import Pin, forget_pin
from detector.lifecycle.resume import OpenCase
from detector.lifecycle.surroundings import Surroundings
from detector.lifecycle.telling import Telling
from detector.rules import Judgement, Rule, Signs, Stay, Subject
from detector.zoning.zones import Zone
from models.plates.reading import PlateReading
from streams.frame import Frame
from streams.lookback import look_back
from streams.packet import Packet

log = logging.getLogger(__name__)

Files = list[EvidenceFile]
STOOD_SHARE = 0.5
"""Of the pictures between two looks, this share must show a thing that stands; the rest may have a passer-by in front."""
GLIMPSED_SHARE = 0.2
"""Enough where something stands in front in the newest look."""
ARRIVAL_STILL_S = 1.5
"""The arrival still is the first decodable picture within this time after the onset."""


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
    growth: Growth = field(default_factory=Growth)
    dropped: bool = False
    work_left: int = 0
    plate_readings: list[PlateReading | None] = field(default_factory=list)
    telling: Telling = field(default_factory=Telling)
    recorded: int = 0
    """The newest revision that has a record."""
    about: dict[str, Any] = field(default_factory=dict)
    """What is known of the place; goes into the incident's `why`."""
    counts_from_s: float = -math.inf
    """Dwell counts from here at the earliest: the rule was not in force before."""
    not_before_s: float = -math.inf
    """No alarm before: one like it has only just ended."""

    def __post_init__(self) -> None:
        self.heard = Hearing(self.rule, self.zone, self.incident.since_s)

    @property
    def open(self) -> bool:
        """False once nothing more can come."""
        over = self.dropped or (self.incident.state is State.ENDED and self.clips_done)
        return not over or self.work_left > 0 or self.telling.untold

    @property
    def in_view(self) -> bool:
        """True when the newest look shows the thing."""
        return self.thing.presence in (Presence.SEEN, Presence.HELD)

    def _stay(self, now_s: float, signs: Signs | None) -> Stay:
        """What the rule is told of a thing that is there, or that something stands in front of."""
        counts = self.thing.counts
        return Stay(
            now_s=now_s,
            signs=signs,
            since_s=max(self.incident.since_s, self.counts_from_s),
            onset_s=self.incident.onset_s,
            box=self.thing.anchor,
            class_name=self.thing.class_name,
            mean_score=self.thing.mean_score,
            looks=sum(counts.values()),
            seen=counts[Presence.SEEN],
            held=counts[Presence.HELD],
            hidden=counts[Presence.HIDDEN],
            present=True,
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
        if self.in_view and self._later_due(now_s):
            self._later(frame)

    def _judge(self, now_s: float, frame: Frame, questions: Questions) -> None:
        signs = questions.signs()
        if self.thing.presence is Presence.ABSENT:
            return
        stay = self._stay(now_s, signs)
        judgement = self.heard.judge(stay, frame, questions, lambda: self._pinned().packets())
        # What mostly shows on the ground is followed cell by cell, also where another thing comes to lie on a part of it.
        certain = self.rule.subject is Subject.THING and self.in_view and self.thing.seen_share >= STOOD_SHARE
        # Something may stand in front in just this look: then it will do if look-back saw the thing since the last one.
        if judgement.confirmed and (certain or questions.stood() >= (STOOD_SHARE if self.in_view else GLIMPSED_SHARE)):
            self._confirm(now_s, frame, judgement)

    def due(self, now_s: float) -> None:
        """Does what is due without a picture: what could not be told, and the clips, once the post-roll has passed."""
        if self.telling.due(now_s):
            self._tell()
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
        try:
            self._last_still(ended_s)
        finally:  # whatever becomes of the still: its thing has left, and no look will say so again
            self._end(ended_s, frame if clear else None, clear=clear)

    def _end(self, ended_s: float, proof: Frame | None, *, clear: bool) -> None:
        why = {
            "left": clear,
            "stood_in_all_s": round(ended_s - self.incident.since_s, 2),
            "seen_clear_after_s": None if proof is None else round(proof.time_s - self.incident.since_s, 2),
        }
        if not clear:
            why["hidden_at_the_end"] = True
        self.incident = self.incident.ended(ended_s, why)
        self._attach([] if proof is None else self._still("left", proof, "place clear", there=False))

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
        growth = self.growth
        return OpenCase(self.incident, self.thing, growth.count, growth.newest_s, self.about, not_before_s, self.zone)

    def take_up(self, kept: OpenCase) -> None:
        """Goes on after a restart. Pictures from before are gone; what was told may not have arrived, so it is told again."""
        self.growth, self.about = Growth(kept.laters, kept.later_s), kept.about
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
        if not self.growth.count and self.incident.state is State.CONFIRMED:
            self._last_still(self.thing.last_s)
        if not self.clips_done:
            self._clips()
        if self.telling.untold:
            self._tell()

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
        self.incident = replace(incident, actor=self.heard.actor, class_name=self.thing.class_name)
        stood = f"{now_s - self.incident.since_s:.0f} s of {self.zone.dwell_s:.0f} s"
        box = self.incident.box
        self._attach(
            [
                *self._made(lambda: self._arrival_still(arrival)),
                *self._still("alarm", frame, stood, there=True),
                *self._made(lambda: [self.maker.closeup(frame, box)]),
                *self._made(lambda: self._actor_closeup(arrival)),
            ]
        )
        if self.two_clips and arrival:
            self._record_clip("arrival", arrival, self.arrival_s - PRE_ROLL_S, self.arrival_s + POST_ROLL_S)
        pin.release()

    def _arrival_still(self, arrival: Sequence[Packet]) -> Files:
        first = next(look_back(arrival, self.arrival_s, self.arrival_s + ARRIVAL_STILL_S), None)
        if first is None:
            return []
        # After a restart it has long stood there in the first picture that there is: no picture of its arrival.
        came = self.incident.onset_s is not None and self.arrival_s - self.incident.since_s <= ARRIVAL_STILL_S
        name = "arrival" if came else "first-seen"
        return self.maker.still(self.incident, name, first, name.replace("-", " "), there=True)

    def _actor_closeup(self, arrival: Sequence[Packet]) -> Files:
        actor = self.incident.actor
        if actor is None:
            return []
        first = next(look_back(arrival, actor.seen_s, actor.seen_s + ARRIVAL_STILL_S), None)
        return [] if first is None else [self.maker.closeup(first, actor.box, "closeup-actor.jpg")]

    def _still(self, name: str, frame: Frame, caption: str, *, there: bool) -> Files:
        return self._made(lambda: self.maker.still(self.incident, name, frame, caption, there=there))

    def _made(self, make: Callable[[], Files]) -> Files:
        """Evidence, or nothing where it can't be made: the incident goes on without, as it does without a clip."""
        try:
            return make()
        except Exception:
            log.exception("incident %s: evidence can't be made: it goes on without", self.incident.id)
            self.around.failures["evidence not made"] += 1
            return []

    @property
    def two_clips(self) -> bool:
        """True when arrival and alarm are too far apart for one clip."""
        alarm_s = self.incident.confirmed_s
        return alarm_s is not None and alarm_s - self.arrival_s > ONE_CLIP_MAX_S

    def _later(self, frame: Frame) -> None:
        stood = f"{frame.time_s - self.incident.since_s:.0f} s of {self.zone.dwell_s:.0f} s"
        files = self._still(self.growth.next_name, frame, stood, there=True)
        self.growth.taken(frame.time_s, made=bool(files))
        if files:
            self._attach(files)

    def _later_due(self, now_s: float) -> bool:
        alarm_s = self.incident.confirmed_s
        return alarm_s is not None and self.growth.due(now_s, self.incident.since_s, alarm_s, self.zone.dwell_s)

    def _last_still(self, at_s: float) -> None:
        """The last picture that shows the thing, if the later still has not been taken yet."""
        if self.growth.count or self.incident.confirmed_s is None or at_s <= self.incident.confirmed_s:
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
        """A new revision with more evidence."""
        self.incident = self.incident.with_evidence(*files).next_revision()
        self._tell()

    def _tell(self) -> None:
        """Tells the newest revision, or remembers that it is to be told."""
        self.telling.tell(self.incident.id, self._publish, self.around.failures)

    def _publish(self) -> None:
        """Once the clips are in, with a record that lists them all."""
        if self.clips_done and self.work_left == 0 and self.recorded < self.incident.revision:
            record = self.maker.record(self.incident, self.around.record_of(self.incident))
            self.incident, self.recorded = self.incident.with_evidence(record), self.incident.revision
        self.around.publish(self.incident)
