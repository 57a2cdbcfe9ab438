"""What looking at zones instead of whole pictures gains and costs, on recorded clips.

Things in zones are counted against a reference: the same model on the picture in its own resolution. That is no truth, only a
better look: it finds small things, and because a small model loses some that are near and large in it, a second look at two
thirds of that size is added. It favours zones a little, which are seen at the same scale.
"""

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.analyze import analyze_cameras
from detector.preflight import check_files
from detector.watching.eyes import SCORE_MIN
from detector.zoning.cameras_file import Camera, read_cameras
from evaluation.datasets.truth import Dataset, read_dataset
from evaluation.errors import EvaluationError
from evaluation.region_counts import Count, Thing, things_in
from evaluation.run import run
from models.detections import Detections
from models.detector import Detector, load_detector
from models.letterbox import Letterbox
from models.regions.choice import zones_pay
from models.regions.detect import Aim, RegionDetector, View, stride_of
from models.regions.mode import Mode
from models.regions.rects import reach
from streams.errors import SourceError
from streams.frame import Frame
from streams.patrol import Patrol, PatrolDecoder
from streams.source.feed import Feed

REFERENCE_SIZES = (1.0, 2 / 3)
"""Of the picture's own resolution."""
REFERENCE_MAX_PX = 1920
"""Longer side of the reference; larger pictures are scaled down to it."""
LOOKS_MAX = 20
"""Of each camera: a standing scene shows the same again and again."""
GAINS = (1.0, 1.25, 1.5, 2.0)
"""Lower limits of the classes of gain in scale, by which the rows are summed up: that is what `auto` decides by."""
MOSAIC_GAINS = (1.0, 1.5, 2.0)
"""How much larger than in the whole picture all cameras are to be seen, when they share inputs."""
MODES = (Mode.WHOLE, Mode.ZONES)


def bench_regions(
    paths: Sequence[Path], model: str = "yolov8n", *, dataset: Path | None = None, looks_max: int = LOOKS_MAX
) -> dict[str, Any]:
    """Measures the cameras of some files, whose sources are recorded.

    Args:
        paths: Cameras files.
        model: Name in the registry; one whose graph takes any size.
        dataset: Its clips are watched in every mode, and the incidents scored.
        looks_max: Of each camera.

    Raises:
        EvaluationError: A camera is live, or the model takes one size alone.
        detector.errors.ConfigError: A cameras file or a source is wrong.
        models.errors.ModelError: The model can't be had.
    """
    cameras = [camera for path in paths for camera in read_cameras(path)]
    live = [camera.id for camera in cameras if camera.address.live]
    if live:
        raise EvaluationError(f"camera {live[0]}: is live: allowed are recorded files")
    check_files(cameras)
    detector = load_detector(model)
    if stride_of(detector) is None:
        raise EvaluationError(f"model {model}: takes one size of input alone: the reference needs one that takes any")
    bench = _Bench(detector, looks_max)
    seen = [bench.camera(camera) for camera in cameras]
    result = {
        "model": model,
        "cameras": [camera.said() for camera in seen],
        "by_gain": _by_gain(seen),
        "all": {str(mode): _sum(seen, mode).totals() for mode in MODES},
        "by_height": {str(mode): _sum(seen, mode).kinds() for mode in MODES},
        "together": [bench.together(seen, gain_min) for gain_min in MOSAIC_GAINS],
    }
    if dataset is not None:
        result["incidents"] = _incidents(read_dataset(dataset), detector)
    return result


@dataclass
class _Seen:
    """What was measured of one camera."""

    camera: Camera
    aims: dict[Mode, Aim] = field(default_factory=dict)
    counts: dict[Mode, Count] = field(default_factory=lambda: {mode: Count() for mode in MODES})
    cpu_ms: dict[Mode, list[float]] = field(default_factory=lambda: {mode: [] for mode in MODES})
    dropped: Counter[str] = field(default_factory=Counter)
    first: tuple[NDArray[np.uint8], list[Thing]] | None = None
    """Its first picture, and the reference of that."""

    @property
    def gain(self) -> float:
        """In scale; 1 when there are no zones to look at."""
        plan = self.aims[Mode.ZONES].regions if self.aims else None
        return 1.0 if plan is None else plan.gain

    def median_ms(self, mode: Mode) -> float:
        """The first look makes what the later ones reuse."""
        values = self.cpu_ms[mode]
        return statistics.median(values[1:] or values or [0.0])

    def said(self) -> dict[str, Any]:
        return {
            "camera": self.camera.id,
            "looks": len(self.cpu_ms[Mode.WHOLE]),
            **(_planned(self.aims[Mode.WHOLE].whole, self.aims[Mode.ZONES]) if self.aims else {}),
            "cpu_ms": {str(mode): round(self.median_ms(mode), 1) for mode in MODES},
            "dropped": dict(self.dropped),
            **{str(mode): self.counts[mode].totals() for mode in MODES},
        }


