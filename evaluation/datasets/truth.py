"""Reads what is known to be true of recorded clips: the dataset file and its truth files.

One bad entry must not cost the others: what is wrong is left out, named in a line, and counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from api.schema import IncidentType
from detector.geometry import Box
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Truth

SCHEMA_VERSION: Final = 1
END_TOLERANCE_S: Final = 0.5  # a stated length is often rounded, and a last picture lasts a while

_Fraction = Annotated[float, Field(ge=0, le=1)]
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Written(BaseModel):
    """Base of what people or tools write for us; a key of a newer schema is tolerated, and counted."""

    model_config = ConfigDict(extra="allow", frozen=True)


class _ClipEntry(_Written):
    cameras: str = Field(min_length=1)
    truth: str = Field(min_length=1)


class _IncidentEntry(_Written):
    type: IncidentType
    zone: str = Field(min_length=1)
    onset_s: _Seconds | None = None
    alarm_s: _Seconds
    end_s: _Seconds | None = None
    box: tuple[_Fraction, _Fraction, _Fraction, _Fraction]

    @model_validator(mode="after")
    def _in_order(self) -> _IncidentEntry:
        left, top, right, bottom = self.box
        if left >= right or top >= bottom:
            raise ValueError("box is empty: allowed is left < right and top < bottom")
        onset_s = self.onset_s or 0.0
        if self.alarm_s < onset_s or (self.end_s is not None and self.end_s < onset_s):
            raise ValueError("alarm_s and end_s must not lie before onset_s")
        return self


class _TruthFile(_Written):
    schema_version: int = Field(default=SCHEMA_VERSION, alias="schema")
    duration_s: float = Field(gt=0, allow_inf_nan=False)
    incidents: list[Any]


class _DatasetFile(_Written):
    schema_version: int = Field(default=SCHEMA_VERSION, alias="schema")
    clips: list[Any] = Field(min_length=1)


@dataclass(frozen=True)
class ClipTruth:
    """One clip of a dataset.

    Attributes:
        name: what the dataset calls its cameras file.
        cameras: that file, resolved.
        duration_s: length of the clip.
        incidents: what happens in it.
    """

    name: str
    cameras: Path
    duration_s: float
    incidents: tuple[Truth, ...]


@dataclass(frozen=True)
class Dataset:
    """What can be scored, and what was left out.

    Attributes:
        clips: in the order of the file.
        problems: a line for each clip or incident that was left out: file, place, what is wrong.
        unknown_keys: how many keys this version does not know, over all files.
    """

    clips: tuple[ClipTruth, ...]
    problems: tuple[str, ...]
    unknown_keys: int


def read_dataset(path: Path) -> Dataset:
    """Read DATASET.yaml and the truth of all its clips; paths in it are relative to it.

    Raises:
        EvaluationError: the dataset itself can't be read, or none of its clips is usable.
    """
    try:
        file = _DatasetFile.model_validate(_load(path))
    except ValidationError as error:
        raise EvaluationError(f"{path}: {_first(error)}") from error
    clips: list[ClipTruth] = []
    problems: list[str] = []
    unknown_keys = _unknown([file])
    for index, raw in enumerate(file.clips):
        try:
            entry = _ClipEntry.model_validate(raw)
            clip, found, unknown = _read_clip(path.parent, entry)
        except ValidationError as error:
            problems.append(f"{path}: clips.{index}: {_first(error)}")
        except EvaluationError as error:
            problems.append(str(error))
        else:
            clips.append(clip)
            problems += found
            unknown_keys += unknown + _unknown([entry])
    if not clips:
        raise EvaluationError("\n".join([f"{path}: no clip can be scored", *problems]))
    return Dataset(tuple(clips), tuple(problems), unknown_keys)


def _read_clip(folder: Path, entry: _ClipEntry) -> tuple[ClipTruth, list[str], int]:
    cameras, truth = folder / entry.cameras, folder / entry.truth
    if not cameras.is_file():
        raise EvaluationError(f"{cameras}: no such file")
    try:
        file = _TruthFile.model_validate(_load(truth))
    except ValidationError as error:
        raise EvaluationError(f"{truth}: {_first(error)}") from error
    entries: list[_IncidentEntry] = []
    problems: list[str] = []
    for index, raw in enumerate(file.incidents):
        try:
            incident = _IncidentEntry.model_validate(raw)
        except ValidationError as error:
            problems.append(f"{truth}: incidents.{index}: {_first(error)}")
            continue
        outside = _outside(incident, file.duration_s)
        if outside:
            problems.append(f"{truth}: incidents.{index}: {outside}")
        else:
            entries.append(incident)
    incidents = tuple(_truth(incident) for incident in entries)
    return ClipTruth(entry.cameras, cameras, file.duration_s, incidents), problems, _unknown([file, *entries])


def _outside(incident: _IncidentEntry, duration_s: float) -> str | None:
    for key in ("onset_s", "alarm_s", "end_s"):
        value = getattr(incident, key)
        if value is not None and value > duration_s + END_TOLERANCE_S:
            return f"{key} {value:g} lies outside the clip: allowed is 0 to duration_s {duration_s:g}"
    return None


def _truth(entry: _IncidentEntry) -> Truth:
    return Truth(str(entry.type), entry.zone, entry.onset_s, entry.alarm_s, Box(*entry.box))


def _load(path: Path) -> object:
    """The content of a YAML or JSON file.

    Raises:
        EvaluationError: it can't be read or parsed.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise EvaluationError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: is not UTF-8 text") from error
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise EvaluationError(f"{path}: is not valid YAML or JSON: {reason}") from error


def _first(error: ValidationError) -> str:
    """The first mistake in one line: key, what is allowed, what was there."""
    mistake = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in mistake["loc"])
    value = "" if mistake["type"] in {"missing", "value_error"} else f", not {mistake['input']!r:.80}"
    return f"{key + ': ' if key else ''}{mistake['msg']}{value}"


def _unknown(models: Iterable[BaseModel]) -> int:
    return sum(len(model.model_extra or {}) for model in models)
