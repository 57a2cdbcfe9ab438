"""What following things and judging them costs: all rules at once over a clip's looks, without decoding and detecting.

The looks of the clip are taken first and kept; then all keepers and rules are fed with them, again and again, and timed.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detector.eyes import Eyes
from detector.keepers import keepers_for
from detector.looks import Look
from detector.rules import RULES, Stay, Subject
from detector.things import Presence
from detector.zones import DEFAULT_DWELL_S, Zone
from evaluation.errors import EvaluationError
from models.detector import load_detector
from models.regions.mode import Mode
from streams.errors import SourceError
from streams.patrol import Patrol, PatrolDecoder
from streams.source.address import Address
from streams.source.feed import Feed

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
"""The worst that a zone can be: all of the picture is ground to be compared."""
LOOKS_MAX = 300


def bench_rules(clip: Path, model: str = "yolov8n", rounds: int = 5) -> dict[str, Any]:
    """Measures one clip, with a zone over the whole picture for each kind of rule.

    Args:
        clip: A recorded file.
        model: A name that `streetwarden models list` shows.
        rounds: The figures are medians over them.

    Raises:
        EvaluationError: The file can't be read, or has no picture.
    """
    try:
        looks = _looks(clip, model)
    except SourceError as error:
        raise EvaluationError(str(error)) from error
    if not looks:
        raise EvaluationError(f"{clip}: no picture can be decoded")
    runs = [_timed(looks) for _ in range(rounds)]
    parts = {part: [statistics.fmean(run[part]) for run in runs] for part in runs[0]}
    together = [[sum(values) for values in zip(*run.values(), strict=True)] for run in runs]
    return {
        "file": clip.name,
        "looks": len(looks),
        "luma_px": "x".join(map(str, reversed(looks[0].luma.shape))),
        "kinds": sorted(kind.value for rule in RULES for kind in rule.kinds),
        "sample_ms": {
            "mean": round(statistics.median(statistics.fmean(run) for run in together), 3),
            "p95": round(statistics.median(statistics.quantiles(run, n=20)[-1] for run in together), 3),
        },
        "parts_mean_ms": {part: round(statistics.median(values), 3) for part, values in parts.items()},
    }


def _looks(clip: Path, model: str) -> list[Look]:
    detector = load_detector(model, provider="cpu")
    eyes = Eyes(detector, Mode.WHOLE)
    patrol, decoder = Patrol(), PatrolDecoder()
    looks: list[Look] = []
    for packet in Feed(Address(str(clip))).packets():
        sample = patrol.offer(packet)
        frame = decoder.decode(sample) if sample is not None else None
        if frame is not None and len(looks) < LOOKS_MAX:
            looks.append(eyes.look(frame, eyes.luma(frame).copy(), [WHOLE]))
    return looks


def _timed(looks: Sequence[Look]) -> dict[str, list[float]]:
    """CPU milliseconds of each look, by what they went to."""
    zones = {rule: [Zone(kind.value, kind, WHOLE, DEFAULT_DWELL_S[kind]) for kind in rule.kinds] for rule in RULES}
    by_subject: dict[Subject, list[Zone]] = defaultdict(list)
    for rule, its_zones in zones.items():
        by_subject[rule.subject] += its_zones
    keepers = keepers_for(by_subject)
    spent: dict[str, list[float]] = {**{f"follow {subject}": [] for subject in keepers}, "judge": []}
    for look in looks:
        for subject, keeper in keepers.items():
            started_s = time.thread_time()
            keeper.update(look)
            spent[f"follow {subject}"].append(1000 * (time.thread_time() - started_s))
        started_s = time.thread_time()
        for rule, its_zones in zones.items():
            keeper = keepers[rule.subject]
            for thing in [thing for thing in keeper.things if thing.settled]:
                stay = Stay(
                    now_s=look.time_s,
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
                    signs=keeper.signs(thing),
                )
                for zone in its_zones:
                    rule.judge(stay, zone)
        spent["judge"].append(1000 * (time.thread_time() - started_s))
    return spent
