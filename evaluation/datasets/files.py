"""The edge: what DATASET.yaml and truth files must look like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from api.schema import IncidentType
from detector.zoning.geometry import Box
from evaluation.datasets.document import Place
from evaluation.metrics.matching import Truth

SCHEMA_VERSION: Final = 1

_Fraction = Annotated[float, Field(ge=0, le=1)]
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Written(BaseModel):
    """Base of what people or tools write for us; a key of a newer schema is tolerated, and counted."""

    model_config = ConfigDict(extra="allow", frozen=True)


class ClipEntry(_Written):
    """One clip of a dataset; paths are relative to the dataset."""

    cameras: str = Field(min_length=1)
    truth: str = Field(min_length=1)


class IncidentEntry(_Written):
    """One incident of a truth file."""

    type: IncidentType
    zone: str = Field(min_length=1)
    onset_s: _Seconds | None = None
    alarm_s: _Seconds
    end_s: _Seconds | None = None
    box: tuple[_Fraction, _Fraction, _Fraction, _Fraction]

    @model_validator(mode="after")
    def _in_order(self) -> IncidentEntry:
        left, top, right, bottom = self.box
        if left >= right or top >= bottom:
            raise ValueError("box is empty: allowed is left < right and top < bottom")
        onset_s = self.onset_s or 0.0
        if self.alarm_s < onset_s or (self.end_s is not None and self.end_s < onset_s):
            raise ValueError("alarm_s and end_s must not lie before onset_s")
        return self

    def truth(self) -> Truth:
        """The same, as the metrics take it."""
        return Truth(str(self.type), self.zone, self.onset_s, self.alarm_s, Box(*self.box), self.end_s)


class TruthFile(_Written):
    """A truth file; its incidents are looked at one by one, so that a bad one costs only itself."""

    schema_version: int = Field(default=SCHEMA_VERSION, alias="schema")
    duration_s: float = Field(gt=0, allow_inf_nan=False)
    incidents: list[Any]


class DatasetFile(_Written):
    """A dataset; its clips are looked at one by one, as well."""

    schema_version: int = Field(default=SCHEMA_VERSION, alias="schema")
    clips: list[Any] = Field(min_length=1)


def first_mistake(error: ValidationError) -> tuple[Place, str]:
    """Where the first mistake is, and in one line: key, what is allowed, what was there."""
    mistake = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in mistake["loc"])
    value = "" if mistake["type"] in {"missing", "value_error"} else f", not {mistake['input']!r:.80}"
    return mistake["loc"], f"{key + ': ' if key else ''}{mistake['msg'].removeprefix('Value error, ')}{value}"


def unknown_keys(models: Iterable[BaseModel]) -> int:
    """How many keys of these this version does not know."""
    return sum(len(model.model_extra or {}) for model in models)
