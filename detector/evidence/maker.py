"""Evidence of one incident: which moments are recorded, and how the files are made.

A parking pack has at least three stills: at arrival (or first seen), at the alarm, and later: the last picture of the
vehicle before it leaves, or one when it has stood for the permitted time once more. Two of them are then further apart than
the permitted time (GA/T 832-2014 asks for two panoramas at least 10 s apart; Beijing for the permitted time).
"""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2

from detector.evidence.files import as_json, write_evidence
from detector.evidence.plates import PlateLooks, best_views, look_at_plate, plate_desk
from detector.evidence.stills import take_closeup, take_plate, take_still
from detector.evidence.tracks import TRACKS_FPS, follow, path_of
from detector.lifecycle.incidents import EvidenceFile, Incident
from detector.zoning.cameras_file import Camera
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone
from models.detections import Detections
from models.errors import ModelError
from models.plates.reader import PlateReader
from models.plates.reading import Plate, PlateReading
from streams.clip import BROWSER_CODECS, Clip, write_clip
from streams.clock import CaptureClock
from streams.frame import Frame
from streams.lookback import look_back
from streams.packet import Packet
from streams.viewing import write_viewing_copy

log = logging.getLogger(__name__)

PRE_ROLL_S = 5.0
POST_ROLL_S = 5.0
ONE_CLIP_MAX_S = 15.0
"""Onset and alarm closer together than this are shown by one clip, else by two: the ring need not be as long as the dwell."""
RING_S = 30.0
"""The packet ring reaches back over one clip with its rolls, and from the first sighting to the arrival."""
RING_BYTES = 48 * 2**20
"""A bound, not a size: 30 s of a 4 Mb/s camera are 15 MB; what is richer than 13 Mb/s keeps less of it."""


@dataclass(frozen=True)
class Made:
    """What a piece of slow work has made: files, and readings of the vehicle's plate, one for each picture looked at."""

    files: list[EvidenceFile] = field(default_factory=list)
    readings: tuple[PlateReading | None, ...] = ()


