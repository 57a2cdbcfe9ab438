"""A yard made of noise, with people in it and things put down. A picture is 320 x 180 pixels, 160 x 90 cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.watching.looks import Look, Sighting
from detector.zoning.geometry import Box
from tests.detector.street import HEIGHT_PX, WIDTH_PX, texture

YARD = ((0.05, 0.2), (0.95, 0.2), (0.95, 0.95), (0.05, 0.95))
BAG = Box(0.50, 0.60, 0.5625, 0.70)
"""20 x 18 pixels: 10 x 9 cells."""
FLOOR = np.clip(110 + (texture(0, WIDTH_PX, HEIGHT_PX).astype(np.float32) - 128) * 0.2, 0, 255)
"""Asphalt: its structure is a few levels."""


@dataclass(frozen=True)
class Put:
    """Something that lies there; `seed` is its looks, of full contrast."""

    box: Box = BAG
    seed: int = 5


Light = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def yard(
    things: Sequence[Put] = (), light: Light | None = None, noise: float = 1.0, seed: int = 0
) -> NDArray[np.uint8]:
    """The yard with things in it, lit somehow: luma `(180, 320)` uint8."""
    luma = FLOOR.copy()
    for thing in things:
        left, top, right, bottom = pixels(thing.box)
        luma[top:bottom, left:right] = patch(thing.seed, right - left, bottom - top)
    if light is not None:
        luma = light(luma)
    grain = np.random.default_rng(seed).normal(0, noise, luma.shape)
    return np.clip(luma + grain, 0, 255).astype(np.uint8)


def patch(seed: int, width_px: int, height_px: int) -> NDArray[np.float32]:
    """How something looks: coarse noise, darker than the floor."""
    coarse = np.random.default_rng(seed).uniform(10, 90, (4, 4)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_NEAREST), np.float32)


def pixels(box: Box) -> tuple[int, int, int, int]:
    """A box in pixels."""
    return (
        round(box.left * WIDTH_PX), round(box.top * HEIGHT_PX), round(box.right * WIDTH_PX), round(box.bottom * HEIGHT_PX)
    )  # fmt: skip


def person(x: float, foot: float, score: float = 0.8) -> Sighting:
    """Somebody 0.24 of the picture high and 0.05 wide, with the feet at a place."""
    return Sighting(Box(x - 0.025, foot - 0.24, x + 0.025, foot), "person", score, "person")


def look(
    time_s: float,
    things: Sequence[Put] = (),
    sightings: Sequence[Sighting] = (),
    *,
    bodies: bool = True,
    light: Light | None = None,
    noise: float = 1.0,
) -> Look:
    """A look at the yard; whoever is sighted shows in the picture, too, unless `bodies` is False."""
    shown = [*things, *(Put(it.box, 90 + index) for index, it in enumerate(sightings) if bodies)]
    return Look(time_s, yard(shown, light, noise, seed=round(time_s * 100)), tuple(sightings))
