"""What an analysis depends on, as digests: if all of it is as before, so is the result."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from typing import Any, Final

from evaluation.datasets.truth import clip_of, only_camera
from evaluation.errors import EvaluationError
from evaluation.running.job import Settings
from models.files import sha256_of
from models.registry.entries import load_registry
from models.registry.pull import pull
from models.runtime.providers import candidates, parse_wish
from models.runtime.session import available_providers

EDGE_BYTES: Final = 1 << 20
"""Of a clip, its first and last mebibyte are read, beside its size and date: a day of 4K film is not read twice."""
_ROOT: Final = Path(__file__).resolve().parents[2]
_CODE: Final = ("streams", "models", "detector", "api/schema.py", "evaluation/running")
_CODE_SUFFIXES: Final = frozenset({".py", ".yaml"})


def identity_of_run(settings: Settings) -> dict[str, Any]:
    """What all clips depend on: the model, where it runs, the product's own code, libraries, settings.

    Fetches and converts the model if it is not there yet, so that the processes don't do it all at once.

    Raises:
        models.errors.ModelError: the model or the provider can't be had; nobody need try for each clip.
    """
    word = candidates(parse_wish(settings.provider, os.environ), available_providers())[0]
    path = pull(load_registry().model(settings.model))
    return {
        "model": settings.model,
        "model_sha256": sha256_of(path),
        "provider": settings.provider or os.environ.get("STREETWARDEN_PROVIDER") or word,
        "code_sha256": code_sha256(),
        "libraries": _libraries(),
        "evidence": settings.evidence,
        "gated": settings.gated,
        "dwells_s": list(settings.dwells_s),
    }


def identity_of_clip(cameras: Path) -> dict[str, Any] | None:
    """What one clip depends on; None where it can't be read, and is then analysed to say why."""
    try:
        content = cameras.read_bytes()
        source = _source(clip_of(only_camera(cameras)))
    except (EvaluationError, OSError):
        return None
    return {"cameras_sha256": hashlib.sha256(content).hexdigest(), "source": source}


def _source(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        stat = os.fstat(stream.fileno())
        edges = hashlib.sha256(stream.read(EDGE_BYTES))
        stream.seek(max(EDGE_BYTES, stat.st_size - EDGE_BYTES))
        edges.update(stream.read(EDGE_BYTES))
    return {"size_bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns, "edges_sha256": edges.hexdigest()}


@functools.cache
def code_sha256() -> str:
    """Digest of the sources that decide what is found: those of the product, and how they are run here."""
    digest = hashlib.sha256()
    for name in _CODE:
        place = _ROOT / name
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for path in files:
            if path.suffix in _CODE_SUFFIXES:
                digest.update(f"{path.relative_to(_ROOT)}\0{sha256_of(path)}\0".encode())
    return digest.hexdigest()


def _libraries() -> dict[str, str]:
    import av  # noqa: PLC0415 - here for their versions alone
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    import onnxruntime  # noqa: PLC0415

    return {
        "av": av.__version__,
        "numpy": np.__version__,
        "onnxruntime": onnxruntime.__version__,
        "opencv": cv2.__version__,
    }
