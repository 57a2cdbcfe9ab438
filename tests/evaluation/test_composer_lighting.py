"""Light, shadow and a camera that is moved: measured in pictures of a grey wall."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from evaluation.composer.conditions import Weather
from evaluation.composer.footage import Image
from evaluation.composer.written_conditions import Conditions

WIDTH, HEIGHT, GREY = 100, 60, 100


def shown(conditions: dict[str, Any], time_s: float, wall: Image | None = None) -> Image:
    rng = np.random.default_rng(1)
    weather = Weather(Conditions.model_validate(conditions), 0.0, (WIDTH, HEIGHT), rng)
    picture = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8) if wall is None else wall.copy()
    return weather.over(picture, time_s)


@pytest.mark.parametrize(
    ("time_s", "lit"),
    [(1.9, 0.0), (2.0, 0.0), (2.15, 0.5), (2.3, 1.0), (4.9, 1.0), (5.0, 0.0)],  # comes on within 0.3 s
)
def test_a_lamp_is_on_between_two_times(time_s: float, lit: float) -> None:
    light = {"at": [0.5, 0.5], "size": [0.1, 0.1], "level": 0.5, "on_s": 2.0, "until_s": 5.0}
    picture = shown({"lights": [light]}, time_s)
    # In its middle the mask is 1 - exp(-1.8²) = 0.961, and red is not tinted:
    # 100 * (1 + 0.5 * 1.6 * 0.961) + 0.5 * 45 * 0.961 = 198.5
    full = 198
    assert picture[30, 50, 2] == pytest.approx(GREY + lit * (full - GREY), abs=3)
    assert (picture[:5] == GREY).all()  # it doesn't reach that far: 30 - 1.8 * 6 = 19 rows
    assert picture[30, 50, 2] >= picture[30, 56, 2] >= picture[30, 70, 2] == GREY


def test_a_lamp_that_fails_is_on_and_off_without_a_rhythm() -> None:
    light = {"at": [0.5, 0.5], "size": [0.1, 0.1], "flickers_hz": 0.9}
    levels = [int(shown({"lights": [light]}, time_s)[30, 50, 2]) for time_s in np.arange(0, 20, 0.2)]
    on = [level > (max(levels) + min(levels)) / 2 for level in levels]
    changes = [index for index in range(1, len(on)) if on[index] != on[index - 1]]
    assert 20 <= sum(on) <= 80
    assert len(changes) >= 10
    assert len({b - a for a, b in pairwise(changes)}) > 2


@pytest.mark.parametrize(
    ("time_s", "edge"),
    [
        # It comes from the right over 0.6 of the width within 6 s; its left edge ends at column 20: 80 at 2 s, 50 at 5 s.
        (1.9, None),
        (2.0, 80),
        (5.0, 50),
        (8.0, 20),
        (60.0, 20),
    ],
)
def test_a_shadow_creeps_in_and_stays(time_s: float, edge: int | None) -> None:
    shadow = {
        "outline": [[0.2, 0], [2, 0], [2, 1], [0.2, 1]],
        "by": [-0.6, 0],
        "from_s": 2,
        "takes_s": 6,
        "gain": 0.5,
        "soft": 0,
    }
    row = shown({"shadows": [shadow]}, time_s)[30, :, 0].astype(int)
    if edge is None:
        assert (row == GREY).all()
        return
    assert row[min(edge + 4, 99)] == pytest.approx(50, abs=2)
    assert row[edge - 4] == pytest.approx(GREY, abs=2)


def test_a_nudged_camera_looks_elsewhere_from_then_on() -> None:
    wall = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    wall[20:30, 40:50] = 250
    nudge = {"nudge": {"at_s": 3, "by": [0.1, -0.1]}}  # 10 px to the right, 6 px up
    before, after = shown(nudge, 2.9, wall), shown(nudge, 3.0, wall)
    assert (before == wall).all()
    assert (after[14:24, 50:60] == 250).all()
    assert (after[25:30, 40:48] == GREY).all()


def test_a_cloud_takes_its_time_and_automatic_exposure_does_not() -> None:
    cloud = {"exposure": [{"at_s": 2, "gain": 0.5, "takes_s": 10}]}
    levels = [int(shown(cloud, time_s)[0, 0, 0]) for time_s in (2, 7, 12, 30)]
    assert levels == pytest.approx([100, 75, 50, 50], abs=1)  # half-way after 5 s
    step = {"exposure": [{"at_s": 2, "gain": 0.5}]}
    assert [int(shown(step, time_s)[0, 0, 0]) for time_s in (2, 2.2, 2.4)] == pytest.approx([100, 75, 50], abs=1)
