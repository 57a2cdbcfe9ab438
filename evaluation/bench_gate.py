"""What the change gate saves, what it costs and what it misses: each clip watched with it and without.

A miss of a sample is one that the gate carried over although the detector, had it been asked, would have shown something
new in a zone. That such misses never come to a difference in the incidents is what the gate promises.
"""

import statistics
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from detector.delivery.wire import recorded
from detector.evidence.maker import RING_BYTES, RING_S
from detector.following.things import SAME_PLACE_IOU, SEED_SCORE
from detector.lifecycle.incidents import Incident
from detector.rules import rule_for
from detector.watching.looks import Sighting
from detector.watching.sightings import sightings_in
from detector.watching.watch import CameraWatch
from detector.watching.watch_plan import WatchPlan
from detector.zoning.cameras_file import Camera, read_cameras
from detector.zoning.geometry import iou
from detector.zoning.zones import DEFAULT_DWELL_S, Zone, ZoneKind
from evaluation.datasets.truth import read_dataset
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Prediction, Truth, match
from evaluation.sample.compose import Sample
from models.detector import Detector, load_detector
from streams.errors import SourceError
from streams.frame import Frame
from streams.gate import ChangeGate
from streams.patrol import Patrol, PatrolDecoder
from streams.ring import PacketRing
from streams.source.address import Address
from streams.source.feed import Feed
from streams.source.probe import first_picture

DATASET_SUFFIXES = (".yaml", ".yml", ".json")
WHOLE_FRAME = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def bench_gate(source: Path | Sample, model: str = "yolov8n") -> dict[str, Any]:
    """Measures a clip, the clips of a dataset, or the sample camera.

    Args:
        source: A clip, of which the whole frame becomes one no-parking zone: the worst case. Or a dataset, or the sample
            camera, with their own zones.
        model: Name in the registry.

    Raises:
        EvaluationError: The clip or the dataset can't be read, or no rule watches any of its zones.
        detector.errors.ConfigError: A cameras file of the dataset is wrong.
        models.errors.ModelError: The model can't be had.
    """
    cameras = _cameras(source)
    watched = [camera for camera in cameras if any(rule_for(zone.kind) for zone in camera.zones)]
    if not watched:
        raise EvaluationError(f"{source}: no rule watches any of its zones: there is nothing to save")
    detector = load_detector(model)
    clips = [_bench_camera(camera, detector) for camera in watched]
    samples, analysed = (sum(clip[key] for clip in clips) for key in ("samples", "analysed"))
    return {
        "model": model,
        "samples": samples,
        "analysed": analysed,
        "saved_share": _saved_share(samples, analysed),
        "sample_misses": sum(len(clip["sample_misses"]) for clip in clips),
        "same_incidents": all(clip["same_incidents"] for clip in clips),
        "not_watched": [camera.id for camera in cameras if camera not in watched],
        "clips": clips,
    }


def _cameras(source: Path | Sample) -> Sequence[Camera]:
    if isinstance(source, Sample):
        return [_one_zone(source.path, source.zone, DEFAULT_DWELL_S[ZoneKind.FIRE_LANE])]
    if source.suffix in DATASET_SUFFIXES:
        return [camera for clip in read_dataset(source).clips for camera in read_cameras(clip.cameras)]
    try:
        first_picture(Address(str(source)))
    except SourceError as error:
        raise EvaluationError(str(error)) from error
    return [_one_zone(source, WHOLE_FRAME, DEFAULT_DWELL_S[ZoneKind.NO_PARKING])]


def _one_zone(clip: Path, polygon: Sequence[tuple[float, float]], dwell_s: float) -> Camera:
    return Camera(clip.stem, Address(str(clip)), (Zone("zone", ZoneKind.NO_PARKING, tuple(polygon), dwell_s),))


def _bench_camera(camera: Camera, detector: Detector) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        without, gated = (_Run(camera, detector, Path(folder) / str(on), gated=on) for on in (False, True))
        ungated_ms = [look_ms for _, _, look_ms in without.looks()]
        costs = _Costs()
        misses = list(_misses(gated, costs))
    incidents = _compared(without.confirmed, gated.confirmed)
    return {
        "camera": camera.id,
        "samples": gated.watch.looks,
        "analysed": gated.watch.analysed,
        "saved_share": _saved_share(gated.watch.looks, gated.watch.analysed),
        "needs": {str(need): count for need, count in sorted(gated.watch.needs.items())},
        "cpu_ms": {
            "decision": _median(costs.decision_ms),
            "carried_look": _median(costs.carried_ms),
            "analysed_look": _median(costs.analysed_ms),
            "ungated_look": _median(ungated_ms),
        },
        "sample_misses": misses,
        "same_incidents": not (incidents["only_without"] or incidents["only_gated"]),
        "incidents": incidents,
    }


