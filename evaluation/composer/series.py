"""Draws the films of a series: the same recipe and the same seed give the same films."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import shapely

from evaluation.composer.written_actors import Actor, Scenario
from evaluation.composer.written_conditions import Conditions, ExposureStep, Light
from evaluation.composer.written_series import Lane, Range, SeriesEntry, Walkers

_STOP_S: Final = 1.2  # how far into a passage somebody stops: every passage is longer
_BAG_SHARE: Final = 0.6  # of the shortest dwell: how long a bag stands at most
_HALF: Final = 0.5
_ARRIVALS_S: Final = (3.0, 7.0)  # from one vehicle of a queue to the next
_DEPARTURES_S: Final = (1.2, 2.4)
_CLOUD_GAIN: Final = (0.65, 1.2)
_CLOUD_TAKES_S: Final = (1.0, 15.0)
_LIGHT_LASTS_S: Final = (3.0, 60.0)


def films(series: SeriesEntry, seed: int) -> Iterator[Scenario]:
    """The films of a series, in order, named `NAME-1` and so on."""
    for number in range(series.films):
        rng = np.random.default_rng([seed, zlib.crc32(series.name.encode()), number])
        conditions = series.conditions[number % len(series.conditions)]
        actors: list[Actor] = list(series.always)
        for walkers in series.walkers:
            actors += _walk_by(walkers, series, rain=conditions.rain > 0, rng=rng)
        for lane in series.lanes:
            actors += _drive_by(lane, series, rng)
        yield Scenario(
            name=f"{series.name}-{number + 1}",
            background=series.background,
            duration_s=series.duration_s,
            fps=series.fps,
            gop_s=series.gop_s,
            codec=series.codec,
            preset=series.preset,
            zone=series.zones[0],
            also=series.zones[1:],
            lies=series.lies,
            actors=actors,
            conditions=_weather(conditions, series, rng),
        )


def _times(every_s: float, until_s: float, rng: np.random.Generator) -> Iterator[float]:
    time_s = float(rng.exponential(every_s))
    while time_s < until_s:
        yield time_s
        time_s += float(rng.exponential(every_s))


def _walk_by(walkers: Walkers, series: SeriesEntry, *, rain: bool, rng: np.random.Generator) -> Iterator[Actor]:
    bag_s = _BAG_SHARE * min(zone.dwell_s for zone in series.zones)
    for number, time_s in enumerate(_times(walkers.every_s, series.duration_s, rng)):
        written: dict[str, Any] = {
            "passage": _any(walkers.passages, rng),
            "start_s": round(time_s, 3),
            "stop_s": _STOP_S,
            "at": _point(walkers.within, rng),
            "waits_s": [0.0],
            "gain": series.gain,
        }
        if rng.random() < walkers.stop:
            written["waits_s"] = [_drawn(walkers.stands_s, rng)]
            if walkers.bags and rng.random() < _HALF:
                side = "left" if rng.random() < _HALF else "right"
                written["puts"] = {
                    "thing": _any(walkers.bags, rng),
                    "id": f"bag-{number}",
                    "side": side,
                    "takes_along": True,
                }
                written["waits_s"] = [_drawn((2.0, max(bag_s, 3.0)), rng)]
        if rain and walkers.umbrella and rng.random() < _HALF:
            written["holds"] = walkers.umbrella
        yield Actor.model_validate(written)


def _drive_by(lane: Lane, series: SeriesEntry, rng: np.random.Generator) -> Iterator[Actor]:
    """One after the other: nobody drives through somebody else on the same lane."""
    way_s = (math.dist(lane.comes, lane.spots[0]) + math.dist(lane.spots[0], lane.leaves)) / lane.speed
    time_s = float(rng.exponential(lane.every_s))
    while time_s < series.duration_s:
        kind = rng.random()
        busy_s = way_s
        if kind < lane.queue:
            waits_s = _drawn(lane.queues_s, rng)
            yield from _queue(lane, series, time_s + way_s, waits_s, rng)
            busy_s += way_s + waits_s + _DEPARTURES_S[1] * len(lane.spots)
        elif kind < lane.queue + lane.stop:
            spot = lane.spots[int(rng.integers(len(lane.spots)))]
            waits_s = _drawn(lane.stands_s, rng)
            yield _vehicle(lane, series, [lane.comes, spot, lane.leaves], time_s + way_s, [waits_s], rng)
            busy_s += way_s + waits_s
        else:
            yield _vehicle(lane, series, [lane.comes, lane.leaves], time_s, [], rng)
        time_s += busy_s + float(rng.exponential(lane.every_s))


def _queue(lane: Lane, series: SeriesEntry, from_s: float, waits_s: float, rng: np.random.Generator) -> Iterator[Actor]:
    count = int(rng.integers(min(2, len(lane.spots)), len(lane.spots) + 1))
    comes_s, goes_s = from_s, from_s + waits_s
    for spot in lane.spots[:count]:
        stands_s = max(goes_s - comes_s, 2.0)
        yield _vehicle(lane, series, [lane.comes, spot, lane.leaves], comes_s, [stands_s], rng)
        comes_s, goes_s = comes_s + _drawn(_ARRIVALS_S, rng), goes_s + _drawn(_DEPARTURES_S, rng)


def _vehicle(
    lane: Lane,
    series: SeriesEntry,
    path: list[tuple[float, float]],
    onset_s: float,
    waits_s: list[float],
    rng: np.random.Generator,
) -> Actor:
    thing = _any(lane.things, rng)
    return Actor.model_validate(
        {
            "thing": thing,
            "mirror": thing in lane.mirrored,
            "parks": False,
            "path": path,
            "onset_s": round(onset_s, 3),
            "waits_s": waits_s,
            "speed": lane.speed,
            "gain": series.gain,
        }
    )


def _weather(conditions: Conditions, series: SeriesEntry, rng: np.random.Generator) -> Conditions:
    exposure, lights = list(conditions.exposure), list(conditions.lights)
    if series.clouds_every_s:
        exposure += [
            ExposureStep(at_s=round(time_s, 3), gain=_drawn(_CLOUD_GAIN, rng), takes_s=_drawn(_CLOUD_TAKES_S, rng))
            for time_s in _times(series.clouds_every_s, series.duration_s, rng)
        ]
    if series.lights_every_s:
        outline = series.zones[0].polygon or [(0.1, 0.4), (0.9, 0.4), (0.9, 0.9), (0.1, 0.9)]
        for time_s in _times(series.lights_every_s, series.duration_s, rng):
            until_s = min(time_s + _drawn(_LIGHT_LASTS_S, rng), series.duration_s)
            size = (_drawn((0.04, 0.15), rng), _drawn((0.03, 0.07), rng))
            level = _drawn((0.3, 0.9), rng)
            lights.append(Light(at=_point(outline, rng), size=size, level=level, on_s=time_s, until_s=until_s))
    return conditions.model_copy(update={"exposure": exposure, "lights": lights})


def _any(names: list[str], rng: np.random.Generator) -> str:
    return names[int(rng.integers(len(names)))]


def _drawn(span: Range, rng: np.random.Generator) -> float:
    return round(float(rng.uniform(*span)), 3)


def _point(outline: list[tuple[float, float]], rng: np.random.Generator) -> tuple[float, float]:
    """A point inside, evenly."""
    polygon = shapely.Polygon(outline)
    left, top, right, bottom = polygon.bounds
    while True:
        x, y = float(rng.uniform(left, right)), float(rng.uniform(top, bottom))
        if polygon.contains(shapely.Point(x, y)):
            return round(x, 4), round(y, 4)
