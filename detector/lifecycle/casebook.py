"""All cases of one camera: which are opened, what they are named, when they may be judged, and when they are over."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from detector.evidence.maker import EvidenceMaker
from detector.following.template import similarity
from detector.following.things import LIKELY_SAME, SAME_PLACE_IOU, Presence, Thing
from detector.lifecycle.case import Case
from detector.lifecycle.incidents import Incident, State, incident_id
from detector.lifecycle.inquiry import Questions
from detector.lifecycle.resume import OpenCase
from detector.lifecycle.surroundings import Submit, Surroundings
from detector.rules import Rule, Subject, rule_for
from detector.watching.watch_plan import WatchPlan
from detector.zoning.cameras_file import Camera
from detector.zoning.geometry import Box, iou
from detector.zoning.ground_plane import GroundPlane
from detector.zoning.zones import Zone
from models.detections import Detections
from streams.clock import CaptureClock
from streams.frame import Frame
from streams.ring import PacketRing

log = logging.getLogger(__name__)


KEEP_EVERY_S = 10.0
"""So much of a stay may be lost to a power cut: a candidate's last looks, no more."""


def about_place(zone: Zone, ground: GroundPlane | None, box: Box) -> dict[str, Any]:
    """What a reviewer wants to know of the place, beside what the rule says."""
    about: dict[str, Any] = {} if zone.permitted is None else {"permitted": zone.permitted}
    stands = None if ground is None else ground.on_ground(box.ground_contact)
    if ground is None or stands is None:
        return about
    about["ground_m"] = [round(value, 2) for value in stands]
    place = ground.place(stands)
    if place is not None:
        about |= {"latitude": round(place[0], 6), "longitude": round(place[1], 6)}
    return about


