"""How long an evaluation takes: an hour of film, analysed from nothing."""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from evaluation.datasets.truth import Dataset, read_dataset
from evaluation.run import evaluate
from evaluation.running.analysed import Plan
from evaluation.running.job import Settings
from evaluation.running.looped import looped_dataset
from evaluation.running.workers import cores
from evaluation.sample.film import cached_sample


def bench_evaluate(dataset: Path | None, minutes: float, settings: Settings) -> dict[str, Any]:
    """Loop the clips of a dataset (or the sample camera's film, in four files) to so many minutes, and evaluate them.

    Raises:
        EvaluationError: the dataset, a cameras file or a clip can't be read.
        models.errors.ModelError: the model can't be had.
    """
    with tempfile.TemporaryDirectory(prefix="streetwarden-bench-") as folder:
        home = Path(folder)
        clips = (read_dataset(dataset) if dataset is not None else _sample_camera(home)).clips
        long = read_dataset(looped_dataset(clips, minutes, home / "film"))
        load, before, started_s = os.getloadavg()[0], _cpu_s(), time.perf_counter()
        report = evaluate(long, home / "out", Plan(settings))
        wall_s, cpu_s = time.perf_counter() - started_s, _cpu_s() - before
        timing = json.loads((home / "out" / "timing.json").read_text())
    film_min = timing["media_s"] / 60
    return {
        "model": settings.model,
        "cores": cores(),
        "files": len(long.clips),
        "film_min": round(film_min, 2),
        "wall_s": round(wall_s, 1),
        "cpu_s": round(cpu_s, 1),
        "cpu_s_per_film_minute": round(cpu_s / film_min, 3),
        "alarms": report["all"]["false_alarms"],
        "load_before": round(load, 1),
        "load_after": round(os.getloadavg()[0], 1),
    }


def _cpu_s() -> float:
    """Processor time of this process and of those that it has had, all of them ended by now."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(it.ru_utime + it.ru_stime for it in used)


def _sample_camera(home: Path) -> Dataset:
    sample = cached_sample()
    zone = {"id": "kerb", "kind": "no_parking", "polygon": sample.zone, "dwell_s": 30}
    camera = {"id": "street", "source": str(sample.path), "zones": [zone]}
    (home / "street.yaml").write_text(json.dumps({"cameras": [camera]}))
    (home / "street.json").write_text(json.dumps({"duration_s": sample.duration_s, "incidents": []}))
    (home / "dataset.yaml").write_text(json.dumps({"clips": [{"cameras": "street.yaml", "truth": "street.json"}] * 4}))
    return read_dataset(home / "dataset.yaml")
