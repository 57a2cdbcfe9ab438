"""Which clips of a folder are finished: a finished one has a mark that says of what it is the result."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from detector.analyze import EVIDENCE_FOLDER, INCIDENTS_FILE
from evaluation.report.build import write_json
from models.errors import ModelError
from models.files import sha256_of

MARK_FILE: Final = "clip.json"


@dataclass(frozen=True)
class Cost:
    """What analysing a clip took; `cpu_s` over all threads."""

    wall_s: float
    cpu_s: float


class _Mark(BaseModel):
    model_config = ConfigDict(frozen=True)

    key: str
    incidents_sha256: str
    wall_s: float
    cpu_s: float


def key_of(run: Mapping[str, Any], clip: Mapping[str, Any]) -> str:
    """Digest of all that the result depends on."""
    text = json.dumps([run, clip], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def cost_if_kept(folder: Path, key: str | None) -> Cost | None:
    """What it took, if the folder holds the finished result that belongs to the key; else None."""
    if key is None:
        return None
    try:
        mark = _Mark.model_validate_json((folder / MARK_FILE).read_bytes())
        whole = sha256_of(folder / INCIDENTS_FILE) == mark.incidents_sha256
    except (OSError, ModelError, ValidationError):
        return None
    return Cost(mark.wall_s, mark.cpu_s) if whole and mark.key == key else None


def mark(folder: Path, key: str, cost: Cost) -> None:
    """Say that the folder's result is finished."""
    content = {"schema": 1, "key": key, "incidents_sha256": sha256_of(folder / INCIDENTS_FILE), **asdict(cost)}
    write_json(folder / MARK_FILE, content)


def clear(folder: Path) -> None:
    """Remove what an earlier analysis left, finished or not: the mark first, so that no half result counts."""
    (folder / MARK_FILE).unlink(missing_ok=True)
    (folder / INCIDENTS_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder / EVIDENCE_FOLDER, ignore_errors=True)


def clear_others(clips: Path, mine: Collection[Path]) -> None:
    """Remove finished clips that the dataset has no more; what bears no mark is not ours."""
    for stale in clips.glob(f"*/{MARK_FILE}"):
        if stale.parent not in mine:
            shutil.rmtree(stale.parent, ignore_errors=True)
