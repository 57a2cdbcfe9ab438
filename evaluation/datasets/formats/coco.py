"""COCO detection truth, one JSON file for the pictures of one clip.

Read are `images` (`id`, `width`, `height`, and the number of the picture: `frame_id`, or else the last number in `file_name`),
`categories` (`id`, `name`) and `annotations` (`image_id`, `category_id`, `bbox` as left, top, width, height in pixels). What
makes boxes on several pictures one thing is `track_id`, `instance_id`, or `attributes.track_id`; an annotation without one is
counted and left out, and so is a crowd. Pictures are counted from 0.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter

from evaluation.datasets.annotations import Annotations, Sighting, box_of, counted, events_of
from evaluation.datasets.formats.layout import OWN_TYPES, ClipFacts, Foreign, Format, load_json
from evaluation.errors import EvaluationError

_NUMBER = re.compile(r"(\d+)\D*$")


class _Image(Foreign):
    id: int
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    file_name: str = ""
    frame_id: int | None = None


class _Category(Foreign):
    id: int
    name: str


class _Annotation(Foreign):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0
    track_id: int | str | None = None
    instance_id: int | str | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)

    @property
    def track(self) -> str | None:
        for value in (self.track_id, self.instance_id, self.attributes.get("track_id")):
            if value is not None:
                return str(value)
        return None


class CocoFile(Foreign):
    """A file of COCO's form, as far as it is read here."""

    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def read_coco(path: Path, clip: ClipFacts, first_frame: int) -> Annotations:  # noqa: ARG001 - the signature of all readers
    """Read a COCO file.

    Raises:
        EvaluationError: it is not COCO, or a picture has no number.
    """
    file = load_json(path, TypeAdapter(CocoFile))
    images = {image.id: image for image in file.images}
    names = {category.id: category.name for category in file.categories}
    rows, reasons = [], Counter[str]()
    for annotation in file.annotations:
        image = images.get(annotation.image_id)
        track = annotation.track
        if image is None:
            reasons["annotation of a picture that is not listed"] += 1
        elif annotation.iscrowd:
            reasons["annotation of a crowd"] += 1
        elif track is None:
            reasons["annotation without track_id: what lasts can't be told"] += 1
        else:
            left, top, width, height = annotation.bbox
            box = box_of(left, top, left + width, top + height, (image.width, image.height))
            if box is None:
                reasons["annotation whose box is empty or outside the picture"] += 1
                continue
            category = names.get(annotation.category_id, str(annotation.category_id))
            rows.append((track, category, Sighting(_frame(path, image) - first_frame, box)))
    return Annotations(events_of(rows), counted(reasons))


def _frame(path: Path, image: _Image) -> int:
    if image.frame_id is not None:
        return image.frame_id
    number = _NUMBER.search(Path(image.file_name).stem)
    if number is None:
        raise EvaluationError(f"{path}: image {image.id}: has no number: allowed is frame_id, or one in file_name")
    return int(number[1])


COCO = Format("coco", 0, OWN_TYPES, read_coco)
