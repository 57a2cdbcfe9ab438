import numpy as np
import pytest

from detector.following.template import (
    DETAILS_SAME,
    FLAT,
    LOOKS_SAME,
    SIDE_PX,
    details_alike,
    likeness,
    patch_at,
    shows,
    similarity,
)
from detector.zoning.geometry import Box
from tests.detector.street import KERB, Car, moved, picture, texture


def test_a_patch_has_mean_0_and_norm_1() -> None:
    patch = patch_at(picture([Car()]), KERB)
    assert patch.shape == (SIDE_PX, SIDE_PX)
    assert patch.dtype == np.float32
    assert float(patch.mean()) == pytest.approx(0, abs=1e-6)
    assert float(np.linalg.norm(patch)) == pytest.approx(1, abs=1e-5)
    assert similarity(patch, patch) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("gain", "offset"),
    [(1.0, 30.0), (0.5, 0.0), (1.3, -20.0), (0.2, 100.0)],  # dawn, dusk, sun on wet asphalt, fog
)
def test_brightness_and_contrast_do_not_matter(gain: float, offset: float) -> None:
    template = patch_at(picture([Car()]), KERB)
    assert similarity(template, patch_at(picture([Car()], gain=gain, offset=offset), KERB)) > 0.95


def test_another_car_and_the_empty_road_are_not_alike() -> None:
    template = patch_at(picture([Car(seed=1)]), KERB)
    for other in ([Car(seed=2)], []):
        assert abs(similarity(template, patch_at(picture(other), KERB))) < 0.3


def test_the_negative_is_the_opposite() -> None:
    luma = texture(5, 64, 64)
    whole = Box(0, 0, 1, 1)
    assert similarity(patch_at(luma, whole), patch_at(255 - luma, whole)) == pytest.approx(-1, abs=0.01)


def test_a_pixel_of_shake_is_forgiven() -> None:
    template = patch_at(picture([Car()]), KERB)
    shaken = moved(KERB, dx=1 / 320)
    assert similarity(template, patch_at(picture([Car(shaken)]), KERB)) > 0.9


def test_noise_alone_resembles_nothing() -> None:
    noise = np.random.default_rng(3).normal(100, FLAT / 2, (180, 320)).astype(np.uint8)
    patch = patch_at(noise, KERB)
    assert not patch.any()
    assert similarity(patch, patch) == 0.0


@pytest.mark.parametrize(
    "box",
    [
        Box(0.999, 0.999, 1.0, 1.0),  # a third of a pixel in the last corner
        Box(0.5, 0.5, 0.5, 0.5),  # empty
        Box(0.0, 0.0, 1.0, 1.0),
        Box(0.9, 0.2, 1.0, 0.3),
        Box(-0.05, 0.9, 0.1, 1.1),  # the camera was nudged
    ],
)
def test_any_box_in_the_frame_gives_a_finite_patch(box: Box) -> None:
    patch = patch_at(picture(), box)
    assert patch.shape == (SIDE_PX, SIDE_PX)
    assert np.isfinite(patch).all()
    assert -1 <= details_alike(patch, picture(), box) <= likeness(patch, picture(), box) <= 1


def test_a_light_from_one_side_leaves_the_details() -> None:
    dusk = picture([Car()], gain=0.3)
    template = patch_at(dusk, KERB)
    x = np.linspace(0, 1, dusk.shape[1])
    lit = np.clip(dusk * np.where(x < KERB.left, 4.0, 1 + 3 * np.exp(-(((x - KERB.left) / 0.1) ** 2))), 0, 255).astype(
        np.uint8
    )
    assert likeness(template, lit, KERB) < LOOKS_SAME
    assert details_alike(template, lit, KERB) >= DETAILS_SAME
    assert shows(template, lit, KERB)


def test_details_tell_cars_apart_and_noise_has_none() -> None:
    template = patch_at(picture([Car(seed=1)]), KERB)
    for other in ([Car(seed=2)], []):
        assert details_alike(template, picture(other), KERB) < 0.5
    assert details_alike(template, picture([Car(seed=1)]), KERB) == pytest.approx(
        1, abs=0.05
    )  # its edges lack surroundings
    assert details_alike(template, np.full((180, 320), 90, np.uint8), KERB) == 0.0
