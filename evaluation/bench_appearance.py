"""How surely a vehicle is recognised again by its looks, on recorded clips; who is who follows from the film (`seen_vehicles`).

The hard case is the one that counts: a successor in the same place, under the same light, from the same side. What a street may
do to the second picture of a pair (light, dusk, something in front, distance, another box) is applied to it, to pairs of one
vehicle and of two alike. The threshold is that of the pictures as they are.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from evaluation.errors import EvaluationError
from evaluation.seen_vehicles import (
    PICTURES_MIN,
    SEED,
    Pair,
    Pairs,
    Picture,
    Seen,
    clips_of,
    link,
    looks_at,
    pair_up,
    spread,
)
from models.appearance.describe import Describer, load_describer
from models.appearance.embedding import DIFFERENT, SAME, Embedding, Verdict, similarity, verdict
from models.detector import load_detector

FALSE_ACCEPTS: Final = 0.01


def bench_appearance(paths: Sequence[Path], model: str = "yolov8n") -> dict[str, Any]:
    """Measure verification on clips or on those of camera files.

    Raises:
        EvaluationError: a file cannot be decoded, or nothing in it can be compared.
    """
    detector, describer = load_detector(model), load_describer()
    clips = [clip for path in paths for clip in clips_of(path)]
    vehicles = [vehicle for at, clip in enumerate(clips) for vehicle in link(at, looks_at(clip, detector))]
    sightings = [(at, vehicle.seen[index]) for at, vehicle in enumerate(vehicles) for index in spread(vehicle)]
    pairs = pair_up(vehicles, sightings)
    if not pairs.same_view or not (pairs.successor or pairs.scene):
        raise EvaluationError(
            f"{', '.join(map(str, clips))}: no two vehicles that stay in sight for {PICTURES_MIN} pictures"
        )
    return {
        "schema": 1,
        "clips": [clip.name for clip in clips],
        "vehicles": len(vehicles),
        "sightings": len(sightings),
        "pairs": {name: len(getattr(pairs, name)) for name in ("same_view", "moved", "successor", "scene")},
        "left_out_pairs": pairs.unknown,
        **_figures(describer, [seen for _, seen in sightings], pairs),
    }


Change = Callable[[Seen, Picture, np.random.Generator], Picture]
"""From a sighting and the picture of a stranger to what the street makes of it."""


def _lit(red: float, green: float, blue: float, noise: float = 0.0) -> Change:
    def change(seen: Seen, _: Picture, random: np.random.Generator) -> Picture:
        crop = seen.crop()
        return _clipped(crop * np.array([red, green, blue]) + random.normal(0, noise, crop.shape))

    return change


def _covered(seen: Seen, stranger: Picture, random: np.random.Generator) -> Picture:
    """30 % of it behind a stranger, from the left, the right or below."""
    crop = seen.crop().copy()
    height, width = crop.shape[:2]
    wide, high = max(1, round(0.3 * width)), max(1, round(0.3 * height))
    hidden = (crop[:, :wide], crop[:, width - wide :], crop[height - high :])[int(random.integers(3))]
    hidden[:] = cv2.resize(stranger, (hidden.shape[1], hidden.shape[0]))
    return crop


def _far(seen: Seen, _: Picture, __: np.random.Generator) -> Picture:
    crop = seen.crop()
    size = max(8, crop.shape[1] // 2), max(8, crop.shape[0] // 2)
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)


def _off(seen: Seen, _: Picture, random: np.random.Generator) -> Picture:
    """Each side of the box off by up to 6 %."""
    left, top, right, bottom = random.uniform(-0.06, 0.06, 4)
    return seen.crop((left, top, right, bottom))


CHANGES: Final[dict[str, Change]] = {
    "as_it_is": lambda seen, *_: seen.crop(),
    "exposure_0.5": _lit(0.5, 0.5, 0.5),
    "exposure_0.7": _lit(0.7, 0.7, 0.7),
    "exposure_1.4": _lit(1.4, 1.4, 1.4),
    "exposure_2": _lit(2, 2, 2),
    "warm": _lit(1.25, 1, 0.75),
    "cool": _lit(0.8, 1, 1.2),
    "dusk": _lit(0.36, 0.3, 0.24, noise=4),
    "covered_30_percent": _covered,
    "half_size": _far,
    "box_off_6_percent": _off,
}


def _clipped(values: NDArray[np.floating[Any]]) -> Picture:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def _figures(describer: Describer, seen: Sequence[Seen], pairs: Pairs) -> dict[str, Any]:
    strangers = np.random.default_rng(SEED).permutation(len(seen))
    embedded: dict[str, list[Embedding | None]] = {}
    began_s = time.process_time()
    for name, change in CHANGES.items():
        random = np.random.default_rng(SEED)
        embedded[name] = [
            describer.describe(change(one, seen[strangers[at]].crop(), random)).embedding for at, one in enumerate(seen)
        ]
    spent_s = time.process_time() - began_s
    plain = embedded["as_it_is"]

    def alike(which: Sequence[Pair], second: Sequence[Embedding | None]) -> NDArray[np.float64]:
        return np.array([similarity(a, b) for i, j in which if (a := plain[i]) and (b := second[j])])

    strange = pairs.successor or pairs.scene
    threshold = float(np.quantile(alike(strange, plain), 1 - FALSE_ACCEPTS))
    return {
        "ms_per_crop": round(1000 * spent_s / (len(seen) * len(CHANGES)), 2),
        "threshold_at_1_percent_false_accepts": round(threshold, 3),
        "thresholds": {"same": SAME, "different": DIFFERENT},
        "others_in_changes": "successor" if pairs.successor else "scene",
        "changes": {
            name: {
                **_row(alike(pairs.same_view, second), alike(strange, second), threshold),
                "not_described": sum(it is None for it in second),
            }
            for name, second in embedded.items()
        },
        "scene": _row(alike(pairs.same_view, plain), alike(pairs.scene, plain), threshold),
        "moved": _row(alike(pairs.moved, plain), alike(pairs.scene, plain), threshold),
    }


def _row(same: NDArray[np.float64], other: NDArray[np.float64], threshold: float) -> dict[str, Any]:
    return {
        "auc": auc(same, other),
        "true_accepts": _share(same > threshold),
        "false_accepts": _share(other > threshold),
        "verdicts_same": _verdicts(same),
        "verdicts_other": _verdicts(other),
    }


def auc(same: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """How often a pair of one vehicle is more alike than a pair of two (Mann-Whitney); a tie counts half.

    Examples:
        >>> auc(np.array([0.9, 0.5]), np.array([0.5, 0.1]))  # won 3 of 4, one tie
        0.875
    """
    if not (len(same) and len(other)):
        return None
    return round(float(((same[:, None] > other).mean() + (same[:, None] >= other).mean()) / 2), 4)


def _verdicts(alike: NDArray[np.float64]) -> dict[str, float | None]:
    said = Counter(verdict(float(value)) for value in alike)
    return {word.value: round(said[word] / len(alike), 4) if len(alike) else None for word in Verdict}


def _share(which: NDArray[np.bool_]) -> float | None:
    return round(float(which.mean()), 4) if len(which) else None
