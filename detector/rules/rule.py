"""What a rule is: it judges a stay. Rules see no video, no threads, no HTTP."""

from dataclasses import dataclass
from typing import Any, Protocol

from detector.geometry import Box
from detector.zones import Zone, ZoneKind


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


class Rule(Protocol):
    """One pure object per kind of incident."""

    incident_type: str
    role: str
    """Role of the things that it looks at, as the model's registry entry names it."""
    kinds: frozenset[ZoneKind]

    def judge(self, stay: Stay, zone: Zone) -> Judgement:
        """Says how far a stay has got."""
        ...
