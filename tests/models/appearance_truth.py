"""Vehicles on real footage, labelled by eye: where they are, which of them are one and the same, what colour they have.

Vehicles of one name are one vehicle, seen again after others drove past or people walked in front; those called `…_line_N`
stood in the same place one after another. A colour is left out where people would not agree (silver or beige, black or blue).
"""

import csv
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from models.appearance.colour import Light
from tests.models.conftest import read_rgb

TABLE = Path(__file__).with_name("appearance_truth.csv")
SAME_TIME_S = 0.002  # times in the table are rounded to a thousandth


@dataclass(frozen=True, eq=False)
class Labelled:
    """One row of the table with its picture."""

    file: str
    time_s: float
    vehicle: str
    colour: str
    crop: NDArray[np.uint8]
    light: Light


def read_truth(shared: Path) -> list[Labelled]:
    """All rows, in the order of the table, with their pictures cut out."""
    with TABLE.open(newline="", encoding="ascii") as stream:
        rows = list(csv.DictReader(stream))
    labelled = []
    for file, group in groupby(rows, key=lambda row: row["file"]):
        wanted = list(group)
        pictures = frames_at(shared / file, sorted({float(row["time_s"]) for row in wanted}))
        lights = {time_s: Light.of_scene(picture) for time_s, picture in pictures.items()}
        for row in wanted:
            time_s = float(row["time_s"])
            left, top, right, bottom = (max(0, int(row[side])) for side in ("left", "top", "right", "bottom"))
            crop = np.ascontiguousarray(pictures[time_s][top:bottom, left:right])
            labelled.append(Labelled(file, time_s, row["vehicle"], row["colour"], crop, lights[time_s]))
    return labelled


def frames_at(path: Path, times_s: list[float]) -> dict[float, NDArray[np.uint8]]:
    """The pictures of a clip at these times, rising; of a photograph, whatever the time."""
    if path.suffix == ".jpg":
        return dict.fromkeys(times_s, read_rgb(path))
    found: dict[float, NDArray[np.uint8]] = {}
    waiting = list(times_s)
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if waiting and frame.time is not None and abs(frame.time - waiting[0]) < SAME_TIME_S:
                found[waiting.pop(0)] = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            if not waiting:
                return found
    raise AssertionError(f"{path.name}: no pictures at {waiting}")
