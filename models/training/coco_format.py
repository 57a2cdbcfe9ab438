"""Reads COCO's JSON for detection: `images`, `annotations` with boxes x, y, width, height in pixels, `categories`.

Format: cocodataset.org, "Data format". An image may carry a key `camera`, which COCO does not know and does not mind.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from models.errors import ModelError
from models.registry.entries import first_problem
from models.training.dataset import Dataset, Sample, boxes_inside, make_dataset
from models.training.findings import Finding, Findings
from models.training.pictures import counted, read_picture

_PICTURE_FOLDERS = (".", "images", "../images", "..")  # relative to the JSON; the first that holds the first picture
_Id = int | str
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Image(BaseModel):
    id: _Id
    file_name: str
    width: int
    height: int
    camera: str | None = None


class _Annotation(BaseModel):
    image_id: _Id
    category_id: int
    bbox: Annotated[list[_Finite], Field(min_length=4, max_length=4)]
    iscrowd: int = 0


class _Category(BaseModel):
    id: int
    name: str


class _Coco(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: Annotated[list[_Category], Field(min_length=1)]


def read_coco(file: Path) -> Dataset:
    """Read a data set in COCO's format.

    Args:
        file: the JSON. Its pictures lie beside it, in `images/` there, or in the folder above or its `images/`.

    Returns:
        The data set, classes in the order of their ids. A picture's camera is its key `camera`, else the first folder of its
        `file_name`.

    Raises:
        ModelError: the file is not right; the line names it, the line or key, and what is allowed.
    """
    coco = _read(file)
    categories = sorted(coco.categories, key=lambda one: one.id)
    names = [one.name for one in categories]
    if len(set(names)) != len(names) or len({one.id for one in categories}) != len(names):
        raise ModelError(f"{file}: categories: each id and each name may stand once")
    if len({image.id for image in coco.images}) != len(coco.images):
        raise ModelError(f"{file}: images: each id may stand once")
    findings = Findings()
    index = {one.id: position for position, one in enumerate(categories)}
    rows = _rows(file, coco, index, findings)
    folder = _picture_folder(file, coco.images)
    samples = [
        _sample(file, folder, image, rows[image.id], findings) for image in counted(coco.images, len(coco.images))
    ]
    return make_dataset([sample for sample in samples if sample], names, findings)


def _read(file: Path) -> _Coco:
    try:
        written: Any = json.loads(file.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{file}: cannot be read: {error}") from None
    except json.JSONDecodeError as error:
        raise ModelError(f"{file}: line {error.lineno}: not JSON: {error.msg}") from None
    try:
        return _Coco.model_validate(written)
    except ValidationError as error:
        raise ModelError(f"{file}: {first_problem(error)}") from None


def _rows(
    file: Path, coco: _Coco, index: Mapping[int, int], findings: Findings
) -> Mapping[_Id, list[tuple[int, list[float]]]]:
    """Class index and box of every annotation that counts, by image."""
    known = {image.id for image in coco.images}
    rows: defaultdict[_Id, list[tuple[int, list[float]]]] = defaultdict(list)
    for number, one in enumerate(coco.annotations):
        where = f"{file}: annotations.{number}"
        if one.image_id not in known:
            findings.add(Finding.UNKNOWN_PICTURE, where)
        elif one.category_id not in index:
            findings.add(Finding.CLASS_UNKNOWN, f"{where}: category {one.category_id}")
        elif one.iscrowd:
            findings.add(Finding.CROWD, where)
        else:
            rows[one.image_id].append((index[one.category_id], one.bbox))
    return rows


def _picture_folder(file: Path, images: Sequence[_Image]) -> Path:
    for folder in _PICTURE_FOLDERS:
        if images and (file.parent / folder / images[0].file_name).is_file():
            return file.parent / folder
    return file.parent


def _sample(
    file: Path, folder: Path, image: _Image, rows: Sequence[tuple[int, list[float]]], findings: Findings
) -> Sample | None:
    where = f"{file}: image {image.id!r}"
    picture = read_picture(folder / image.file_name, findings, where)
    if picture is None:
        return None
    # Where EXIF turns a picture nobody can tell which of the two frames its boxes were drawn in, unless the size does.
    if (image.width, image.height) != picture.size_px:
        findings.add(Finding.PICTURE_CHANGED, f"{where}: {image.width}x{image.height} px, the file {picture.size_px}")
        return None
    xywh: NDArray[np.float64] = np.array([box for _, box in rows], np.float64).reshape(-1, 4)
    boxes = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
    boxes_px, kept = boxes_inside(boxes, picture.size_px, findings, where)
    classes = np.array([cls for cls, _ in rows], np.int64)[kept]
    folders = Path(image.file_name).parts[:-1]
    camera = image.camera or (folders[0] if folders else None)
    return Sample(picture.path, picture.sha256, picture.size_px, boxes_px, classes, camera=camera)
