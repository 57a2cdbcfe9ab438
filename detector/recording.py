"""One recorded camera, watched from its first picture to its last, as fast as it goes."""

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.delivery.wire import recorded
from detector.evidence.maker import RING_BYTES, RING_S
from detector.evidence.plates import plate_desk
from detector.lifecycle.incidents import Incident, State
from detector.watching.watch import CameraWatch
from detector.watching.watch_plan import WatchPlan
from detector.zoning.cameras_file import Camera
from models.detector import Detector
from streams.patrol import INTERVAL_S, Patrol, PatrolDecoder
from streams.ring import PacketRing
from streams.source.feed import Feed

log = logging.getLogger(__name__)

Progress = Callable[[float], None]
"""Told the seconds of media time that have been read since it was last told."""


@dataclass(frozen=True)
class Recorded:
    """What a recording showed."""

    source: dict[str, Any]
    """How reading it went, as `incidents.json` says it."""
    incidents: list[Incident]
    """Those that were confirmed, each in its newest revision."""


class _Nobody(Executor):
    """Takes the making of clips, tracks and plates, and leaves it: nothing that is decided waits for them."""

    def submit(self, fn: Any, /, *_: Any, **__: Any) -> Future[Any]:  # noqa: ARG002 - the signature of its base
        return Future()


def watch_recording(
    camera: Camera,
    detector: Detector,
    folder: Path,
    *,
    full_rate: bool = False,
    gated: bool = True,
    evidence: bool = True,
    on_progress: Progress | None = None,
) -> Recorded:
    """Watches a recorded camera.

    Args:
        camera: Its source is a recorded file.
        detector: What looks at the pictures.
        folder: Evidence goes to a folder in here for each incident.
        full_rate: Analyse every picture: slow, the reference that sampling is compared with.
        gated: False asks the detector about every sample.
        evidence: False leaves out clips, tracks and plates; stills are made all the same.
        on_progress: Told how much has been read.
    """
    newest: dict[str, Incident] = {}
    plan = WatchPlan(
        detector=detector,
        folder=folder,
        publish=lambda _camera, _zone, _clock, incident: newest.__setitem__(incident.id, incident),
        record_of=lambda _camera, _zone, _clock, incident: recorded(incident),
        executor=None if evidence else _Nobody(),
        plate_reader=plate_desk if evidence else lambda: None,
        gated=gated and not full_rate,
    )
    feed = Feed(camera.address, starts_at=camera.starts_at)
    ring = PacketRing(RING_S, RING_BYTES)
    watch = CameraWatch(camera, ring, feed.clock, plan)
    patrol, decoder = Patrol(0.0 if full_rate else INTERVAL_S), PatrolDecoder()
    told_s = decoded_s = 0.0
    lost_last = False
    for packet in feed.packets():
        ring.push(packet)
        sample = patrol.offer(packet)
        if sample is None:
            continue
        # At full rate every picture counts; else a sample is there for its newest one.
        frames = decoder.pictures(sample)[0 if full_rate else -1 :]
        lost_last = not frames
        for frame in frames:
            decoded_s = frame.time_s
            watch.look(frame)
        if on_progress is not None:
            on_progress(max(0.0, packet.time_s - told_s))
            told_s = max(told_s, packet.time_s)
    for frame in decoder.rest() if full_rate else ():
        decoded_s, lost_last = frame.time_s, False
        watch.look(frame)
    watch.finish()
    if on_progress is not None:
        on_progress(max(0.0, feed.health.read_s - told_s))
    if lost_last:
        log.warning("camera %s: %s: nothing can be decoded after %.1f s", camera.id, camera.address, decoded_s)
    status = "truncated" if feed.health.truncated or lost_last else "ok"
    source: dict[str, Any] = {
        "camera": camera.id,
        "status": status,
        "read_s": round(decoded_s if lost_last else feed.health.read_s, 3),
        "looks": watch.looks,
        "analysed": watch.analysed,
        "undecodable_packets": decoder.errors,
        "damaged_pictures": decoder.damaged,
        "clips_failed": watch.clips_failed,
        "failures": dict(watch.failures),
    }
    kept = [incident for incident in newest.values() if incident.state is not State.CANDIDATE]
    return Recorded(source, kept)
