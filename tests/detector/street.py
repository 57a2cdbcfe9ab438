"""A street made of noise: vehicles are patches of their own texture, so that every number in a test can be reckoned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.watching.looks import Look, Sighting
from detector.zoning.geometry import Box

WIDTH_PX, HEIGHT_PX = 320, 180
KERB = Box(0.30, 0.40, 0.50, 0.60)


def texture(seed: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Blurred noise of full contrast: two seeds correlate by about 0."""
    noise = np.random.default_rng(seed).normal(size=(height_px, width_px))
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)


ROAD = texture(0, WIDTH_PX, HEIGHT_PX)


@dataclass(frozen=True)
class Car:
    """A vehicle in the picture; `seed` is its looks."""

    box: Box = KERB
    seed: int = 1


def picture(cars: Iterable[Car] = (), *, gain: float = 1.0, offset: float = 0.0) -> NDArray[np.uint8]:
    """The street with cars on it, the last one in front: luma `(180, 320)` uint8."""
    luma = ROAD.copy()
    for car in cars:
        left, top, right, bottom = (
            round(v * s) for v, s in zip(car.box, (WIDTH_PX, HEIGHT_PX, WIDTH_PX, HEIGHT_PX), strict=True)
        )
        paint = texture(car.seed, right - left, bottom - top)
        # What sticks out of the frame is cut off.
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right, WIDTH_PX), min(bottom, HEIGHT_PX)
        luma[y0:y1, x0:x1] = paint[y0 - top : y1 - top, x0 - left : x1 - left]
    return np.clip(luma.astype(np.float32) * gain + offset, 0, 255).astype(np.uint8)


def moved(box: Box, dx: float = 0.0, dy: float = 0.0) -> Box:
    return Box(box.left + dx, box.top + dy, box.right + dx, box.bottom + dy)


def seen(car: Car, class_name: str = "car", score: float = 0.8) -> Sighting:
    """The detector's view of a car: its box within the frame."""
    box = Box(*(min(1.0, max(0.0, value)) for value in car.box))
    return Sighting(box, class_name, score, "vehicle")


def look(
    time_s: float,
    cars: Sequence[Car] = (),
    *,
    sightings: Sequence[Sighting] | None = None,
    others: Sequence[Box] = (),
    gain: float = 1.0,
    offset: float = 0.0,
) -> Look:
    """A look at the street; the detector sees every car, unless `sightings` says otherwise."""
    found = tuple(seen(car) for car in cars) if sightings is None else tuple(sightings)
    in_front = tuple(Sighting(box, "person", 0.8, "person") for box in others)
    return Look(time_s, picture(cars, gain=gain, offset=offset), (*found, *in_front))
