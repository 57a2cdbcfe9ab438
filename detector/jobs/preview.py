"""The job `preview`: a fresh picture of a camera with zones drawn on it. For people who draw zones; no evidence."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.check import drawn
from detector.evidence.annotate import DrawnZone, with_zones
from detector.jobs.places import camera_of
from detector.jobs.task import Bench, Done, JobError, Task
from detector.zoning.cameras_file import Camera
from streams.errors import SourceError
from streams.frame import Frame
from streams.source.probe import first_picture
from streams.still import encode_jpeg

JPEG_QUALITY = 85
"""To look at, not to keep: a third of a still's size."""


class Previewer:
    """Takes pictures and draws on them.

    Args:
        cameras: Those whose address this worker has, by id.
    """

    def __init__(self, cameras: Mapping[str, Camera]) -> None:
        self._cameras = cameras

    def __call__(self, task: Task, bench: Bench) -> Done:
        """Takes a picture and draws the job's zones, or those that this worker knows.

        Raises:
            JobError: There is no picture, or the camera is not known here.
        """
        wanted = task.output
        camera = camera_of(task, self._cameras)
        bench.progress(0.1, "waiting for a picture")
        try:
            frame = first_picture(camera.address)
        except SourceError as error:
            raise JobError(str(error)) from None
        bench.progress(0.8, "drawing")
        path = bench.folder / wanted.name
        path.write_bytes(encode_jpeg(_picture(camera, frame, task.spec.get("zones")), JPEG_QUALITY))
        result = {"width_px": frame.width_px, "height_px": frame.height_px, "taken_at": datetime.now(UTC).isoformat()}
        return Done(result, {wanted.name: path})


def _picture(camera: Camera, frame: Frame, zones: list[Mapping[str, Any]] | None) -> NDArray[np.uint8]:
    if zones is None:
        return drawn(camera, frame, datetime.now(UTC))
    given = [DrawnZone(str(zone.get("label") or zone["id"]), [(x, y) for x, y in zone["polygon"]]) for zone in zones]
    return with_zones(frame.rgb(), given)
