"""The change gate on a real street: what light and weather do to it, and what arrives in it.

The street is a real picture of a junction in grey, 640 x 480; the vehicle is the estate car that drives there, the person one
who crosses another street. A cell is 4 x 4 pixels.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from streams.gate import MARGIN_CELLS, PLANE_PX, RECHECK_S, ChangeGate
from streams.patrol import Patrol, PatrolDecoder
from streams.source.address import Address
from streams.source.feed import Feed
from streams.source.probe import first_picture

WIDTH_PX, HEIGHT_PX = 640, 480
CONTACT = (0.62, 0.62)
"""Where the wheels stand, on bare asphalt."""

Luma = NDArray[np.uint8]
Zone = list[tuple[float, float]]


def around(x: float, y: float, half: float = 0.05) -> Zone:
    return [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]


ZONES: dict[str, Zone] = {
    "in its middle": around(*CONTACT),
    # The detector's box ends 5 pixels below the wheels, just inside the zone: nothing of the car itself is in it.
    "at its far edge": around(CONTACT[0], CONTACT[1] + 0.06),
    "on a strip along the kerb": [(0.4, 0.61), (0.9, 0.61), (0.9, 0.63), (0.4, 0.63)],
}


class Scene(NamedTuple):
    street: Luma
    car: Luma
    person: Luma


def cut(luma: Luma, left: float, top: float, right: float, bottom: float) -> Luma:
    height, width = luma.shape
    return luma[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]


@pytest.fixture(scope="module")
def scene(shared: Path) -> Scene:
    real = shared / "clips" / "real"
    street = first_picture(Address(str(real / "otc_cars-truck.mp4"))).gray(WIDTH_PX, HEIGHT_PX)
    crossing = first_picture(Address(str(real / "ocv4node_city_intersection.mp4"))).gray(640, 360)
    return Scene(street, cut(street, 0.719, 0.224, 0.888, 0.35), cut(crossing, 0.442, 0.668, 0.487, 0.836))


def lit(luma: Luma, gain: float = 1.0, offset: float = 0.0) -> Luma:
    return np.clip(np.round(luma * gain + offset), 0, 255).astype(np.uint8)


def noisy(luma: Luma, sigma: float, seed: int) -> Luma:
    return np.clip(luma + np.random.default_rng(seed).normal(0, sigma, luma.shape), 0, 255).astype(np.uint8)


def rainy(luma: Luma, streaks: int, seed: int) -> Luma:
    rng = np.random.default_rng(seed)
    water = np.zeros(luma.shape, np.float32)
    for x, y, length in zip(
        rng.integers(0, WIDTH_PX, streaks),
        rng.integers(0, HEIGHT_PX, streaks),
        rng.integers(8, 25, streaks),
        strict=True,
    ):
        end = (int(x) - int(length) // 5, int(y) + int(length))
        cv2.line(water, (int(x), int(y)), end, float(rng.uniform(10, 30)), 1, cv2.LINE_AA)
    return np.clip(luma + water, 0, 255).astype(np.uint8)


def beam(luma: Luma, x: float, y: float, *, sigma_px: float = 40.0, levels: float = 60.0) -> Luma:
    rows, columns = np.mgrid[: luma.shape[0], : luma.shape[1]]
    square_px = (columns - x * luma.shape[1]) ** 2 + (rows - y * luma.shape[0]) ** 2
    return np.clip(luma + levels * np.exp(-square_px / (2 * sigma_px**2)), 0, 255).astype(np.uint8)


def put(
    luma: Luma,
    thing: Luma,
    contact: tuple[float, float] = CONTACT,
    *,
    size: float = 1.0,
    strength: float = 1.0,
    light: float = 1.0,
) -> Luma:
    """A thing with its ground contact at a place; with `strength` below 1 it fades into the ground."""
    sprite = cv2.resize(thing, None, fx=size, fy=size, interpolation=cv2.INTER_AREA).astype(np.float32) * light
    high, wide = sprite.shape
    left, top = round(contact[0] * luma.shape[1] - wide / 2), round(contact[1] * luma.shape[0] - high)
    there = np.s_[top : top + high, left : left + wide]
    out = luma.astype(np.float32)
    out[there] = (1 - strength) * out[there] + strength * sprite
    return np.clip(np.round(out), 0, 255).astype(np.uint8)


def opened(zone: Zone, before: Luma, now: Luma) -> bool:
    gate = ChangeGate([zone])
    gate.analysed(0.0, before)
    return gate.changed(now)


WEATHER: dict[str, Callable[[Luma, int], Luma]] = {
    "the same picture": lambda luma, _: luma,
    "sensor noise of 2 levels": lambda luma, seed: noisy(luma, 2, seed),
    "night noise of 5 levels": lambda luma, seed: noisy(luma, 5, seed),
    "exposure 30 % down": lambda luma, seed: lit(luma, 0.7 if seed else 1.0),
    "exposure 30 % up": lambda luma, seed: lit(luma, 1.3 if seed else 1.0),
    "half of the light and noise": lambda luma, seed: noisy(lit(luma, 0.5 if seed else 1.0), 2, seed),
    "rain": lambda luma, seed: rainy(luma, 300, seed),
    "rain in the dark": lambda luma, seed: noisy(rainy(lit(luma, 0.3), 300, seed), 2, seed),
    "a soft beam of light": lambda luma, seed: beam(luma, *CONTACT) if seed else luma,
}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("weather", WEATHER)
def test_light_and_weather_do_not_open_it(scene: Scene, weather: str, zone: str) -> None:
    assert not opened(ZONES[zone], WEATHER[weather](scene.street, 0), WEATHER[weather](scene.street, 1))


NIGHT = 0.25

ARRIVALS: dict[str, Callable[[Scene], tuple[Luma, Luma]]] = {
    "by day": lambda s: (s.street, put(s.street, s.car)),
    "far away: 27 x 15 pixels": lambda s: (s.street, put(s.street, s.car, size=0.25)),
    "far away, grey on grey": lambda s: (s.street, put(s.street, s.car, size=0.25, strength=0.5)),
    "with noise": lambda s: (noisy(s.street, 5, 0), noisy(put(s.street, s.car), 5, 1)),
    "while exposure goes 30 % down": lambda s: (s.street, lit(put(s.street, s.car), 0.7)),
    "while exposure goes 30 % up": lambda s: (s.street, lit(put(s.street, s.car), 1.3)),
    "while the picture gets 15 levels brighter": lambda s: (s.street, lit(put(s.street, s.car), 1.0, 15)),
    "in rain": lambda s: (rainy(s.street, 800, 0), rainy(put(s.street, s.car), 800, 1)),
    "at night": lambda s: (
        noisy(lit(s.street, NIGHT), 2, 0),
        noisy(put(lit(s.street, NIGHT), s.car, light=NIGHT), 2, 1),
    ),
    # Ground of about 35 levels under a car that differs from it by a third of what the same car would by day.
    "dark on dark ground": lambda s: (
        noisy(lit(s.street, NIGHT), 2, 0),
        noisy(put(lit(s.street, NIGHT), s.car, light=NIGHT, strength=0.35), 2, 1),
    ),
    "under its own lights": lambda s: (
        lit(s.street, NIGHT),
        beam(put(lit(s.street, NIGHT), s.car, light=NIGHT), *CONTACT),
    ),
    "flat, as dark as a shadow": lambda s: (s.street, put(s.street, np.full_like(s.car, 60))),
    "a person": lambda s: (s.street, put(s.street, s.person)),
}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("arrival", ARRIVALS)
def test_an_arrival_opens_it_and_so_does_the_departure(scene: Scene, arrival: str, zone: str) -> None:
    without, with_it = ARRIVALS[arrival](scene)
    assert opened(ZONES[zone], without, with_it)
    assert opened(ZONES[zone], with_it, without)


def test_what_stays_outside_of_the_zone_does_not_open_it(scene: Scene) -> None:
    # The car is 0.17 wide and 0.13 high; the zone begins 0.1 beside its place, the margin is 3 of 160 cells: 0.02.
    assert MARGIN_CELLS / PLANE_PX < 0.02
    zone = around(CONTACT[0] - 0.085 - 0.1 - 0.05, CONTACT[1])
    assert not opened(zone, scene.street, put(scene.street, scene.car))


def test_a_car_that_covers_the_zone_and_more_shows_at_its_ground_line(scene: Scene) -> None:
    flat = np.full((200, 260), 90, np.uint8)  # a lorry's side, much larger than the zone, and nothing on it
    assert opened(around(CONTACT[0], CONTACT[1], 0.03), scene.street, put(scene.street, flat))


def test_somebody_who_crosses_opens_it_twice(scene: Scene) -> None:
    gate = ChangeGate([around(*CONTACT)])
    gate.analysed(0.0, scene.street)
    crossing = put(scene.street, scene.person)
    assert gate.changed(crossing)
    gate.analysed(2.0, crossing)
    assert not gate.changed(crossing)
    assert gate.changed(scene.street)  # gone: the zone differs from when it was last analysed


def test_what_is_put_in_bit_by_bit_adds_up(scene: Scene) -> None:
    zone = around(*CONTACT)
    steps = [put(scene.street, scene.car, strength=number / 40) for number in range(41)]
    # From step to step nothing is to be seen; from the last analysis on, a quarter of the way is enough.
    assert not any(opened(zone, before, now) for before, now in pairwise(steps))
    gate = ChangeGate([zone])
    gate.analysed(0.0, steps[0])
    first = next(number for number, luma in enumerate(steps) if gate.changed(luma))
    assert 1 < first <= 10


def test_dusk_opens_nothing_but_a_car_in_it_does(scene: Scene) -> None:
    gate = ChangeGate([around(*CONTACT)])
    gate.analysed(0.0, noisy(scene.street, 2, 0))
    gains = np.linspace(1.0, 0.3, 15)
    assert not any(gate.changed(noisy(lit(scene.street, gain), 2, seed)) for seed, gain in enumerate(gains, 1))
    assert gate.changed(noisy(lit(put(scene.street, scene.car), 0.3), 2, 99))


def test_a_recheck_is_due_at_first_and_after_its_time() -> None:
    gate = ChangeGate([around(0.5, 0.5)])
    flat = np.full((90, 160), 100, np.uint8)
    assert gate.due(0.0)
    gate.analysed(4.0, flat)
    assert [time_s for time_s in (4.0, 6.0, 13.9, 14.0, 20.0) if gate.due(time_s)] == [14.0, 20.0]  # 4 + 10 s
    assert RECHECK_S == 10.0
    gate.analysed(14.0, flat)
    assert not gate.due(20.0)


def test_a_picture_of_another_shape_opens_it() -> None:
    gate = ChangeGate([around(0.5, 0.5)])
    gate.analysed(0.0, np.full((90, 160), 100, np.uint8))
    assert not gate.changed(np.full((360, 640), 100, np.uint8))  # the same shape, finer
    assert gate.changed(np.full((160, 90), 100, np.uint8))
    gate.analysed(2.0, np.full((160, 90), 100, np.uint8))
    assert not gate.changed(np.full((160, 90), 100, np.uint8))


def test_without_regions_only_the_recheck_opens_it(scene: Scene) -> None:
    gate = ChangeGate([])
    gate.analysed(0.0, scene.street)
    assert not gate.changed(put(scene.street, scene.car))
    assert gate.due(RECHECK_S)


def test_a_black_picture_and_a_white_one_are_pictures() -> None:
    black, white = np.zeros((90, 160), np.uint8), np.full((90, 160), 255, np.uint8)
    assert not opened(around(0.5, 0.5), black, black)
    # A flash lights all alike: nothing stands in the zone that did not before.
    assert not opened(around(0.5, 0.5), black, white)


def test_the_smallest_zone_is_watched_too(scene: Scene) -> None:
    assert opened(around(*CONTACT, half=0.002), scene.street, put(scene.street, scene.car))


def test_a_recheck_after_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match=r"recheck_s 0: allowed is more than 0"):
        ChangeGate([], 0.0)


def test_on_a_real_junction_it_is_open_when_the_car_comes_to_rest(shared: Path) -> None:
    """The car of this scenario stops in its lane at 9.4 s; the zone is its own parking place (0.71…0.84, 0.21…0.32)."""
    feed = Feed(Address(str(shared / "clips" / "scenarios" / "p02_junction_car.mp4")))
    patrol, decoder, gate = Patrol(), PatrolDecoder(), ChangeGate([around(0.773, 0.31, 0.02)])
    open_s: list[float] = []
    closed_s: list[float] = []
    for packet in feed.packets():
        sample = patrol.offer(packet)
        frame = decoder.decode(sample) if sample else None
        if frame is not None and frame.time_s < 40:
            luma = frame.gray(WIDTH_PX, HEIGHT_PX)
            if gate.due(frame.time_s) or gate.changed(luma):
                gate.analysed(frame.time_s, luma)
                open_s.append(frame.time_s)
            else:
                closed_s.append(frame.time_s)
    assert any(9.4 <= time_s <= 11.5 for time_s in open_s)  # the first look after it stopped
    assert sum(time_s > 11.5 for time_s in closed_s) >= 5  # it stands still from then on
