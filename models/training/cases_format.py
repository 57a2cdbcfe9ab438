"""Reads the cases that reviewers decided: JSON lines, one still of one case each; README.md beside this file specifies them.

What a reviewer confirmed is an example. What a reviewer rejected as the wrong object is a picture in which that is not to
be seen: background, the kind on which the detector erred. A case that was rejected for another reason (a licensed stall, a
duplicate) says nothing about what the detector saw, and is left out.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from models.errors import ModelError
from models.registry.artifacts import Sha256
from models.registry.entries import first_problem
from models.training.dataset import Dataset, Sample, boxes_inside, make_dataset
from models.training.findings import Finding, Findings
from models.training.pictures import counted, read_picture

CASES_NAME = "cases.jsonl"
WRONG_OBJECT_REASONS = ("wrong_object",)  # the event system's own code; its table of reasons can be replaced
_Fraction = Annotated[float, Field(allow_inf_nan=False)]
_Text = Annotated[str, Field(min_length=1)]


class _Box(BaseModel):
    name: _Text = Field(alias="class")
    box: tuple[_Fraction, _Fraction, _Fraction, _Fraction]


class _Line(BaseModel):
    """One line; keys that a newer writer adds are ignored and counted."""

    version: Literal[1] = Field(alias="schema")
    incident: _Text
    camera: _Text
    verdict: Literal["confirm", "reject"]
    reason: str | None = None
    type: _Text
    picture: _Text
    sha256: Sha256
    boxes: list[_Box]

    @field_validator("picture")
    @classmethod
    def _stays_inside(cls, picture: str) -> str:
        path = PurePosixPath(picture)
        if path.is_absolute() or ".." in path.parts or "\\" in picture:
            raise ValueError("a path below the folder of this file is expected, with / and without ..")
        return picture

    @model_validator(mode="after")
    def _has_a_reason(self) -> "_Line":
        if self.verdict == "reject" and not self.reason:
            raise ValueError("reason is needed to reject")
        return self


_KEYS = frozenset(field.alias or name for name, field in _Line.model_fields.items())
_BOX_KEYS = frozenset(field.alias or name for name, field in _Box.model_fields.items())


@dataclass(frozen=True, slots=True)
class _Case:
    """A line that counts, and where it stands."""

    line: _Line
    where: str


def read_cases(
    file: Path, *, classes: Sequence[str] = (), wrong_object_reasons: Sequence[str] = WRONG_OBJECT_REASONS
) -> Dataset:
    """Read reviewed cases.

    Args:
        file: the JSON lines; pictures lie below its folder.
        classes: in the order of their indices; none takes every class that was confirmed, by the alphabet.
        wrong_object_reasons: reasons to reject that deny the object itself.

    Returns:
        The data set.

    Raises:
        ModelError: a line is not right, or no class was confirmed; the line names file, line and key, and what is allowed.
    """
    findings = Findings()
    cases = list(_cases(file, tuple(wrong_object_reasons), findings))
    confirmed = {box.name for case in cases if case.line.verdict == "confirm" for box in case.line.boxes}
    names = tuple(classes) or tuple(sorted(confirmed))
    if not names:
        raise ModelError(f"{file}: no confirmed case has a box: there is nothing to learn")
    samples = [_sample(file, case, names, findings) for case in counted(cases, len(cases))]
    return make_dataset([sample for sample in samples if sample], names, findings)


def _cases(file: Path, wrong_object_reasons: tuple[str, ...], findings: Findings) -> Iterator[_Case]:
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{file}: cannot be read: {error}") from None
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        where = f"{file}: line {number}"
        line = _parse(text, where, findings)
        if line.verdict == "reject" and line.reason not in wrong_object_reasons:
            findings.add(Finding.REJECTED_OTHERWISE, f"{where}: {line.reason}")
        else:
            yield _Case(line, where)


def _parse(text: str, where: str, findings: Findings) -> _Line:
    try:
        written: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelError(f"{where}: not JSON: {error.msg}") from None
    try:
        line = _Line.model_validate(written)
    except ValidationError as error:
        raise ModelError(f"{where}: {first_problem(error)}") from None
    for key in [*(set(written) - _KEYS), *(key for box in written["boxes"] for key in set(box) - _BOX_KEYS)]:
        findings.add(Finding.KEY_UNKNOWN, f"{where}: {key}")
    return line


def _sample(file: Path, case: _Case, names: tuple[str, ...], findings: Findings) -> Sample | None:
    line = case.line
    picture = read_picture(file.parent / line.picture, findings, case.where)
    if picture is None:
        return None
    if picture.sha256 != line.sha256:
        findings.add(Finding.PICTURE_CHANGED, f"{case.where}: {line.picture}")
        return None
    boxes = line.boxes
    if line.verdict == "reject":
        findings.add(Finding.WRONG_OBJECT, case.where, len(boxes))
        boxes = []
    known = [box for box in boxes if box.name in names]
    findings.add(Finding.CLASS_UNKNOWN, case.where, len(boxes) - len(known))
    width, height = picture.size_px
    scale = np.array([width, height, width, height], np.float64)
    fractions = np.array([box.box for box in known], np.float64).reshape(-1, 4)
    boxes_px, kept = boxes_inside(fractions * scale, picture.size_px, findings, case.where)
    classes = np.array([names.index(box.name) for box in known], np.int64)[kept]
    return Sample(
        picture.path, picture.sha256, picture.size_px, boxes_px, classes, camera=line.camera, incident=line.incident
    )