class CaseBook:
    """Keeps the cases of one camera; its watch calls it under its lock.

    Args:
        camera: Whose cases they are.
        ring: Its packets.
        clock: Its clock.
        plan: Where files go, and who is told.
        detect: What the detector finds in a whole frame.
        submit: Runs slow work.
    """

    def __init__(
        self,
        camera: Camera,
        ring: PacketRing,
        clock: CaptureClock,
        plan: WatchPlan,
        detect: Callable[[Frame], Detections],
        submit: Submit,
    ) -> None:
        self.cases: list[Case] = []
        self.withheld = 0
        self.failures: Counter[str] = Counter()
        """What went wrong, by cause; each is in the log."""
        self._camera, self._ring, self._clock, self._plan = camera, ring, clock, plan
        self._detect, self._submit = detect, submit
        self._from_start: Counter[str] = Counter()
        self._ended: list[OpenCase] = []
        self._now_s = 0.0
        self._keep_next_s = 0.0
        self._kept_some = False
        self._plated = frozenset(name for name, role in plan.detector.roles.items() if role == Subject.VEHICLE)

    @property
    def candidates(self) -> list[Thing]:
        """The things that a decision hangs on."""
        return [case.thing for case in self.cases if case.incident.state is State.CANDIDATE]

    def open(
        self,
        thing: Thing,
        zones: Sequence[tuple[Zone, Rule]],
        since_s: float,
        onset_s: float | None,
        ground: GroundPlane | None = None,
    ) -> None:
        """Begins a case in each zone: a candidate, of which nobody is told yet.

        Args:
            thing: What has come to stay.
            zones: Where it stands, and the rule there.
            since_s: Since when it has stood there, in media time.
            onset_s: When it came; None if it was there before watching began.
            ground: What the ground is in metres, where that is known.
        """
        for zone, rule in zones:
            incident = Incident(
                id=self._new_id(zone, rule, onset_s, thing.anchor),
                camera=self._camera.id,
                zone=zone.id,
                type=rule.incident_type,
                since_s=since_s,
                onset_s=onset_s,
                box=thing.anchor.clipped,
                class_name=thing.class_name,
                role=rule.subject.role,
            )
            case = self._case(incident, thing, zone, rule)
            case.not_before_s = self._cooled_down_s(case)
            self.withheld += case.not_before_s > since_s + zone.dwell_s
            case.about = about_place(zone, ground, thing.anchor)
            self.cases.append(case)

    def resume(self, cases: Sequence[OpenCase], rules: Sequence[tuple[Zone, Rule]]) -> list[tuple[Rule, Thing]]:
        """Goes on with cases that were open before a restart; gives the things to be followed again, with their rules.

        Args:
            cases: As they were kept, in the media time of now.
            rules: The zones as they are now; a case whose zone is no more is over, and so is one that is lost.
        """
        followed: list[tuple[Rule, Thing]] = []
        self._ended += [kept for kept in cases if kept.cooling]
        for kept in (it for it in cases if not it.cooling):
            of = (kept.incident.zone, kept.incident.type)
            zone, rule = next(((it, rule) for it, rule in rules if (it.id, rule.incident_type) == of), (None, None))
            if zone is None or rule is None or kept.lost is not None:
                self._let_go(kept, zone or kept.zone, kept.lost or f"its zone {kept.incident.zone} is no more")
                continue
            case = self._case(kept.incident, kept.thing, zone, rule)
            case.take_up(kept)
            self.cases.append(case)
            if kept.incident.state is not State.ENDED and all(kept.thing is not thing for _, thing in followed):
                followed.append((rule, kept.thing))
        return followed

    def _let_go(self, kept: OpenCase, zone: Zone | None, why: str) -> None:
        """What was told ends when it was last seen, though nobody has seen it leave: it would be open for ever."""
        log.warning("incident %s: %s: it is not followed on", kept.incident.id, why)
        rule = None if zone is None else rule_for(zone.kind)
        if zone is None or rule is None or kept.incident.revision == 0:
            return
        incident = kept.incident
        if incident.state is State.CONFIRMED:
            incident = incident.ended(kept.thing.last_s, {"left": False, "not_followed_on": why})
        case = self._case(incident, kept.thing, zone, rule)
        self.cases.append(case)
        case.take_up(kept)
        # It was among them until it was told. No look may come to it: its subject may not be followed any more.
        self.sweep()

    def keep(self, now_s: float) -> None:
        """Keeps what is open for the next start: every now and then, as long as there is anything."""
        if now_s < self._keep_next_s or not (self.cases or self._kept_some):
            return
        try:
            self._keep(now_s)
        except OSError:
            log.exception("camera %s: open cases can't be kept for now: it is tried again", self._camera.id)
            self.failures["open cases not kept"] += 1

    def _keep(self, now_s: float) -> None:
        self._keep_next_s = now_s + KEEP_EVERY_S
        self._now_s = max(self._now_s, now_s)
        cooldowns = {zone.id: zone.cooldown_s for zone in self._camera.zones}
        cooling = [it for it in self._ended if self._now_s - _ended_s(it) < cooldowns.get(it.incident.zone, 0.0)]
        kept = [*(case.kept() for case in self.cases), *cooling]
        self._kept_some = bool(kept)
        self._plan.keep_open(self._camera, kept, self._now_s, self._clock.wall(self._now_s))

    def look(
        self, now_s: float, frame: Frame, questions: Callable[[Case], Questions], gone: Collection[Thing] = ()
    ) -> None:
        """A new look at all things but those that have gone with it."""
        self._now_s = now_s
        for case in self.cases:
            if case.thing not in gone:
                with self._by_itself(case):
                    case.look(now_s, frame, questions(case), self._watched_from_s(case.zone, now_s))

    def gone(self, thing: Thing, ended_s: float, frame: Frame | None) -> None:
        """A thing has left; `frame` is the first picture without it, None if that can't be had any more."""
        for case in [case for case in self.cases if case.thing is thing]:
            if case.incident.state is State.CONFIRMED:
                self._ended.append(OpenCase(case.incident.ended(ended_s, {}), thing, cooling=True))
            with self._by_itself(case):
                case.gone(ended_s, frame, clear=thing.presence is Presence.ABSENT)

    def about(self, thing: Thing) -> bool:
        """True when there is a case about it."""
        return any(case.thing is thing for case in self.cases)

    def merged(self, things: Collection[Thing]) -> None:
        """These turned out to be others that are followed already."""
        for case in self.cases:
            if case.thing in things:
                with self._by_itself(case):
                    case.merged()

    def due(self, now_s: float) -> None:
        """Lets what is due happen without a picture."""
        for case in self.cases:
            with self._by_itself(case):
                case.due(now_s)

    def sweep(self) -> None:
        """Forgets the cases that are over."""
        self.cases = [case for case in self.cases if case.open]

    def finish(self, *, for_good: bool) -> None:
        """Nothing more will come from this camera: for good, or until the next start."""
        for case in self.cases:
            with self._by_itself(case):
                case.finish(for_good=for_good)
        if not for_good:
            self._keep(self._now_s)

    @contextmanager
    def _by_itself(self, case: Case) -> Iterator[None]:
        """One case's trouble is not the others'."""
        try:
            yield
        except Exception:
            log.exception("incident %s: could not be dealt with; the others go on", case.incident.id)
            self.failures["case not dealt with"] += 1

    def _case(self, incident: Incident, thing: Thing, zone: Zone, rule: Rule) -> Case:
        maker = EvidenceMaker(
            self._plan.folder / incident.id,
            self._camera,
            zone,
            self._clock,
            self._detect,
            vehicles=self._plated,
            plate_reader=self._plan.plate_reader,
        )
        around = Surroundings(
            ring=self._ring,
            submit=self._submit,
            publish=lambda incident: self._publish(zone, incident),
            record_of=lambda incident: self._plan.record_of(self._camera, zone, self._clock, incident),
            failures=self.failures,
        )
        return Case(incident, thing, zone, rule, maker, around)

    def _publish(self, zone: Zone, incident: Incident) -> None:
        # Kept first: were it told first and forgotten then, the next start would tell something else by the same number.
        self._keep(self._now_s)
        self._plan.publish(self._camera, zone, self._clock, incident)

    def _new_id(self, zone: Zone, rule: Rule, onset_s: float | None, box: Box) -> str:
        name = incident_id(self._camera.id, zone.id, rule.incident_type, self._onset_name(onset_s), box)
        if onset_s is not None:
            return name
        # Without an onset, two stays in one place would have one name.
        self._from_start[name] += 1
        return name if self._from_start[name] == 1 else f"{name}-{self._from_start[name]}"

    def _onset_name(self, onset_s: float | None) -> str:
        if self._clock.source == "file" and self._camera.starts_at is None:
            return "start" if onset_s is None else f"{onset_s:.2f}"
        return self._clock.wall(onset_s or 0.0).isoformat(timespec="milliseconds")

    def _watched_from_s(self, zone: Zone, now_s: float) -> float | None:
        """Since when the zone's calendar has its rule in force, in media time; None while it is not."""
        if zone.calendar is None:
            return -math.inf
        now = self._clock.wall(now_s)
        since = zone.calendar.active_since(now)
        return None if since is None else now_s - (now - since).total_seconds()

    def _cooled_down_s(self, case: Case) -> float:
        """Until when an alarm is withheld, because one like it, in the same place, has only just ended."""
        zone, thing = case.zone, case.thing
        self._ended = [
            it
            for it in self._ended
            if case.incident.since_s - _ended_s(it) < zone.cooldown_s or it.incident.zone != zone.id
        ]
        return max(
            (
                _ended_s(it) + zone.cooldown_s
                for it in self._ended
                if (it.incident.zone, it.incident.type) == (zone.id, case.incident.type)
                and iou(it.thing.anchor, thing.anchor) >= SAME_PLACE_IOU
                and similarity(it.thing.template, thing.template) >= LIKELY_SAME
            ),
            default=-math.inf,
        )


def _ended_s(case: OpenCase) -> float:
    ended_s = case.incident.ended_s
    return -math.inf if ended_s is None else ended_s