class _Bench:
    def __init__(self, detector: Detector, looks_max: int) -> None:
        self._detector = detector
        self._eyes = RegionDetector(detector)
        self._looks_max = looks_max

    def camera(self, camera: Camera) -> _Seen:
        seen = _Seen(camera)
        outlines = [zone.polygon for zone in camera.zones]
        for frame in _looks(camera, self._looks_max):
            size_px = frame.width_px, frame.height_px
            seen.aims = {mode: self._eyes.plan(*size_px, outlines, mode) for mode in MODES}
            # A watch compares places in this copy anyway, whatever the detector is shown.
            frame.gray(*seen.aims[Mode.WHOLE].resized)
            reference = self._reference(frame, camera)
            if seen.first is None:
                seen.first = frame.rgb(), reference
            for mode in MODES:
                started_s = time.thread_time()
                aim = seen.aims[mode]
                found = self._eyes.look(frame.rgb(*aim.resized), aim, score_min=SCORE_MIN)
                seen.cpu_ms[mode].append(1000 * (time.thread_time() - started_s))
                seen.counts[mode].compare(self._things(found.detections, camera, size_px), reference)
                # Whole pictures drop and cut nothing.
                seen.dropped.update(
                    straddling=found.straddling, doubles=found.doubles, cut_but_kept=int(found.cut.sum())
                )
        return seen

    def together(self, cameras: Sequence[_Seen], gain_min: float) -> dict[str, Any]:
        """The first pictures of all cameras in one look."""
        views: list[View] = []
        for number, seen in enumerate(cameras):
            if seen.first is not None:
                picture = seen.first[0]
                size_px = picture.shape[1], picture.shape[0]
                rects = [reach(zone.polygon, size_px) for zone in seen.camera.zones]
                # Two files may have cameras of one name.
                views.append(View(f"{number}", picture, tuple(rect for rect in rects if rect.area)))
        self._eyes.detect_many(views, score_min=SCORE_MIN, gain_min=gain_min)  # plans, once for all looks
        started_s = time.thread_time()
        found = self._eyes.detect_many(views, score_min=SCORE_MIN, gain_min=gain_min)
        cpu_ms = 1000 * (time.thread_time() - started_s)
        count = Count()
        for view, one in zip(views, found, strict=True):
            seen = cameras[int(view.camera)]
            size_px = view.picture.shape[1], view.picture.shape[0]
            count.compare(self._things(one.detections, seen.camera, size_px), seen.first[1] if seen.first else [])
        whole_ms = sum(seen.median_ms(Mode.WHOLE) for seen in cameras)
        costs = {"mosaic": round(cpu_ms, 1), "whole_one_by_one": round(whole_ms, 1)}
        return {"gain_min": gain_min, "cameras": len(views), "cpu_ms": costs, **count.totals()}

    def _reference(self, frame: Frame, camera: Camera) -> list[Thing]:
        size_px = frame.width_px, frame.height_px
        picture, found = frame.rgb(), list[Thing]()
        for share in REFERENCE_SIZES:
            side_px = int(min(max(size_px), REFERENCE_MAX_PX) * share) // 32 * 32
            look = self._detector.detect(picture, Letterbox.plan(*size_px, input_px=side_px), score_min=SCORE_MIN)
            found += [thing for thing in self._things(look, camera, size_px) if not thing.same(found)]
        return found

    def _things(self, seen: Detections, camera: Camera, size_px: tuple[int, int]) -> list[Thing]:
        scale = self._detector.plan(*size_px).resized[1] / size_px[1]
        return things_in(seen, self._detector.roles, camera.zones, size_px, scale)


def _looks(camera: Camera, looks_max: int) -> Iterator[Frame]:
    patrol, decoder, looks = Patrol(), PatrolDecoder(), 0
    try:
        for packet in Feed(camera.address, starts_at=camera.starts_at).packets():
            sample = patrol.offer(packet)
            frame = decoder.decode(sample) if sample is not None else None
            if frame is not None:
                yield frame
                looks += 1
            if looks == looks_max:
                return
    except SourceError as error:
        raise EvaluationError(f"camera {camera.id}: {error}") from error


def _planned(whole: Letterbox, aim: Aim) -> dict[str, Any]:
    fed = {"source_px": whole.source, "whole_px": whole.padded}
    plan = aim.regions
    if plan is None:
        return {**fed, "zones_px": [], "auto": str(Mode.WHOLE)}
    return {
        **fed,
        "zones_px": plan.canvases,
        "tiles": len(plan.tiles),
        "gain": round(plan.gain, 2),
        "area_share": round(plan.area_px / (whole.padded[0] * whole.padded[1]), 3),
        "auto": str(Mode.ZONES if zones_pay(plan, whole) else Mode.WHOLE),
    }


def _sum(cameras: Sequence[_Seen], mode: Mode) -> Count:
    total = Count()
    for seen in cameras:
        total.add(seen.counts[mode])
    return total


def _by_gain(cameras: Sequence[_Seen]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for low, high in zip(GAINS, (*GAINS[1:], float("inf")), strict=True):
        # A gain of 2 comes out as 1.99 where sizes are whole pixels.
        group = [seen for seen in cameras if low <= round(seen.gain, 1) < high]
        ms = {str(mode): round(sum(seen.median_ms(mode) for seen in group), 1) for mode in MODES}
        counted = {str(mode): _sum(group, mode).totals() for mode in MODES}
        rows.append({"gain_from": low, "cameras": len(group), "cpu_ms": ms, **counted})
    return rows


def _incidents(dataset: Dataset, detector: Detector) -> dict[str, Any]:
    """Incidents of a dataset's clips, scored, in each mode."""

    def analyze_as(mode: Mode) -> Callable[..., dict[str, Any]]:
        def analyze(cameras_path: Path, out_dir: Path, *, model: str) -> dict[str, Any]:
            del model  # it is loaded
            cameras = [replace(camera, detect=mode) for camera in read_cameras(cameras_path)]
            return analyze_cameras(cameras, detector, out_dir)

        return analyze

    said: dict[str, Any] = {}
    for mode in Mode:
        with tempfile.TemporaryDirectory() as folder:
            report = run(dataset, Path(folder), analyze_as(mode), model=detector.name)
        said[str(mode)] = {key: report[key] for key in ("all", "clips", "problems")}
    return said
