"""Recorded files, as fast as they go, in media time, without an event system."""

import json
import logging
import os
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from detector.delivery.wire import SCHEMA, recorded
from detector.errors import ConfigError
from detector.evidence.files import as_json
from detector.preflight import check_classes, check_files, say_what_is_off
from detector.recording import Progress, Recorded, watch_recording
from detector.zoning.cameras_file import Camera, read_cameras
from models.detector import Detector, load_detector

log = logging.getLogger(__name__)

INCIDENTS_FILE = "incidents.json"
EVIDENCE_FOLDER = "evidence"
SAFE_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""An incident's id names a folder; whatever else stands in a list is not ours to remove."""


def analyze(
    cameras_path: Path,
    out_dir: Path,
    *,
    model: str = "yolov8n",
    provider: str | None = None,
    full_rate: bool = False,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Analyses every camera of a file and writes `incidents.json` and `evidence/ID/NAME`.

    Args:
        cameras_path: Cameras file; its sources are recorded files.
        out_dir: Made if missing. Files of an earlier run are replaced.
        model: Name in the registry.
        provider: Where it runs, as `models.runtime.session.open_session` takes it; None takes the best that is there.
        full_rate: Analyse every picture: slow, the reference that sampling is compared with.
        on_progress: Told how much has been read.

    Returns:
        The content of `incidents.json`.

    Raises:
        ConfigError: The cameras file or a source is wrong; nothing was written.
        models.errors.ModelError: The model can't be had, or the provider is not there.
    """
    cameras = read_cameras(cameras_path)
    live = [camera.id for camera in cameras if camera.address.live]
    if live:
        raise ConfigError(f"{cameras_path}: camera {live[0]}: is live: analyze takes recorded files; use worker")
    check_files(cameras)
    detector = load_detector(model, provider=provider)
    check_classes(cameras, detector.name, detector.names)
    say_what_is_off(cameras, detector)
    return analyze_cameras(cameras, detector, out_dir, full_rate=full_rate, on_progress=on_progress)


def analyze_cameras(
    cameras: Sequence[Camera],
    detector: Detector,
    out_dir: Path,
    *,
    full_rate: bool = False,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """`analyze` for cameras that have been read and checked: several at once, one thread each."""
    evidence_dir = out_dir / EVIDENCE_FOLDER
    _remove_earlier_run(out_dir)
    evidence_dir.mkdir(parents=True, exist_ok=True)

    def one(camera: Camera) -> Recorded:
        return watch_recording(camera, detector, evidence_dir, full_rate=full_rate, on_progress=on_progress)

    with ThreadPoolExecutor(max_workers=min(len(cameras), os.cpu_count() or 1)) as pool:
        outcomes = list(pool.map(one, cameras))
    incidents = [incident for outcome in outcomes for incident in outcome.incidents]
    incidents.sort(key=lambda incident: (incident.camera, incident.confirmed_s or 0.0, incident.id))
    result = {
        "schema": SCHEMA,
        "sources": [outcome.source for outcome in outcomes],
        "incidents": [recorded(incident) for incident in incidents],
    }
    (out_dir / INCIDENTS_FILE).write_bytes(as_json(result))
    return result


def _remove_earlier_run(out_dir: Path) -> None:
    """Removes what an earlier run wrote, as its own list says, and nothing else."""
    listed = out_dir / INCIDENTS_FILE
    try:
        ids = [str(incident["id"]) for incident in json.loads(listed.read_bytes())["incidents"]]
    except (OSError, ValueError, KeyError, TypeError):
        return
    for incident_id in ids:
        if SAFE_ID.fullmatch(incident_id):
            shutil.rmtree(out_dir / EVIDENCE_FOLDER / incident_id, ignore_errors=True)
    listed.unlink()
