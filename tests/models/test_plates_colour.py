"""The colour of a plate's ground: painted plates in every light that a street has."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.plates.colour import colour_of
from models.plates.reading import Colour

WHITE_INK, BLACK_INK = (235, 235, 235), (25, 25, 25)
PAINTS = {
    Colour.BLUE: ((20, 70, 170), WHITE_INK),
    Colour.YELLOW: ((240, 190, 40), BLACK_INK),
    Colour.GREEN: ((110, 215, 140), BLACK_INK),
    Colour.WHITE: ((230, 230, 230), BLACK_INK),
    Colour.BLACK: ((20, 20, 22), WHITE_INK),
}
LIGHTS = {
    "noon": (1.0, 1.0, 1.0),
    "shade": (0.45, 0.5, 0.55),
    "evening": (0.95, 0.85, 0.75),
    "lamp": (0.8, 0.7, 0.58),
    "dusk": (0.3, 0.3, 0.33),
}


def painted(ground: tuple[int, int, int], ink: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A plate of 140 x 44 px with seven signs."""
    plate = np.full((44, 140, 3), ground, np.uint8)
    cv2.putText(plate, "A8H458", (12, 33), cv2.FONT_HERSHEY_SIMPLEX, 1.0, ink, 3, cv2.LINE_AA)
    return plate


def lit(plate: NDArray[np.uint8], light: tuple[float, float, float]) -> NDArray[np.uint8]:
    noise = np.random.default_rng(3).normal(0, 4, plate.shape)
    return np.clip(cv2.GaussianBlur(plate, (0, 0), 0.8) * np.array(light) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("colour", PAINTS)
def test_colour_in_every_light(colour: Colour, light: str) -> None:
    assert colour_of(lit(painted(*PAINTS[colour]), LIGHTS[light])) in (colour, Colour.UNKNOWN)


@pytest.mark.parametrize("colour", PAINTS)
def test_colour_in_daylight_is_known(colour: Colour) -> None:
    assert colour_of(lit(painted(*PAINTS[colour]), LIGHTS["noon"])) is colour
    assert colour_of(lit(painted(*PAINTS[colour]), LIGHTS["shade"])) is colour


def test_green_that_fades_into_white() -> None:
    plate = painted(*PAINTS[Colour.GREEN]).astype(np.float32)
    fade = np.linspace(0, 1, 44)[:, None, None]  # white at the top, as GA 36 has it
    ground = plate.mean(axis=2, keepdims=True) > 90
    faded = np.where(ground, plate * fade + 235 * (1 - fade), plate).astype(np.uint8)
    assert colour_of(lit(faded, LIGHTS["noon"])) is Colour.GREEN


@pytest.mark.parametrize("grey", [0, 90, 255])
def test_no_signs_no_colour(grey: int) -> None:
    assert colour_of(np.full((44, 140, 3), grey, np.uint8)) is Colour.UNKNOWN


def test_a_red_ground_is_no_plate() -> None:
    assert colour_of(painted((190, 20, 30), WHITE_INK)) is Colour.UNKNOWN


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (8, 20)])
def test_tiny_pictures_do_no_harm(size: tuple[int, int]) -> None:
    assert colour_of(np.full((*size, 3), 80, np.uint8)) is Colour.UNKNOWN
