"""Films a stage: one pass, a picture at a time, nearer things before those behind them."""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from evaluation.composer.conditions import Weather
from evaluation.composer.cutouts import blend, paste, shade
from evaluation.composer.footage import Footage, Image, Mask, moved
from evaluation.composer.material import inside
from evaluation.composer.passages import Step
from evaluation.composer.reel import Reel
from evaluation.composer.stage import Stage

_CRF: Final = {"h264": "26", "h265": "29"}  # about equally good; street cameras send no better
_PLATE_NOISE: Final = 1.5  # levels, as a small sensor shows in daylight
_MARGIN: Final = 0.06  # of the frame's height: more than the shade under a thing
_PIECE_MIN: Final = 0.0001  # of the frame: smaller pieces of what moves hide nothing


@dataclass(frozen=True)
class _Layer:
    """Something that hides what is behind it.

    Attributes:
        foot: row of its ground contact, px; what reaches lower in the picture is nearer.
        draw: paints it into a picture.
    """

    foot: float
    draw: Callable[[Image], None]


def pictures(stage: Stage, footage: Footage, seed: int) -> Iterator[Image]:
    """The pictures of a scenario in order, `(H, W, 3)` BGR uint8; the same for the same seed."""
    scenario, (width, height) = stage.scenario, stage.size
    plate = footage.plate(stage.background.plate_files)[:height, :width]
    still = stage.background.shows == "plate"
    reel = None if still else Reel(footage, stage.background.footage, stage.background.from_s)
    scenery = [(item.foot * height, inside(item.outline, plate.shape)) for item in stage.background.foreground]
    rng = np.random.default_rng([seed, zlib.crc32(scenario.name.encode())])
    noise = scenario.conditions.noise
    if noise is None:
        noise = _PLATE_NOISE if still else 0.0
    weather = Weather(scenario.conditions, noise, stage.size, rng)
    for index in range(round(scenario.duration_s * scenario.fps)):
        time_s = index / scenario.fps
        scene = plate.copy() if reel is None else np.ascontiguousarray(reel.at(time_s)[:height, :width])
        steps = [(step, player.shade) for player in stage.players if (step := player.at(time_s))]
        yield weather.over(_painted(scene, plate, steps, scenery, still=still), time_s)


def _painted(
    scene: Image, plate: Image, steps: list[tuple[Step, float]], scenery: list[tuple[float, Mask]], *, still: bool
) -> Image:
    """The scene with all players in it, each behind what is nearer."""
    if not steps:
        return scene
    layers = [_player(step, shade_width) for step, shade_width in steps]
    layers += [_Layer(foot, _again(scene, mask)) for foot, mask in scenery]
    if not still:
        layers += _passing(scene, plate, _around(steps, plate.shape))
    picture = scene.copy()
    for layer in sorted(layers, key=lambda layer: layer.foot):
        layer.draw(picture)
    return picture


def _player(step: Step, shade_width: float) -> _Layer:
    def draw(picture: Image) -> None:
        shade(picture, step.cutout.alpha.shape[1] * shade_width, step.x, step.foot)
        paste(picture, step.cutout, step.x, step.foot)

    return _Layer(step.foot, draw)


def _again(scene: Image, mask: Mask) -> Callable[[Image], None]:
    """Paints what a mask covers of the scene once more, with a soft edge."""
    left, top, width, height = cv2.boundingRect(mask)
    part = (slice(top, top + height), slice(left, left + width))

    def draw(picture: Image) -> None:
        alpha = cv2.GaussianBlur(mask[part], (3, 3), 0)
        blend(picture, scene[part], np.asarray(alpha, np.uint8), left, top)

    return draw


def _around(steps: list[tuple[Step, float]], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The part of the frame that players cover, and a margin: what is cut off below it is still known to be nearer."""
    height, width = shape[:2]
    margin = _MARGIN * height
    left = min(step.x - step.cutout.alpha.shape[1] / 2 for step, _ in steps) - margin
    right = max(step.x + step.cutout.alpha.shape[1] / 2 for step, _ in steps) + margin
    top = min(step.foot - step.cutout.height_px for step, _ in steps) - margin
    bottom = max(step.foot for step, _ in steps) + margin
    columns = slice(int(min(max(left, 0), width)), int(min(max(right, 0), width)))
    return slice(int(min(max(top, 0), height)), int(min(max(bottom, 0), height))), columns


def _passing(scene: Image, plate: Image, part: tuple[slice, slice]) -> list[_Layer]:
    """What moves in that part of the film itself, piece by piece."""
    around = scene[part]
    if not around.size:
        return []
    count, labels, stats, _ = cv2.connectedComponentsWithStats(moved(around, plate[part]))
    layers = []
    for label in range(1, count):
        left, top, width, height, area = map(int, stats[label])
        if area < _PIECE_MIN * plate.shape[0] * plate.shape[1]:
            continue
        piece = (slice(top, top + height), slice(left, left + width))
        mask = np.where(labels[piece] == label, 255, 0).astype(np.uint8)
        left, top = left + part[1].start, top + part[0].start
        layers.append(_Layer(top + height, _piece(around[piece], mask, left, top)))
    return layers


def _piece(bgr: Image, mask: Mask, left: int, top: int) -> Callable[[Image], None]:
    return lambda picture: blend(picture, bgr, np.asarray(cv2.GaussianBlur(mask, (3, 3), 0), np.uint8), left, top)


def film(stage: Stage, footage: Footage, seed: int, out: Path) -> None:
    """Write the scenario as MP4; it appears whole or not at all. One encoder thread, so that two runs agree."""
    handle, name = tempfile.mkstemp(prefix=f".{out.stem}-", suffix=".mp4", dir=out.parent)
    os.close(handle)
    part = Path(name)
    try:
        _encode(stage, pictures(stage, footage, seed), part)
        part.chmod(0o644)  # a temporary file is its owner's alone
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _encode(stage: Stage, frames: Iterator[Image], path: Path) -> None:
    scenario = stage.scenario
    rate = Fraction(scenario.fps).limit_denominator(1000)
    gop = str(max(round(scenario.gop_s * scenario.fps), 1))
    options = {
        "preset": scenario.preset,
        "crf": _CRF[scenario.codec],
        "bf": "0",
        "sc_threshold": "0",
        "g": gop,
        "keyint_min": gop,
    }
    if scenario.codec == "h265":
        options["preset"] = "ultrafast"
        options["x265-params"] = (
            f"log-level=none:pools=none:frame-threads=1:scenecut=0:bframes=0:keyint={gop}:min-keyint={gop}"
        )
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream(
            {"h264": "libx264", "h265": "libx265"}[scenario.codec], rate=rate, options=options
        )
        assert isinstance(stream, VideoStream)  # noqa: S101  (for the type checker)
        stream.width, stream.height = stage.size
        stream.pix_fmt = "yuv420p"
        stream.time_base = 1 / rate
        stream.codec_context.thread_count = 1
        for index, picture in enumerate(frames):
            planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
