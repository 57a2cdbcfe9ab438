"""What is to be done with a clip. Imports nothing heavy: a process must be there before it loads the detector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DEFAULT_MODEL = "yolov8n"

Tell = Callable[[float], None]
"""Told the seconds of film that have been read since it was last told."""


@dataclass(frozen=True)
class Settings:
    """How clips are analysed; whatever is set here decides whether an earlier analysis may be kept.

    Attributes:
        model: name in the registry, or `NAME:PRECISION`.
        provider: where it runs, as `models.runtime.session.open_session` takes it; None takes the best that is there.
        evidence: make clips, stills and tracks and read plates, as the product does. They take part in no decision.
        gated: let the change gate decide which pictures the detector sees, as the product does.
        dwells_s: watch each zone once for each of these dwells; none: as it is drawn.
    """

    model: str = DEFAULT_MODEL
    provider: str | None = None
    evidence: bool = False
    gated: bool = True
    dwells_s: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.evidence and (self.dwells_s or not self.gated):
            raise ValueError("evidence is made of the product's own analysis: gated, and with zones as they are drawn")


@dataclass(frozen=True)
class Job:
    """A clip to analyse.

    Attributes:
        name: what the dataset calls it.
        cameras: its cameras file.
        folder: where `incidents.json` and evidence go.
        settings: how.
    """

    name: str
    cameras: Path
    folder: Path
    settings: Settings


Work = Callable[[Job, Tell], None]
"""Does a job in this process. An EvaluationError says that the clip can't be analysed; any other error is a defect."""
