"""What a rule is: it judges a stay. Rules see no video, no threads, no HTTP."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from detector.rules.signs import Actor, Passing, Signs, Vehicle
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind


class Subject(StrEnum):
    """What a rule is about."""

    VEHICLE = "vehicle"
    TWO_WHEELER = "two_wheeler"
    THING = "thing"
    """Something on the ground that was not there before, whatever it is."""
    FRONT = "front"
    """Something that was put before a shop's front, whoever stands beside it."""
    PITCH = "pitch"
    """A place where somebody stays with things that stay."""

    @property
    def role(self) -> str:
        """What it is to a reader of the incident: before a shop or elsewhere, a thing is a thing."""
        return (Subject.THING if self is Subject.FRONT else self).value


DETECTED = frozenset({Subject.VEHICLE, Subject.TWO_WHEELER})
"""Subjects that the detector has a class for, so that a zone may choose among its classes."""


class Ask(StrEnum):
    """What a rule wants look-back to find out before it decides. Costs seconds of decoding, so it is asked last."""

    PASSED = "passed"
    """Did others drive past, while it stood?"""
    ACTOR = "actor"
    """Who put it there?"""
    CLOSELY = "closely"
    """Is it a vehicle after all, seen closely?"""


@dataclass(frozen=True, slots=True)
class Stay:
    """One thing's stay in one zone, as far as it is known at `now_s`. All times are media time in seconds."""

    now_s: float
    since_s: float
    """When dwell begins to count: the onset, or the first picture if the thing was there already."""
    onset_s: float | None
    """When it came to rest; None if it stood there when watching began."""
    box: Box
    class_name: str
    mean_score: float
    looks: int
    seen: int
    held: int
    hidden: int
    present: bool
    """True when the newest look shows it."""
    signs: Signs | None = None
    """What goes on around it; which of them depends on the subject."""
    passed: Passing | None = None
    """Vehicles that moved while it stood; None: look-back has not been asked yet."""
    actor: Actor | None = None
    """Who put it there; None also where look-back found nobody."""
    actor_sought: bool = False
    closely: Vehicle | None = None
    """What it is when it is seen closely; None: nobody has looked yet."""

    @property
    def stood_s(self) -> float:
        """How long it has stood."""
        return self.now_s - self.since_s


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule says of a stay."""

    confirmed: bool
    score: float
    """0 to 1: how sure."""
    why: dict[str, Any]
    """Numbers a person can read; `summary` is one sentence."""
    asks: Ask | None = None
    """What would settle it, where it is not confirmed yet."""


class Rule(Protocol):
    """One pure object per kind of incident."""

    incident_type: str
    subject: Subject
    needs: frozenset[str]
    """Roles of detector classes without which it can't judge, as the model's registry entry names them."""
    kinds: frozenset[ZoneKind]

    def judge(self, stay: Stay, zone: Zone) -> Judgement:
        """Says how far a stay has got."""
        ...
