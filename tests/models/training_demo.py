"""Composes a data set for a demonstration of fine-tuning, out of the real footage beside the repository.

    python -m tests.models.training_demo compose FOLDER      writes reviewed cases: 270 pictures of 9 cameras
    python -m tests.models.training_demo blind FOLDER NAME   how well a model finds the things of val, whatever it calls them

Stalls (a canopy over a table of goods) and piles (heaps of bags) are cut out of real photographs, as textures, and put
into scenes of real cameras; a fifth of the pictures holds none. What this shows is that training works, not how well a
model sees real stalls.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from models.detections import Detections
from models.detector import load_detector
from models.quantising.agreement import agreement
from models.training.formats import read_dataset
from models.training.judge import SCORE_MIN, read_rgb
from models.training.split import split

SHARED = Path(os.environ.get("STREETWARDEN_SHARED", Path(__file__).resolve().parents[3] / "shared"))
PICTURES_A_CAMERA = 30
SIDE_PX = 640
BACKGROUND_SHARE = 0.2
Image = NDArray[np.uint8]


def compose(folder: Path) -> None:
    rng = np.random.default_rng(2026)
    textures = [read(path) for path in sorted((SHARED / "images" / "calibration").glob("*.jpg"))]
    (folder / "stills").mkdir(parents=True)
    lines = []
    for camera, frames in scenes():
        for number, frame in enumerate(frames):
            picture, boxes = frame.copy(), []
            for _ in range(0 if rng.random() < BACKGROUND_SHARE else rng.integers(1, 4)):
                name = ("stall", "pile")[rng.integers(2)]
                boxes.append({"class": name, "box": put(picture, name, textures, rng)})
            file = folder / "stills" / f"{camera}-{number:02d}.jpg"
            cv2.imwrite(str(file), picture)
            lines.append(
                {
                    "schema": 1,
                    "incident": f"{camera}-{number}",
                    "camera": camera,
                    "verdict": "confirm" if boxes else "reject",
                    "reason": None if boxes else "wrong_object",
                    "type": "street_vending",
                    "picture": f"stills/{file.name}",
                    "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                    "boxes": boxes,
                }
            )
    (folder / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def scenes() -> Iterator[tuple[str, list[Image]]]:
    """Cameras, each with pictures of its scene from one end of its clip to the other."""
    for clip in sorted((SHARED / "clips" / "real").iterdir()):
        with av.open(clip) as container:
            stream = container.streams.video[0]
            every = max(1, (stream.frames or 900) // PICTURES_A_CAMERA)
            frames = islice(container.decode(stream), 0, None, every)
            yield clip.stem, [fitted(frame.to_ndarray(format="bgr24")) for frame in islice(frames, PICTURES_A_CAMERA)]


def fitted(frame: Image) -> Image:
    scale = SIDE_PX / max(frame.shape[:2])
    return np.asarray(cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def read(path: Path) -> Image:
    picture = cv2.imread(str(path))
    assert picture is not None, path
    return np.asarray(picture, np.uint8)


def put(picture: Image, name: str, textures: list[Image], rng: np.random.Generator) -> list[float]:
    """Put a thing into the lower two thirds, larger the nearer it is; returns its box in fractions."""
    height, width = picture.shape[:2]
    bottom = int(rng.uniform(0.45, 0.98) * height)
    size = int(height * rng.uniform(0.12, 0.2) * (0.4 + bottom / height))
    thing_w, thing_h = (int(size * rng.uniform(1.0, 1.5)), size) if name == "stall" else (size, int(size * 0.6))
    x, y = int(rng.integers(0, max(1, width - thing_w))), max(0, bottom - thing_h)
    mask = np.zeros((thing_h, thing_w), np.uint8)
    filling = np.zeros((thing_h, thing_w, 3), np.uint8)
    for part in parts_of(name, thing_w, thing_h, rng):
        shape = np.zeros_like(mask)
        cv2.fillPoly(shape, [part], 255)
        inside = shape > 0
        filling[inside] = patch(textures, thing_w, thing_h, rng)[inside]
        mask[inside] = 255
    soft = cv2.GaussianBlur(mask, (3, 3), 0)[..., None] / 255.0
    region = picture[y : y + thing_h, x : x + thing_w]
    light = region.mean() / max(1.0, float(filling[mask > 0].mean()))  # as bright as its place, more or less
    lit = np.clip(filling * np.clip(light, 0.6, 1.4), 0, 255)
    region[:] = (soft * lit + (1 - soft) * region).astype(np.uint8)
    rows, columns = np.nonzero(mask)
    x1, x2, y1, y2 = x + columns.min(), x + columns.max() + 1, y + rows.min(), y + rows.max() + 1
    return [float(x1 / width), float(y1 / height), float(x2 / width), float(y2 / height)]


def parts_of(name: str, width: int, height: int, rng: np.random.Generator) -> Iterator[NDArray[np.int32]]:
    """Outlines of the parts of a thing, in its own pixels."""

    def at(*points: tuple[float, float]) -> NDArray[np.int32]:
        return np.array([(round(x * (width - 1)), round(y * (height - 1))) for x, y in points], np.int32)

    if name == "stall":
        slope = rng.uniform(0.05, 0.2)
        yield at((slope, 0.0), (1 - slope, 0.0), (1.0, 0.3), (0.0, 0.3))  # canopy
        yield at((0.06, 0.3), (0.1, 0.3), (0.1, 1.0), (0.06, 1.0))  # poles
        yield at((0.9, 0.3), (0.94, 0.3), (0.94, 1.0), (0.9, 1.0))
        yield at((0.02, 0.62), (0.98, 0.62), (0.98, 0.95), (0.02, 0.95))  # table
        for left in np.arange(0.06, 0.9, 0.15):  # goods
            yield at((left, 0.5), (left + 0.12, 0.5), (left + 0.12, 0.64), (left, 0.64))
        return
    for _ in range(rng.integers(5, 9)):  # bags, lower ones in front
        centre_x, centre_y = rng.uniform(0.2, 0.8), rng.uniform(0.35, 0.75)
        angles = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        radius = rng.uniform(0.16, 0.25, 10)
        yield at(*zip(centre_x + radius * np.cos(angles), centre_y + radius * np.sin(angles), strict=True))


def patch(textures: list[Image], width: int, height: int, rng: np.random.Generator) -> Image:
    """A piece of a photograph, of this size."""
    picture = textures[rng.integers(len(textures))]
    side = min(picture.shape[:2]) // 4
    y, x = rng.integers(0, picture.shape[0] - side), rng.integers(0, picture.shape[1] - side)
    return np.asarray(cv2.resize(picture[y : y + side, x : x + side], (width, height)), np.uint8)


def blind(folder: Path, name: str) -> None:
    """Average precision of a model's boxes on val when every class counts as the same."""
    val = split(read_dataset(folder)).val
    detector = load_detector(name)
    truth, seen = [], []
    for sample in val:
        image = read_rgb(sample.picture)
        found = detector.detect(image, detector.plan(image.shape[1], image.shape[0]), score_min=SCORE_MIN)
        truth.append(_thing(sample.boxes_px, np.ones(len(sample.boxes_px), np.float32)))
        seen.append(_thing(found.boxes_px, found.scores))
    result = agreement(truth, seen)
    print(  # noqa: T201 - a command
        f"{name}: {result.boxes} things in {result.frames} pictures; AP50 {result.ap50:.3f}, AP50-95 {result.ap50_95:.3f}"
    )


def _thing(boxes_px: NDArray[np.float32], scores: NDArray[np.float32]) -> Detections:
    return Detections(boxes_px, np.zeros(len(scores), np.int64), scores, ("thing",))


if __name__ == "__main__":
    {"compose": compose, "blind": blind}[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
