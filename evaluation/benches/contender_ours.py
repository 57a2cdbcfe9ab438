"""The product itself on one clip, as `analyze` runs it: with look-back and evidence."""

from __future__ import annotations

import functools
import logging
import tempfile
from dataclasses import replace
from pathlib import Path

from detector.analyze import analyze_cameras
from evaluation.benches.contender import PARKING, Outcome, Task, timed
from evaluation.benches.stage_timer import StageTimer
from evaluation.benches.stages import Stage, timed_stages
from evaluation.metrics.matching import Prediction
from evaluation.metrics.scoring import confirmed
from models.detector import Detector, load_detector

loaded = functools.lru_cache(maxsize=1)(load_detector)
"""One detector for all clips: opening it is not what is compared."""


def watch(task: Task) -> Outcome:
    """Analyses the clip; what evidence takes is told apart, as the peers make none.

    Raises:
        models.errors.ModelError: the model can't be had.
    """
    logging.disable(logging.WARNING)
    detector: Detector = loaded(task.model)
    timer = StageTimer()
    with tempfile.TemporaryDirectory(prefix="streetwarden-bench-") as folder, timed_stages(timer):

        def analyse() -> tuple[float, list[Prediction]]:
            result = analyze_cameras([task.camera], detector, Path(folder))
            alarms = [alarm for alarm in confirmed(result["incidents"]) if alarm.type == PARKING]
            return float(result["sources"][0]["read_s"]), alarms

        outcome = timed(analyse)
    return replace(outcome, parts_s={"evidence": timer.spent_s()[Stage.MUX]})
