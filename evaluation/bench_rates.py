"""Patrol beside `--full-rate` on the same clips: the same incidents, and how far apart they are confirmed.

Sampling is the idea that the whole house rests on; here is what it loses.
"""

import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from detector.delivery.wire import recorded
from detector.recording import watch_recording
from detector.zoning.cameras_file import read_cameras
from evaluation.datasets.truth import read_dataset
from evaluation.metrics.matching import Prediction, Truth, match
from evaluation.metrics.scoring import confirmed
from models.detector import load_detector

APART_MAX_S = 3.0
"""Confirmed further apart than this, two runs do not say the same."""


@dataclass(frozen=True)
class _Clip:
    """What the two runs say of one clip."""

    name: str
    apart_s: tuple[float, ...]
    only_patrol: tuple[str, ...]
    only_full: tuple[str, ...]


def bench_rates(dataset: Path, model: str = "yolov8n", jobs: int | None = None) -> dict[str, Any]:
    """Analyses each clip both ways.

    Args:
        dataset: DATASET.yaml; its truth is not used.
        model: A name that `streetwarden models list` shows.
        jobs: Clips at once; one for each core if not given.

    Raises:
        EvaluationError: The dataset can't be read.
    """
    cameras = [clip.cameras for clip in read_dataset(dataset).clips]
    with ProcessPoolExecutor(jobs) as pool:
        clips = list(pool.map(partial(_both, model=model), cameras))
    return summed(clips)


def summed(clips: Sequence[_Clip]) -> dict[str, Any]:
    """The figures over all clips."""
    apart_s = [value for clip in clips for value in clip.apart_s]
    far = [clip.name for clip in clips if any(abs(value) > APART_MAX_S for value in clip.apart_s)]
    return {
        "clips": len(clips),
        "incidents": len(apart_s),
        "same": not far and not any(clip.only_patrol or clip.only_full for clip in clips),
        "confirmed_apart_s": {
            "median": round(statistics.median(apart_s), 2) if apart_s else None,
            "max": round(max(map(abs, apart_s)), 2) if apart_s else None,
        },
        "further_apart_than_allowed": far,
        "only_patrol": {clip.name: list(clip.only_patrol) for clip in clips if clip.only_patrol},
        "only_full_rate": {clip.name: list(clip.only_full) for clip in clips if clip.only_full},
    }


def compared(name: str, patrol: Sequence[Prediction], full: Sequence[Prediction]) -> _Clip:
    """Pairs what the two runs say of a clip, as predictions are paired with the truth."""
    truths = [Truth(it.type, it.zone, it.onset_s, it.confirmed_s, it.box) for it in full]
    matching = match(patrol, truths)
    return _Clip(
        name=name,
        apart_s=tuple(pair.delay_s for pair in matching.matches),
        only_patrol=tuple(
            f"{it.type} in {it.zone}, confirmed at {it.confirmed_s:.1f} s" for it in matching.false_alarms
        ),
        only_full=tuple(f"{it.type} in {it.zone}, confirmed at {it.alarm_s:.1f} s" for it in matching.misses),
    )


def _both(cameras: Path, model: str) -> _Clip:
    detector = load_detector(model, provider="cpu")
    with TemporaryDirectory(prefix="streetwarden-rates-") as folder:
        patrol, full = (
            confirmed(
                recorded(incident)
                for camera in read_cameras(cameras)
                for incident in watch_recording(
                    camera, detector, Path(folder), full_rate=full_rate, evidence=False
                ).incidents
            )
            for full_rate in (False, True)
        )
    return compared(cameras.stem, patrol, full)
