"""Analyses one clip in this process, on one thread."""

from __future__ import annotations

import functools
from typing import Any

import cv2

from detector.analyze import EVIDENCE_FOLDER, INCIDENTS_FILE, analyze_cameras
from detector.delivery.wire import SCHEMA, recorded
from detector.errors import ConfigError
from detector.evidence.files import as_json
from detector.preflight import check_classes, check_files, say_what_is_off
from detector.recording import watch_recording
from detector.zoning.cameras_file import Camera
from evaluation.datasets.truth import clip_of, only_camera
from evaluation.errors import EvaluationError
from evaluation.running.job import Job, Tell
from evaluation.running.zones import with_dwells
from models.detector import Detector, load_detector
from models.errors import ModelError
from streams.errors import SourceError


def analyse(job: Job, tell: Tell) -> None:
    """Write `incidents.json`, and evidence if it is wanted, to the job's folder.

    Raises:
        EvaluationError: the cameras file, the clip or the model is wrong.
    """
    cv2.setNumThreads(1)  # clips share the cores: helpers of their own would only get in each other's way
    try:
        camera = only_camera(job.cameras)
        clip_of(camera)  # refuses a live one
        check_files([camera])
        detector = _detector(job.settings.model, job.settings.provider)
        check_classes([camera], detector.name, detector.names)
        say_what_is_off([camera], detector)
        if job.settings.evidence:
            analyze_cameras([camera], detector, job.folder, on_progress=tell)
        else:
            found = _watched(camera, detector, job, tell)
            (job.folder / INCIDENTS_FILE).write_bytes(as_json(found))
    except (ConfigError, SourceError, ModelError) as error:
        raise EvaluationError(str(error)) from error


@functools.lru_cache(maxsize=1)
def _detector(model: str, provider: str | None) -> Detector:
    """Opened once for all clips of this process."""
    return load_detector(model, provider=provider)


def _watched(camera: Camera, detector: Detector, job: Job, tell: Tell) -> dict[str, Any]:
    """The content of incidents.json as `detector.analyze` writes it, but without evidence."""
    stills = job.folder / EVIDENCE_FOLDER
    stills.mkdir(parents=True, exist_ok=True)
    seen = watch_recording(
        with_dwells(camera, job.settings.dwells_s),
        detector,
        stills,
        gated=job.settings.gated,
        evidence=False,
        on_progress=tell,
    )
    incidents = sorted(seen.incidents, key=lambda incident: (incident.confirmed_s or 0.0, incident.id))
    rows = [{**recorded(incident), "evidence": []} for incident in incidents]
    return {"schema": SCHEMA, "sources": [seen.source], "incidents": rows}
