"""What a watch is given besides its camera: who looks, where files go, who is told."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from detector.evidence.plates import plate_desk
from detector.lifecycle.incidents import Incident
from detector.lifecycle.resume import OpenCase
from detector.zoning.cameras_file import Camera
from detector.zoning.zones import Zone
from models.detector import Detector
from models.plates.reader import PlateReader
from streams.clock import CaptureClock


@dataclass(frozen=True)
class WatchPlan:
    """What a watch needs besides its camera."""

    detector: Detector
    folder: Path
    """Evidence goes to a folder in here for each incident."""
    publish: Callable[[Camera, Zone, CaptureClock, Incident], None]
    record_of: Callable[[Camera, Zone, CaptureClock, Incident], dict[str, Any]]
    executor: Executor | None = None
    """Where clips are made; None makes them at once, in step with media time."""
    view_of: Callable[[Camera], Mapping[str, NDArray[Any]] | None] = lambda _: None
    """The camera's view as it was learned before a restart."""
    open_of: Callable[[Camera, float, CaptureClock], Sequence[OpenCase]] = lambda _camera, _now_s, _clock: ()
    """The camera's cases that were open before a restart, in the media time of now."""
    keep_open: Callable[[Camera, Sequence[OpenCase], float, datetime], None] = lambda _camera, _cases, _now_s, _now_at: (
        None
    )
    """Keeps a camera's open cases for the next start."""
    plate_reader: Callable[[], PlateReader | None] = plate_desk
    """Gives what reads plates, when a vehicle's case is confirmed; None where it can't be had."""
    gated: bool = True
    """False asks the detector about every picture: the reference that the change gate is measured against."""