class _Run:
    """One clip watched once."""

    def __init__(self, camera: Camera, detector: Detector, folder: Path, *, gated: bool) -> None:
        self.zones = [(zone, rule.needs) for zone in camera.zones if (rule := rule_for(zone.kind)) is not None]
        self.detector = detector
        self._newest: dict[str, Incident] = {}
        plan = WatchPlan(
            detector=detector,
            folder=folder,
            publish=lambda _camera, _zone, _clock, incident: self._newest.__setitem__(incident.id, incident),
            record_of=lambda _camera, _zone, _clock, incident: recorded(incident),
            gated=gated,
        )
        self._feed = Feed(camera.address, starts_at=camera.starts_at)
        self._ring = PacketRing(RING_S, RING_BYTES)
        self.watch = CameraWatch(camera, self._ring, self._feed.clock, plan)

    def looks(self) -> Iterator[tuple[Frame, bool, float]]:
        """Each sample: its picture, whether it was carried over, and the CPU milliseconds of the look."""
        patrol, decoder = Patrol(), PatrolDecoder()
        for packet in self._feed.packets():
            self._ring.push(packet)
            sample = patrol.offer(packet)
            frame = decoder.decode(sample) if sample is not None else None
            if frame is None:
                continue
            carried, started_s = self.watch.carried, time.thread_time()
            self.watch.look(frame)
            yield frame, self.watch.carried > carried, 1000 * (time.thread_time() - started_s)
        self.watch.finish()

    @property
    def confirmed(self) -> list[Incident]:
        """The newest revision of each incident that was confirmed."""
        return [incident for incident in self._newest.values() if incident.confirmed_s is not None]

    def shown(self, frame: Frame) -> list[Sighting]:
        """What the detector shows in the zones, of what their rules look at."""
        size_px = frame.width_px, frame.height_px
        sightings = sightings_in(self.watch.detect(frame), size_px, self.detector.roles)
        return [sighting for sighting in sightings if any(self._matters(sighting, *zone) for zone in self.zones)]

    @staticmethod
    def _matters(sighting: Sighting, zone: Zone, roles: Collection[str]) -> bool:
        of_class = zone.classes is None or sighting.class_name in zone.classes
        return of_class and sighting.role in roles and zone.holds(sighting.box)


class _Costs:
    """CPU milliseconds of the samples of one clip."""

    def __init__(self) -> None:
        self.decision_ms: list[float] = []
        self.carried_ms: list[float] = []
        self.analysed_ms: list[float] = []


def _misses(run: _Run, costs: _Costs) -> Iterator[dict[str, Any]]:
    """Watches with the gate, and asks the detector about every sample all the same."""
    gate = ChangeGate([zone.polygon for zone, _ in run.zones])
    known: list[Sighting] = []
    for frame, carried, look_ms in run.looks():
        (costs.carried_ms if carried else costs.analysed_ms).append(look_ms)
        luma = frame.gray(*run.detector.plan(frame.width_px, frame.height_px).resized)
        started_s = time.thread_time()
        gate.changed(luma)
        costs.decision_ms.append(1000 * (time.thread_time() - started_s))
        shown = run.shown(frame)
        if not carried:
            known = shown
            gate.analysed(frame.time_s, luma)
            continue
        for sighting in shown:
            if sighting.score >= SEED_SCORE and all(iou(sighting.box, old.box) < SAME_PLACE_IOU for old in known):
                box = [round(value, 3) for value in sighting.box]
                said = {"class": sighting.class_name, "score": round(sighting.score, 2), "box": box}
                yield {"time_s": round(frame.time_s, 2), **said}


def _compared(without: Sequence[Incident], gated: Sequence[Incident]) -> dict[str, Any]:
    """The incidents of the watch with the gate, scored as if those of the watch without it were the truth."""
    of_id = {incident.id: incident for incident in gated}
    # Onset and confirmation are in both; the box is that of the alarm.
    truths = [Truth(it.type, it.zone, it.onset_s, it.confirmed_s or 0.0, it.box) for it in without]
    ends_s = {id(truth): incident.ended_s for truth, incident in zip(truths, without, strict=True)}
    matching = match(
        [Prediction(it.id, it.type, it.zone, it.onset_s, it.confirmed_s or 0.0, it.box) for it in gated], truths
    )
    return {
        "both": [
            {
                "id": pair.prediction.id,
                "onset_later_s": round(pair.onset_error_s, 2),
                "confirmed_later_s": round(pair.delay_s, 2),
                "ended_later_s": _later_s(of_id[pair.prediction.id].ended_s, ends_s[id(pair.truth)]),
            }
            for pair in matching.matches
        ],
        "only_without": [{"zone": it.zone, "confirmed_s": it.alarm_s} for it in matching.misses],
        "only_gated": [{"zone": it.zone, "confirmed_s": it.confirmed_s} for it in matching.false_alarms],
    }


def _later_s(gated_s: float | None, without_s: float | None) -> float | str:
    if gated_s is None or without_s is None:
        return 0.0 if gated_s is without_s else "only one of them has ended"
    return round(gated_s - without_s, 2)


def _saved_share(samples: int, analysed: int) -> float:
    return round(1 - analysed / max(1, samples), 3)


def _median(values_ms: Sequence[float]) -> float | None:
    return round(statistics.median(values_ms), 2) if values_ms else None