@dataclass(frozen=True)
class EvidenceMaker:
    """Makes the files of one incident, in a folder of its own. Takes part in no decision."""

    folder: Path
    camera: Camera
    zone: Zone
    clock: CaptureClock
    detect: Callable[[Frame], Detections]
    vehicles: Collection[str] = ()
    """Names of the classes that have plates."""
    plate_reader: Callable[[], PlateReader | None] = plate_desk

    def still(self, incident: Incident, name: str, frame: Frame, caption: str, *, there: bool) -> list[EvidenceFile]:
        """A still and its annotated copy; `there` tells whether the thing is still in the picture."""
        lines = [
            f"{self.moment_text(frame.time_s)}  ·  {caption}",
            "  ·  ".join(
                part for part in (self.camera.place, self.camera.direction, self.camera.id, self.zone.id) if part
            ),
        ]
        box = incident.box if there else None
        return list(
            take_still(self.folder, name, frame, lines, box=box, label=incident.class_name, zone=self.zone.polygon)
        )

    def closeup(self, frame: Frame, box: Box, name: str = "closeup.jpg") -> EvidenceFile:
        """The thing itself, or who put it there, cut out."""
        return take_closeup(self.folder, name, frame, box)

    def clip(
        self,
        incident: Incident,
        name: str,
        packets: Sequence[Packet],
        start_s: float,
        end_s: float,
        *,
        plate_looks: int = 0,
    ) -> Made:
        """A clip (`name` is empty for the only one), its viewing copy if browsers need one, tracks and completeness.

        In at most `plate_looks` of its pictures the vehicle's plate is read.
        """
        suffix = f"-{name}" if name else ""
        self.folder.mkdir(parents=True, exist_ok=True)
        clip = write_clip(packets, start_s, end_s, self.folder / f"clip{suffix}")
        made = [EvidenceFile(clip.path.name, "clip", clip.sha256, clip.start_s, clip.end_s)]
        if clip.codec not in BROWSER_CODECS:
            view = write_viewing_copy(clip.path, self.folder / f"clip{suffix}-view.mp4")
            made.append(
                EvidenceFile(view.path.name, "clip", view.sha256, clip.start_s, clip.end_s, derived_from=clip.path.name)
            )
        tracks = follow(
            look_back(packets, clip.start_s, clip.end_s, every_s=1 / TRACKS_FPS),
            self.detect,
            clip=clip.path.name,
            starts_s=clip.start_s,
            anchor=incident.box,
            zone=self.zone.polygon,
        )
        completeness = completeness_of(clip, self.clock)
        for stem, kind, content in (("tracks", "tracks", tracks), ("completeness", "completeness", completeness)):
            data = as_json(content)
            made.append(write_evidence(self.folder, f"{stem}{suffix}.json", kind, data, clip.start_s, clip.end_s))
        looks = self._look_at_plate(packets, clip, tracks, plate_looks)
        if looks.closeup_rgb is not None:
            made.append(take_plate(self.folder, f"closeup-plate{suffix}.jpg", looks.closeup_rgb, looks.closeup_s))
        return Made(made, looks.readings)

    def _look_at_plate(self, packets: Sequence[Packet], clip: Clip, tracks: dict[str, Any], count: int) -> PlateLooks:
        path = path_of(tracks, clip.start_s, self.vehicles)
        reader = self.plate_reader() if count and path else None
        if reader is None:
            return PlateLooks()
        # The same pictures as the tracks have, from the keyframe before the path on.
        frames = look_back(packets, clip.start_s, path[-1].time_s, every_s=1 / TRACKS_FPS)
        try:
            return look_at_plate(best_views(frames, path, count), reader)
        except (ModelError, ValueError, cv2.error):
            # A plate that can't be read must not take the clip with it.
            log.exception("camera %s: a plate could not be looked at", self.camera.id)
            return PlateLooks()

    def plate(self, readings: Sequence[PlateReading | None]) -> Plate | None:
        """What all looks at the plate say together; None where nobody looked."""
        reader = self.plate_reader() if readings else None
        return reader.together(readings) if reader is not None else None

    def record(self, incident: Incident, content: dict[str, Any]) -> EvidenceFile:
        """The incident as it stands, as a file of its own beside the pictures."""
        end_s = max([incident.confirmed_s or incident.since_s, *(file.end_s for file in incident.evidence)])
        name = f"record-{incident.revision}.json"
        return write_evidence(self.folder, name, "record", as_json(content), incident.since_s, end_s)

    def moment_text(self, time_s: float) -> str:
        """A moment as it is written on a picture: wall-clock time where it is known, else media time."""
        if self.clock.source == "file" and self.camera.starts_at is None:
            minutes, seconds = divmod(round(time_s, 2), 60)
            return f"{int(minutes):02d}:{seconds:05.2f} of the recording"
        zone = self.camera.starts_at.tzinfo if self.camera.starts_at else None
        return self.clock.wall(time_s).astimezone(zone).isoformat(sep=" ", timespec="milliseconds")


def completeness_of(clip: Clip, clock: CaptureClock) -> dict[str, Any]:
    """What the clip promised and what it holds; times in seconds of media time."""
    content = asdict(clip) | {
        "path": clip.path.name,
        "transcoded": False,
        "clock_source": clock.source,
        "clock_error_s": clock.error_s,
        "camera_clock_offset_s": clock.camera_offset_s,
        "pre_roll_asked_s": PRE_ROLL_S,
        "pre_roll_s": round(PRE_ROLL_S + clip.asked_start_s - clip.start_s, 3),
        "pre_roll_short_s": round(max(0.0, clip.start_s - clip.asked_start_s), 3),
        "post_roll_asked_s": POST_ROLL_S,
        "post_roll_s": round(POST_ROLL_S + clip.end_s - clip.asked_end_s, 3),
        "post_roll_short_s": round(max(0.0, clip.asked_end_s - clip.end_s), 3),
        "gaps_in_all_s": round(sum(end_s - start_s for start_s, end_s in clip.gaps_s), 3),
        "schema": 1,
    }
    content["file"] = content.pop("path")
    return content
