"""What a report shows beside the score: the zones of a clip, what the detector said of each incident, what it ran with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from detector.following.things import SEED_SCORE
from detector.watching.eyes import SCORE_MIN
from detector.zoning.cameras_file import Camera
from evaluation.datasets.truth import only_camera
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import ONSET_EARLY_S, ONSET_LATE_S
from models.errors import ModelError
from models.registry.entries import Model, load_registry

FLOAT: Final = "float"
"""Precision of a model that is no variant of another."""


@dataclass(frozen=True)
class ClipFacts:
    """What is known of a clip that was scored.

    Attributes:
        camera: with its zones and where its pictures are; None if its file can't be read.
        incidents: the rows of its incidents.json by id.
    """

    camera: Camera | None = None
    incidents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def clip_facts(cameras: Path, found: Mapping[str, Any]) -> ClipFacts:
    """Gather them.

    Args:
        cameras: the clip's cameras file.
        found: content of its incidents.json.
    """
    try:
        camera = only_camera(cameras)
    except EvaluationError:  # whoever analysed it has said why; the score stands without
        camera = None
    return ClipFacts(camera, {str(incident["id"]): incident for incident in found["incidents"]})


def run_settings(model: str) -> dict[str, Any]:
    """What a result depends on beside clips and truth; the same in each run of one version.

    Args:
        model: name in the registry; of one that it does not know only the name is told.
    """
    return {
        "model": _model_settings(model),
        "thresholds": {"score_min": SCORE_MIN, "seed_score": SEED_SCORE},
        "matching": {"onset_early_s": ONSET_EARLY_S, "onset_late_s": ONSET_LATE_S},
    }


def _model_settings(name: str) -> dict[str, Any]:
    try:
        model = load_registry().model(name)
    except ModelError:
        return {"name": name}
    return {
        "name": name,
        "precision": model.precision or FLOAT,
        "sha256": _sha256(model),
        "family": model.entry.family,
        "input_px": model.entry.input_size,
    }


def _sha256(model: Model) -> str | None:
    origin = model.entry.artifact or model.entry.file
    return None if origin is None else origin.sha256
