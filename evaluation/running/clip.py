"""Analyses one clip in this process, on one thread."""

from __future__ import annotations

import functools
import shutil
from concurrent.futures import Executor, Future
from typing import Any

import cv2

from detector.analyze import EVIDENCE_FOLDER, INCIDENTS_FILE, analyze_cameras
from detector.cameras_file import Camera
from detector.errors import ConfigError
from detector.evidence import RING_BYTES, RING_S
from detector.files import as_json
from detector.incidents import Incident, State
from detector.preflight import check_classes, check_files, say_what_is_off
from detector.watch import CameraWatch, WatchPlan
from detector.wire import SCHEMA, recorded
from detector.zones import Zone
from evaluation.datasets.truth import clip_of, only_camera
from evaluation.errors import EvaluationError
from evaluation.running.job import Job, Tell
from evaluation.running.zones import with_dwells
from models.detector import Detector, load_detector
from models.errors import ModelError
from streams.errors import SourceError
from streams.patrol import Patrol, PatrolDecoder
from streams.ring import PacketRing
from streams.source.feed import Feed


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
        check_classes([camera], detector)
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


class _Nobody(Executor):
    """Takes the making of clips, tracks and plates, and leaves it: nothing that is decided waits for them."""

    def submit(self, fn: Any, /, *_: Any, **__: Any) -> Future[Any]:  # noqa: ARG002 - the signature of its base
        return Future()


def _watched(camera: Camera, detector: Detector, job: Job, tell: Tell) -> dict[str, Any]:
    """The content of incidents.json as `detector.analyze` writes it, but without evidence."""
    newest: dict[str, Incident] = {}

    def publish(_camera: Camera, _zone: Zone, _clock: object, incident: Incident) -> None:
        newest[incident.id] = incident

    feed = Feed(camera.address, starts_at=camera.starts_at)
    ring = PacketRing(RING_S, RING_BYTES)
    patrol, decoder = Patrol(), PatrolDecoder()
    lost_last, told_s, decoded_s = False, 0.0, 0.0
    stills = job.folder / EVIDENCE_FOLDER
    stills.mkdir(parents=True, exist_ok=True)
    plan = WatchPlan(
        detector=detector,
        folder=stills,
        publish=publish,
        record_of=lambda _camera, _zone, _clock, incident: recorded(incident),
        executor=_Nobody(),
        plate_reader=lambda: None,
        gated=job.settings.gated,
    )
    watch = CameraWatch(with_dwells(camera, job.settings.dwells_s), ring, feed.clock, plan)
    for packet in feed.packets():
        ring.push(packet)
        sample = patrol.offer(packet)
        if sample is None:
            continue
        frames = decoder.pictures(sample)[-1:]
        lost_last = not frames
        for frame in frames:
            decoded_s = frame.time_s
            watch.look(frame)
        tell(max(0.0, packet.time_s - told_s))
        told_s = max(told_s, packet.time_s)
    watch.finish()
    shutil.rmtree(stills)  # stills of alarms are made on the way; nothing of the evidence would be whole
    source = {
        "camera": camera.id,
        "status": "truncated" if feed.health.truncated or lost_last else "ok",
        "read_s": round(decoded_s if lost_last else feed.health.read_s, 3),
        "looks": watch.looks,
        "analysed": watch.analysed,
        "undecodable_packets": decoder.errors,
        "damaged_pictures": decoder.damaged,
    }
    incidents = [incident for incident in newest.values() if incident.state is not State.CANDIDATE]
    incidents.sort(key=lambda incident: (incident.confirmed_s or 0.0, incident.id))
    rows = [{**recorded(incident), "evidence": []} for incident in incidents]
    return {"schema": SCHEMA, "sources": [source], "incidents": rows}
