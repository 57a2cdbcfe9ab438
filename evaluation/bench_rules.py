"""What following things and judging them costs: all rules at once over a clip's looks, without decoding and detecting.

The looks of the clip are taken first and kept; then all keepers and rules are fed with them, again and again, and timed.
"""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detector.following.keepers import keepers_for
from detector.following.things import Presence, Thing
from detector.rules import RULES, Signs, Stay, rule_for
from detector.watching.eyes import Eyes
from detector.watching.looks import Look
from detector.zoning.zones import DEFAULT_DWELL_S, Zone
from evaluation.datasets.truth import only_camera, read_dataset
from evaluation.errors import EvaluationError
from models.detector import Detector, load_detector
from models.regions.mode import Mode
from streams.errors import SourceError
from streams.patrol import Patrol, PatrolDecoder
from streams.source.address import Address
from streams.source.feed import Feed

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
"""The worst that a zone can be: all of the picture is ground to be compared."""
LOOKS_MAX = 300


def bench_rules(source: Path, model: str = "yolov8n", rounds: int = 5) -> dict[str, Any]:
    """Measures one clip, with a zone over the whole picture for each kind of rule, or the cameras of a dataset as they are.

    Args:
        source: A recorded file, or DATASET.yaml.
        model: A name that `streetwarden models list` shows.
        rounds: The figures are medians over them.

    Raises:
        EvaluationError: The file can't be read, or has no picture.
    """
    detector = load_detector(model, provider="cpu")
    if source.suffix in (".yaml", ".yml"):
        cameras = [only_camera(clip.cameras) for clip in read_dataset(source).clips]
        tasks = [(camera.id, camera.address, list(camera.zones)) for camera in cameras]
    else:
        kinds = [kind for rule in RULES for kind in rule.kinds]
        tasks = [
            (source.name, Address(str(source)), [Zone(kind, kind, WHOLE, DEFAULT_DWELL_S[kind]) for kind in kinds])
        ]
    try:
        clips = [_measured(name, _looks(address, detector), zones, rounds) for name, address, zones in tasks]
    except SourceError as error:
        raise EvaluationError(str(error)) from error
    means = [clip["mean_ms"] for clip in clips]
    return {
        "clips": len(clips),
        "looks": sum(clip["looks"] for clip in clips),
        "sample_ms": {
            "mean": round(statistics.fmean(means), 3),
            "median_clip": round(statistics.median(means), 3),
            "worst_clip": max(means),
            "p95_sample": round(statistics.fmean(clip["p95_ms"] for clip in clips), 3),
        },
        "by_clip": clips,
    }


def _measured(name: str, looks: Sequence[Look], zones: Sequence[Zone], rounds: int) -> dict[str, Any]:
    if not looks:
        raise EvaluationError(f"{name}: no picture can be decoded")
    runs = [_timed(looks, zones) for _ in range(rounds)]
    together = [[sum(values) for values in zip(*run.values(), strict=True)] for run in runs]
    return {
        "clip": name,
        "kinds": sorted({zone.kind.value for zone in zones}),
        "looks": len(looks),
        "luma_px": "x".join(map(str, reversed(looks[0].luma.shape))),
        "mean_ms": round(statistics.median(statistics.fmean(run) for run in together), 3),
        "p95_ms": round(statistics.median(_p95(run) for run in together), 3),
        "parts_mean_ms": {
            part: round(statistics.median(statistics.fmean(run[part]) for run in runs), 3) for part in runs[0]
        },
    }


def _p95(values: Sequence[float]) -> float:
    return float(np.quantile(values, 0.95, method="inverted_cdf"))


def _looks(address: Address, detector: Detector) -> list[Look]:
    eyes = Eyes(detector, Mode.WHOLE)
    patrol, decoder = Patrol(), PatrolDecoder()
    looks: list[Look] = []
    for packet in Feed(address).packets():
        sample = patrol.offer(packet)
        frame = decoder.decode(sample) if sample is not None else None
        if frame is not None and len(looks) < LOOKS_MAX:
            looks.append(eyes.look(frame, eyes.luma(frame).copy(), [WHOLE]))
    return looks


def _timed(looks: Sequence[Look], zones: Sequence[Zone]) -> dict[str, list[float]]:
    """CPU milliseconds of each look, by what they went to."""
    rules = [(zone, rule) for zone in zones if (rule := rule_for(zone.kind)) is not None]
    keepers = keepers_for(rules)
    spent: dict[str, list[float]] = {**{f"follow {subject}": [] for subject in keepers}, "judge": []}
    for look in looks:
        for subject, keeper in keepers.items():
            started_s = time.thread_time()
            keeper.update(look)
            spent[f"follow {subject}"].append(1000 * (time.thread_time() - started_s))
        started_s = time.thread_time()
        for zone, rule in rules:
            keeper = keepers[rule.subject]
            for thing in [thing for thing in keeper.things if thing.settled and zone.holds(thing.anchor)]:
                rule.judge(_stay(thing, look.time_s, keeper.signs(thing)), zone)
        spent["judge"].append(1000 * (time.thread_time() - started_s))
    return spent


def _stay(thing: Thing, now_s: float, signs: Signs) -> Stay:
    return Stay(
        now_s=now_s,
        since_s=thing.first_s,
        onset_s=thing.first_s,
        box=thing.anchor,
        class_name=thing.class_name,
        mean_score=thing.mean_score,
        looks=sum(thing.counts.values()),
        seen=thing.counts[Presence.SEEN],
        held=thing.counts[Presence.HELD],
        hidden=thing.counts[Presence.HIDDEN],
        present=True,
        signs=signs,
    )
