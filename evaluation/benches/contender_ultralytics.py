"""Ultralytics' own tracking loop, `model.track(vid_stride=...)`, where the extra `train` is installed."""

from __future__ import annotations

import atexit
import functools
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from detector.zoning.geometry import Box
from evaluation.benches.contender import LOOKS_PER_S, PARKING, VEHICLE, Outcome, Task, timed
from evaluation.benches.dwell_rule import DwellRule, Sighting
from evaluation.metrics.matching import Prediction
from models.registry.entries import load_registry
from models.training.base import find_base
from models.training.offline import load_offline, require_extra


def watch(task: Task) -> Outcome:
    """Watches the clip on one thread of PyTorch, at the input size of the registry's model.

    Raises:
        models.errors.ModelError: the extra is not installed, or the registry has no checkpoint of this model.
    """
    network = _loaded(task.model)
    entry = load_registry().model(task.model)
    return timed(lambda: _watch(task, network, entry.entry.input_size, dict(entry.roles)))


@functools.lru_cache(maxsize=1)
def _loaded(model: str) -> Any:
    """The network as Ultralytics loads it; a variant is left for the model that it is made of."""
    require_extra()
    logging.disable(logging.WARNING)
    home = tempfile.mkdtemp(prefix="streetwarden-bench-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    load_offline(Path(home))
    _stand_in()
    import torch  # noqa: PLC0415 - the extra `train`
    from ultralytics import YOLO  # noqa: PLC0415

    torch.set_num_threads(1)
    network = YOLO(find_base(model.partition(":")[0]).checkpoint)
    network.predict(np.zeros((384, 640, 3), np.uint8), verbose=False, device="cpu")  # what is only done once
    return network


def _stand_in() -> None:
    """Puts something in the place of packages that Ultralytics wants and that are not here; `load_offline` has been called.

    PyPI's torchvision does not load beside a PyTorch without CUDA, and `lap` is no part of the extra. This process ends with
    the bench, so they stay.
    """
    if find_spec("lap") is None:
        sys.modules["lap"] = lap_by_scipy()
    try:
        import_module("torchvision")
    except (ImportError, OSError, RuntimeError):
        from ultralytics.utils.nms import TorchNMS  # noqa: PLC0415 - the extra `train`

        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]  # what a failed import left behind
        vision = ModuleType("torchvision")
        vision.__dict__.update(__version__="0", ops=SimpleNamespace(nms=TorchNMS.nms))
        sys.modules["torchvision"] = vision


def _watch(task: Task, network: Any, side_px: int, roles: dict[str, str]) -> tuple[float, list[Prediction]]:
    with av.open(task.clip) as source:
        fps = float(source.streams.video[0].average_rate or LOOKS_PER_S)
    stride = max(1, round(fps / LOOKS_PER_S))
    rule, media_s = DwellRule(task.zones, PARKING), 0.0
    results = network.track(
        source=str(task.clip),
        stream=True,
        vid_stride=stride,
        imgsz=side_px,
        tracker="bytetrack.yaml",
        device="cpu",
        verbose=False,
    )
    for number, result in enumerate(results):
        media_s = number * stride / fps
        rule.look(media_s, _sightings(result, roles))
    return media_s, rule.alarms


def _sightings(result: Any, roles: dict[str, str]) -> Iterator[Sighting]:
    boxes = result.boxes
    if boxes.id is None:
        return
    rows = boxes.xyxyn.tolist(), boxes.id.tolist(), boxes.cls.tolist(), boxes.conf.tolist()
    for box, track, index, score in zip(*rows, strict=True):
        if roles.get(result.names[int(index)]) == VEHICLE:
            yield Sighting(int(track), Box(*box), score)


def lap_by_scipy() -> ModuleType:
    """A stand-in for the package `lap`, of which Ultralytics uses one function, where it is not installed."""
    module = ModuleType("lap")
    module.__dict__.update(__version__="0.5.12", lapjv=_lapjv)
    return module


def _lapjv(
    cost: NDArray[np.float64],
    extend_cost: bool = False,  # noqa: FBT001, FBT002, ARG001 - the package's signature
    cost_limit: float = np.inf,
) -> tuple[float, NDArray[np.int64], NDArray[np.int64]]:
    """Assigns rows `(N,)` to columns `(M,)` at the least cost; leaving a pair unassigned costs `cost_limit`. -1 is none."""
    rows, columns = cost.shape
    half = cost_limit / 2 if np.isfinite(cost_limit) else float(np.abs(cost).sum()) + 1
    extended = np.full((rows + columns, rows + columns), half)
    extended[rows:, columns:] = 0
    extended[:rows, :columns] = cost
    first, second = linear_sum_assignment(extended)
    real = (first < rows) & (second < columns)
    of_rows, of_columns = np.full(rows, -1), np.full(columns, -1)
    of_rows[first[real]], of_columns[second[real]] = second[real], first[real]
    return float(cost[first[real], second[real]].sum()), of_rows, of_columns
