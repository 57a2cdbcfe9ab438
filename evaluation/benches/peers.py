"""What a user would take instead, on the same clips in the same run: what it costs, and which incidents it finds.

Each contender has a process of its own and takes its turn with each clip, so that they meet the same machine. All look for one
thing, illegal parking, with the same model at the same input size; the peers get the simplest rule on top of their tracks
that can tell it (`dwell_rule`).
"""

from __future__ import annotations

import logging
import multiprocessing
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from detector.preflight import check_files
from evaluation.benches import contender_ours, contender_plain, contender_ultralytics
from evaluation.benches.contender import LOOKS_PER_S, PARKING, Outcome, Task
from evaluation.benches.machine import machine
from evaluation.datasets.truth import ClipTruth, only_camera, read_dataset
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Matching, match
from evaluation.metrics.scoring import metrics
from models.errors import ModelError

log = logging.getLogger(__name__)

Watch = Callable[[Task], Outcome]

CONTENDERS: Final[dict[str, Watch]] = {
    "streetwarden": contender_ours.watch,
    "plain_loop": contender_plain.watch,
    "ultralytics": contender_ultralytics.watch,
}
OURS: Final = "streetwarden"


@dataclass
class _Entrant:
    """One contender's way through the clips: its outcomes by clip, a list for the rounds."""

    name: str
    process: ProcessPoolExecutor
    outcomes: dict[int, list[Outcome]] = field(default_factory=dict)
    out: str | None = None
    """Why it could not be measured."""

    def turn(self, number: int, task: Task, watch: Watch) -> None:
        """Watches one clip, unless it has dropped out.

        Raises:
            EvaluationError: ours has dropped out: there is nothing to compare.
        """
        if self.out is not None:
            return
        try:
            outcome = self.process.submit(watch, task).result()
        except (ModelError, ImportError, AttributeError, RuntimeError) as error:  # of others' packages, too
            self.out = " ".join(str(error).split()) or type(error).__name__
            if self.name == OURS:
                raise EvaluationError(f"{task.clip.name}: {self.out}") from error
            log.warning("%s is left out: %s", self.name, self.out)
        else:
            self.outcomes.setdefault(number, []).append(outcome)
            log.info("%s: %s: %.1f CPU s for %.1f s", self.name, task.clip.name, outcome.cpu_s, outcome.media_s)


def bench_peers(
    dataset: Path, model: str = "yolov8n", *, rounds: int = 1, contenders: Sequence[str] = tuple(CONTENDERS)
) -> dict[str, Any]:
    """Runs all contenders over the clips of a dataset.

    Args:
        dataset: its zones and truths of illegal parking are scored, all clips are watched.
        model: name in the registry; Ultralytics runs the model that a variant is made of.
        rounds: how often each clip is watched; CPU time is the median.
        contenders: of `CONTENDERS`; ours is always among them.

    Raises:
        EvaluationError: the dataset is wrong, or ours can't watch one of its clips.
        detector.errors.ConfigError: a clip can't be read.
    """
    known = read_dataset(dataset)
    clips = known.clips
    tasks = [Task(only_camera(clip.cameras), model) for clip in clips]
    check_files([task.camera for task in tasks])  # before anybody has worked for minutes
    before = machine()
    context = multiprocessing.get_context("spawn")
    with ExitStack() as processes:
        entrants = [
            _Entrant(name, processes.enter_context(ProcessPoolExecutor(1, mp_context=context)))
            for name in CONTENDERS
            if name == OURS or name in contenders
        ]
        for index in range(rounds):
            for number, task in enumerate(tasks):
                turn = (index + number) % len(entrants)  # nobody always comes first
                for entrant in entrants[turn:] + entrants[:turn]:
                    entrant.turn(number, task, CONTENDERS[entrant.name])
    return {
        "dataset": dataset.name,
        "clips": len(clips),
        "problems": list(known.problems),
        "model": model,
        "incident_type": PARKING,
        "peers_look_per_s": LOOKS_PER_S,
        "rounds": rounds,
        "machine": before | {"load_average_1_min_after": machine()["load_average_1_min"]},
        "contenders": _rows(entrants, clips),
    }


def _rows(entrants: Sequence[_Entrant], clips: Sequence[ClipTruth]) -> dict[str, dict[str, Any]]:
    ours = next(_cost(entrant) for entrant in entrants if entrant.name == OURS)
    rows: dict[str, dict[str, Any]] = {}
    for entrant in entrants:
        if entrant.out is not None:
            rows[entrant.name] = {"not_measured": entrant.out}
            continue
        cost = _cost(entrant)
        rows[entrant.name] = {
            "cpu_s_per_video_s": round(cost, 4),
            "cameras_per_core": round(1 / cost, 1),
            "times_our_cost": round(cost / ours, 2),
            **_parts(entrant),
            **_found(entrant, clips),
        }
    return rows


def _cost(entrant: _Entrant) -> float:
    """CPU seconds per second of video."""
    cpu_s = sum(statistics.median(one.cpu_s for one in found) for found in entrant.outcomes.values())
    return cpu_s / sum(found[0].media_s for found in entrant.outcomes.values())


def _parts(entrant: _Entrant) -> dict[str, Any]:
    media_s = sum(found[0].media_s for found in entrant.outcomes.values())
    names = sorted({name for found in entrant.outcomes.values() for name in found[0].parts_s})
    return {
        f"of_which_{name}": round(
            sum(statistics.median(one.parts_s[name] for one in found) for found in entrant.outcomes.values()) / media_s,
            4,
        )
        for name in names
    }


def _found(entrant: _Entrant, clips: Sequence[ClipTruth]) -> dict[str, Any]:
    """How good it is, by its first round."""
    matchings = [scored(entrant.outcomes[number][0], clip) for number, clip in enumerate(clips)]
    media_s = sum(found[0].media_s for found in entrant.outcomes.values())
    found = asdict(metrics(matchings, media_s))
    wanted = ("recall", "precision", "f1", "found", "misses", "false_alarms", "fa_per_camera_hour", "delay_s")
    return {name: found[name] for name in wanted}


def scored(outcome: Outcome, clip: ClipTruth) -> Matching:
    """The parking incidents of a clip, in the zones that are about parking."""
    return match(outcome.alarms, [truth for truth in clip.incidents if truth.type == PARKING])
