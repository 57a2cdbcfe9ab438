"""What all contenders of `bench peers` are given and give back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detector.zoning.cameras_file import Camera
from detector.zoning.zones import Zone, ZoneKind
from evaluation.datasets.truth import clip_of
from evaluation.metrics.matching import Prediction

PARKING: Final = "illegal_parking"
PARKING_KINDS: Final = (ZoneKind.NO_PARKING, ZoneKind.FIRE_LANE)
"""The one incident that a tracker and a dwell can tell; the others would not be compared fairly."""
VEHICLE: Final = "vehicle"
LOOKS_PER_S: Final = 5.0
"""How often a peer looks: what users who track commonly settle for."""
CONFIDENT: Final = 0.25
"""Score from which a track begins: as Ultralytics' own `bytetrack.yaml` has it."""
FAINT: Final = 0.1
"""Score from which a box may carry a track on: from the same file."""


@dataclass(frozen=True)
class Task:
    """One clip.

    Attributes:
        camera: with its zones; its source is the clip.
        model: name in the registry.
    """

    camera: Camera
    model: str

    @property
    def clip(self) -> Path:
        """The recorded file.

        Raises:
            EvaluationError: the source is live.
        """
        return clip_of(self.camera)

    @property
    def zones(self) -> list[Zone]:
        """Those in which parking is forbidden."""
        return [zone for zone in self.camera.zones if zone.kind in PARKING_KINDS]


@dataclass(frozen=True)
class Outcome:
    """What a contender made of a clip, and what it took.

    Attributes:
        media_s: how much it saw.
        cpu_s: of its whole process, all threads.
        wall_s: by the clock on the wall.
        alarms: incidents of the type `PARKING`.
        parts_s: CPU seconds of parts of it that are worth telling apart.
    """

    media_s: float
    cpu_s: float
    wall_s: float
    alarms: tuple[Prediction, ...]
    parts_s: Mapping[str, float]


def timed(watch: Callable[[], tuple[float, list[Prediction]]], parts_s: Mapping[str, float] | None = None) -> Outcome:
    """Runs it in this process, which does nothing else; `watch` gives how much media it saw, and the alarms."""
    wall_s, cpu_s = time.monotonic(), time.process_time()
    media_s, alarms = watch()
    cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
    return Outcome(media_s, cpu_s, wall_s, tuple(alarms), parts_s or {})
