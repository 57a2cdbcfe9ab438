"""Incidents: immutable snapshots of one stay that broke a rule, from candidate to end."""

import hashlib
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from detector.rules.signs import Actor
from detector.zoning.geometry import Box
from models.plates.reading import Plate


class State(StrEnum):
    """How far an incident has got."""

    CANDIDATE = "candidate"
    CONFIRMED = "confirmed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file of evidence in the incident's folder; times are media time in seconds."""

    name: str
    kind: str
    sha256: str
    start_s: float
    end_s: float
    derived_from: str | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """One snapshot. What comes later is another snapshot with a higher `revision`; nothing is ever backdated."""

    id: str
    camera: str
    zone: str
    type: str
    since_s: float
    """The first moment it is known to have stood there; dwell counts from here."""
    onset_s: float | None
    box: Box
    class_name: str
    revision: int = 0
    """0 while it is a candidate that nobody has been told of."""
    state: State = State.CANDIDATE
    confirmed_s: float | None = None
    ended_s: float | None = None
    score: float = 0.0
    why: dict[str, Any] = field(default_factory=dict)
    evidence: tuple[EvidenceFile, ...] = ()
    plate: Plate | None = None
    """None as long as nobody has looked for it; a plate without a text is not legible."""
    role: str = "vehicle"
    """What its subject is to the rule."""
    actor: Actor | None = None
    """Who put it there, where that was seen."""

    def confirmed(self, at_s: float, box: Box, score: float, why: dict[str, Any]) -> "Incident":
        """The alarm: `at_s` is the newest picture that the decision used."""
        return replace(self, state=State.CONFIRMED, confirmed_s=at_s, box=box.clipped, score=score, why=why)

    def ended(self, at_s: float, why: dict[str, Any]) -> "Incident":
        """The thing has gone."""
        return replace(self, state=State.ENDED, ended_s=at_s, why={**self.why, **why})

    def with_evidence(self, *files: EvidenceFile) -> "Incident":
        """With more files."""
        return replace(self, evidence=(*self.evidence, *files))

    def with_plate(self, plate: Plate | None) -> "Incident":
        """With what is known of the vehicle's plate."""
        return replace(self, plate=plate)

    def next_revision(self) -> "Incident":
        """Numbered for sending."""
        return replace(self, revision=self.revision + 1)


def incident_id(camera: str, zone: str, incident_type: str, onset: str, box: Box) -> str:
    """Names an incident by what it is, so that two runs over the same recording, or a repeated report, agree.

    Args:
        camera: Its camera.
        zone: Its zone.
        incident_type: What happened.
        onset: When, as text: seconds of media time for a recording, RFC 3339 for a live camera.
        box: Where; two vehicles that both stood there at the start differ in nothing else.
    """
    place = ",".join(f"{value:.2f}" for value in box)
    digest = hashlib.sha256("|".join((camera, zone, incident_type, onset, place)).encode()).hexdigest()
    return f"{camera[:40]}-{digest[:16]}"
