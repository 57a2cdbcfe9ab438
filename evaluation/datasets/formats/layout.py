"""What a format needs to know of the clip, and how it is told what its categories mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from api.schema import IncidentType
from evaluation.datasets.annotations import Annotations
from evaluation.errors import EvaluationError

Content = TypeVar("Content")

OWN_TYPES: Final = {str(kind): str(kind) for kind in IncidentType}


class Foreign(BaseModel):
    """Base of what other tools write: keys that we don't need are none of our business."""

    model_config = ConfigDict(extra="ignore", frozen=True)


@dataclass(frozen=True)
class ClipFacts:
    """The clip that annotations are about.

    Attributes:
        name: file name of the clip.
        size_px: width and height of its pictures.
        pictures: how many it has.
        fps: measured; some formats want one declared.
    """

    name: str
    size_px: tuple[int, int]
    pictures: int
    fps: float


Reader = Callable[[Path, ClipFacts, int], Annotations]
"""Reads a file; the number is what the format calls the first picture of a clip."""
Writer = Callable[[Path, ClipFacts, int, Annotations], None]


@dataclass(frozen=True)
class Format:
    """A format by its name on the command line.

    Attributes:
        name: that name.
        first_frame: what it calls the first picture.
        types: what its categories mean: category to incident type. Where several mean one, the first is written.
        read: reads it.
        write: writes it; None if that is not offered.
    """

    name: str
    first_frame: int
    types: dict[str, str]
    read: Reader
    write: Writer | None = None


def load_json(path: Path, adapter: TypeAdapter[Content]) -> Content:
    """Read a JSON file of another tool.

    Raises:
        EvaluationError: it can't be read, or is not what the format says.
    """
    try:
        return adapter.validate_json(path.read_bytes())
    except OSError as error:
        raise EvaluationError(f"{path}: can't be read: {error.strerror}") from error
    except ValidationError as error:
        mistake = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in mistake["loc"])
        raise EvaluationError(f"{path}: {where + ': ' if where else ''}{mistake['msg']}") from error


def save_json(path: Path, content: object) -> None:
    """Write JSON as people can read it; the same bytes for the same content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
