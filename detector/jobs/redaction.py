"""The job `redaction`: a copy of a clip or still on which bystanders can't be recognised. The original is not touched.

People are covered wherever the detector sees one, and plates of other vehicles where the plate finder sees one. Kept are
the vehicle that the case is about, with its plate, and the person, where the case is about one.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detector.jobs.bystanders import Looked, Onlooker, subject_of
from detector.jobs.masks import Cover, cover
from detector.jobs.recoded import pictures, write_changed
from detector.jobs.task import Bench, Done, JobError, Task
from detector.jobs.unrecognisable import METHODS, Method, made_unrecognisable
from detector.zoning.geometry import Box
from models.errors import ModelError
from streams.still import JPEG_QUALITY

log = logging.getLogger(__name__)

LOOKING_SHARE = 0.6
"""Of the work is looking; the rest is writing."""
SAY_EVERY = 10


@dataclass(frozen=True)
class _Order:
    """What is redacted, with whom, where to, and how."""

    spec: Mapping[str, Any]
    bench: Bench
    onlooker: Onlooker
    source: Path
    tracks: tuple[Path, ...]
    path: Path
    method: Method


@dataclass(frozen=True)
class _Covers:
    people: Cover
    plates: Cover

    def of(self, index: int) -> tuple[Box, ...]:
        return (*self.people.boxes[index], *self.plates.boxes[index])


class Redactor:
    """Makes redacted copies.

    Args:
        load: Opens what looks at the pictures; called once, with the first job.
    """

    def __init__(self, load: Callable[[], Onlooker]) -> None:
        self._load = load
        self._onlooker: Onlooker | None = None

    def __call__(self, task: Task, bench: Bench) -> Done:
        """Makes a copy.

        Raises:
            JobError: The model can't be had, or the source can't be decoded.
        """
        wanted, method = task.output, _method(task.spec)
        bench.progress(0.0, "opening the model")
        onlooker = self._open()
        bench.progress(0.02, "fetching what is redacted")
        source = bench.fetch(task.spec["source"])
        tracks = tuple(bench.fetch(file) for file in task.spec.get("tracks", ()))
        order = _Order(task.spec, bench, onlooker, source, tracks, bench.folder / wanted.name, method)
        try:
            result = _redact_still(order) if task.spec.get("still") else _redact_clip(order)
        except (ValueError, av.error.FFmpegError, OSError, cv2.error) as error:
            raise JobError(f"{source.name} can't be redacted: {error}", final=isinstance(error, ValueError)) from None
        bench.progress(0.98, "sending")
        return Done(result | {"method": method, "model": onlooker.name}, {wanted.name: order.path})

    def _open(self) -> Onlooker:
        if self._onlooker is None:
            try:
                self._onlooker = self._load()
            except ModelError as error:
                raise JobError(f"the model can't be had, and without it nobody can be found: {error}") from None
        return self._onlooker


def _method(spec: Mapping[str, Any]) -> Method:
    for method in METHODS:
        if method == spec.get("method"):
            return method
    raise JobError(f"method {spec.get('method')!r}: allowed are {', '.join(METHODS)}", final=True)


def _redact_clip(order: _Order) -> dict[str, Any]:
    bench, onlooker = order.bench, order.onlooker
    subject = subject_of(order.tracks, order.source.name, order.spec)
    looks: list[Looked] = []
    for frame in pictures(order.source):
        looks.append(onlooker.look(frame, subject.vehicle_at(frame.time_s)))
        if len(looks) % SAY_EVERY == 0:
            # How many there are, few containers say.
            bench.progress(0.05 + LOOKING_SHARE * (1 - 1 / (1 + len(looks) / 250)), f"looking: picture {len(looks)}")
    times_s = [look.time_s for look in looks]
    covers = _Covers(
        cover([look.people for look in looks], times_s, subject.person_at),
        cover([look.plates for look in looks], times_s),
    )

    def change(index: int, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if index % SAY_EVERY == 0:
            bench.progress(0.05 + LOOKING_SHARE + 0.33 * index / len(looks), f"writing: picture {index}")
        return made_unrecognisable(image_rgb, covers.of(index), order.method)

    result = _said(covers, onlooker, len(looks)) | {"kept": subject.said}
    write_changed(order.source, order.path, change, _note(order, result))
    return result


def _redact_still(order: _Order) -> dict[str, Any]:
    with Image.open(order.source) as opened:
        image = np.asarray(opened.convert("RGB"))
    subject = subject_of((), order.source.name, order.spec)
    order.bench.progress(0.3, "looking")
    look = order.onlooker.look_closely(image, subject.vehicle_at(0.0))
    covers = _Covers(cover([look.people], [0.0], subject.person_at), cover([look.plates], [0.0]))
    result = _said(covers, order.onlooker, 1) | {"kept": subject.said}
    changed = Image.fromarray(made_unrecognisable(image, covers.of(0), order.method))
    changed.save(order.path, "JPEG", quality=JPEG_QUALITY, comment=_note(order, result).encode())
    return result


def _said(covers: _Covers, onlooker: Onlooker, count: int) -> dict[str, Any]:
    return {
        "pictures": count,
        "pictures_covered": sum(bool(covers.of(index)) for index in range(count)),
        "people_paths": covers.people.paths,
        "people_boxes_seen": covers.people.seen,
        "people_boxes_filled": covers.people.filled,
        "plate_paths": covers.plates.paths if onlooker.finds_plates else None,
        "score_min": onlooker.score_min,
        "checked_by": "machine",
    }


def _note(order: _Order, result: Mapping[str, Any]) -> str:
    plates = result["plate_paths"]
    covered = f"{result['people_paths']} paths of people, {'no look at' if plates is None else f'{plates} of'} plates"
    return (
        f"Redacted copy of {order.source.name} (SHA-256 {order.spec['source']['sha256']}): {covered}, "
        f"in {result['pictures_covered']} of {result['pictures']} pictures, found by a machine; {order.method}. "
        "Not evidence by itself"
    )
