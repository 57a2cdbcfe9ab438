"""How look-back asks: what the ring's packets tell about one camera's things, decoded when a decision hangs on it.

Patrol glances every other second. Here are the questions that a glance can't answer: when exactly did it come, did it really
stand there in between, who put it there, who drove past. Each costs some decoding; none is asked without a candidate.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from detector.following.actors import who_put_it
from detector.following.retrospect import Picture, arrival_bracket, came_to_rest, left_at, shown_share
from detector.following.things import Thing
from detector.following.tracking import Tracked, tracked
from detector.following.traffic import passed_by
from detector.rules.signs import Actor, Passing, Signs, Vehicle
from detector.watching.looks import Look, LookMemory
from detector.zoning.zones import Zone
from models.detections import Detections
from streams.frame import Frame
from streams.lookback import look_back
from streams.packet import Packet
from streams.ring import PacketRing

FINE_STEP_S = 0.08
"""Look-back compares pictures this far apart: finer than anybody can say when a wheel stopped turning."""
PROOF_STEP_S = 0.2
"""Enough to tell a parked car from two that came by."""
START_S = 1.0
"""What came to rest within the first second was at the most still rolling when watching began."""
PROOF_S = 2.5
"""Looks further apart (a camera was away, the machine is overloaded) are not decoded whole: the newest part will do."""
TRACKED_FPS = 4.0
"""Pictures per second in which actors and traffic are followed: people and cars still overlap themselves at this rate."""
PASSED_S = 16.0
"""Traffic is followed over this long before the look: in a street that moves, somebody passes within it."""
FOLLOWED_EVERY_S = 10.0
"""And no more often than this for one camera, however long its queue: a tenth of a core."""
ACTOR_BEFORE_S, ACTOR_AFTER_S = 5.0, 5.0
"""Around the onset: as much as is kept of an arrival. Somebody who walks up and away is in view for most of it."""


@dataclass(frozen=True)
class Questions:
    """What a case may ask about its thing at one look; each answer but the first costs decoding."""

    signs: Callable[[], Signs]
    stood: Callable[[], float]
    """In which share of the pictures since the last look did the thing stand there?"""
    passed: Callable[[float], Passing]
    """Which vehicles moved around it since a moment?"""
    actor: Callable[[float, Sequence[Packet]], Actor | None]
    """Who put it there at a moment, by the packets around it?"""
    closely: Callable[[Frame], Vehicle]
    """Is it a vehicle, seen closely in a picture that shows it?"""


@dataclass(frozen=True)
class Inquiry:
    """Asks one camera's ring."""

    ring: PacketRing
    detect: Callable[[Frame], Detections]
    roles: Mapping[str, str]
    """Class name of the detector to its role."""
    seen: list[tuple[float, list[tuple[float, list[Tracked]]]]] = field(default_factory=list, repr=False)
    """The newest traffic that was followed, and the moment up to which: it serves all vehicles of a queue."""

    def shown(self, thing: Thing, looked_s: float, look: Look) -> float:
        """Share of the pictures since the last look, at `looked_s`, that show the thing in its place."""
        since_s = max(looked_s, look.time_s - PROOF_S)
        return shown_share(self._pictures(since_s, look.time_s, look, PROOF_STEP_S), thing.anchor, thing.template)

    def arrival(self, thing: Thing, memory: LookMemory, look: Look) -> tuple[float, float | None]:
        """Since when it has stood there, and its onset: None if it was there before watching began."""
        first = memory.first
        if not thing.steady:
            since_s = onset_s = thing.first_s
        else:
            bracket = arrival_bracket(thing, memory)
            if bracket.without_s is None:
                return bracket.with_s, None
            pictures = self._pictures(bracket.without_s, bracket.with_s, look)
            since_s = onset_s = came_to_rest(pictures, thing.anchor, thing.template, bracket.with_s)
        if first is not None and onset_s - first.time_s < START_S:
            return first.time_s, None
        return since_s, onset_s

    def left(self, thing: Thing, look: Look) -> float:
        """The last moment at which the thing was there, of one that has gone."""
        if not thing.steady:
            return thing.last_s
        clear_s = thing.absent_since_s if thing.absent_since_s is not None else look.time_s
        return left_at(self._pictures(thing.last_s, clear_s, look), thing.anchor, thing.template, thing.last_s)

    def frame_of(self, look: Look) -> Frame | None:
        """The picture of a look, from the ring: kept in full for every camera, they would take 3 MB each."""
        packets = self.ring.window(look.time_s, look.time_s)
        return next(look_back(packets, look.time_s, look.time_s), None)

    def passed(self, thing: Thing, zone: Zone, now_s: float, since_s: float) -> Passing:
        """Which vehicles moved around a standing one lately, from `since_s` on at the earliest."""
        if not self.seen or now_s - self.seen[0][0] >= FOLLOWED_EVERY_S:
            start_s = now_s - PASSED_S
            rows = self._tracked(self.ring.window(start_s, now_s), start_s, now_s, ("vehicle",))
            self.seen[:] = [(now_s, rows)]
        return passed_by([(time_s, row) for time_s, row in self.seen[0][1] if time_s >= since_s], thing.anchor, zone)

    def actor(self, thing: Thing, onset_s: float, packets: Sequence[Packet]) -> Actor | None:
        """Who put a thing there, as far as the packets around its onset show it."""
        roles = ("person", "vehicle", "two_wheeler")
        rows = self._tracked(packets, onset_s - ACTOR_BEFORE_S, onset_s + ACTOR_AFTER_S, roles)
        return who_put_it(rows, thing.anchor, onset_s, self.roles)

    def _tracked(
        self, packets: Sequence[Packet], start_s: float, end_s: float, roles: Collection[str]
    ) -> list[tuple[float, list[Tracked]]]:
        frames = look_back(packets, start_s, end_s, every_s=1 / TRACKED_FPS)
        return [
            (time_s, [entry for entry in row if self.roles.get(entry.class_name) in roles])
            for time_s, row in tracked(frames, self.detect, TRACKED_FPS)
        ]

    def _pictures(self, start_s: float, end_s: float, look: Look, every_s: float = FINE_STEP_S) -> Iterator[Picture]:
        height, width = look.luma.shape
        for frame in look_back(self.ring.window(start_s, end_s), start_s, end_s, every_s=every_s):
            yield frame.time_s, frame.gray(width, height)
