"""The sample camera: a street film with one parked bus, composed on the spot from one photograph, with its exact truth.

A newcomer's demo needs a street camera, and footage is large and rarely free. The photograph `bus.jpg` (810 x 1080) that
comes with the `ultralytics` package shows a bus at a kerb. From it this module composes the film of a fixed camera: the street
lies empty, the bus drives up, brakes, stands at the kerb, and drives off; then the street is empty again, so the film can be
played in a loop.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

from evaluation.errors import EvaluationError
from evaluation.sample.bus import WHEELS_PX, Image, Sprite, bus_box_px, cut_bus, frontal_view
from evaluation.sample.street import CANVAS_PX, KERB_PX, bollards, paste, street

FILM_VERSION: Final = 1
"""Goes up with every change to the film, so that a cached one is not taken for it."""
PHOTO_SHA256: Final = "c02019c4979c191eb739ddd944445ef408dad5679acab6fd520ef9d434bfbc63"
"""The one photograph that the hand-drawn outlines fit."""
WIDTH_PX: Final = 1280  # the smallest size that digital evidence may have (GA/T 832-2014)
HEIGHT_PX: Final = 720
FPS: Final = 25
GOP_S: Final = 2  # what street cameras are commonly set to
DURATION_S: Final = 76  # whole GOPs; room for a dwell of half a minute and an empty street before and after
ONSET_S: Final = 12.0
LEAVES_S: Final = 52.0
_CRUISE_PX_S: Final = 240.0  # the bus is 7 m long and 490 px: 12 km/h
_ACCELERATION_PX_S2: Final = 60.0  # 0.9 m/s2, as a bus with standing passengers brakes
_REST_X_PX: Final = 401.0  # of the frame; with it no bollard hides a wheel
_ZONE: Final = ((0.22, 0.68), (0.90, 0.68), (0.92, 0.80), (0.20, 0.80))  # the near lane along the kerb

_NOISE_SIGMA: Final = 1.8  # luma levels, as a small sensor shows in daylight
_NOISE_MARGIN_PX: Final = 128
_FLICKER: Final = 0.012  # automatic exposure, swaying
_FLICKER_CYCLES: Final = 9  # whole cycles over the film, so that the loop has no jump
_SEED: Final = 7

_CRF: Final = "20"  # about 2 Mbit/s; with 24 nearly all noise is gone between keyframes
_ENCODER_THREADS: Final = 2  # fixed: the number of threads changes the bytes


@dataclass(frozen=True)
class Sample:
    """A composed film and what is true of it.

    Attributes:
        path: the film, H.264 in MP4.
        duration_s: its length.
        zone: polygon in fractions of the frame, x then y, in which the bus comes to rest.
        onset_s: media time of the first picture with the bus at rest.
        leaves_s: media time of the last picture with the bus at rest.
        box: x0, y0, x1, y1 of the standing bus in fractions of the frame.
    """

    path: Path
    duration_s: float
    zone: tuple[tuple[float, float], ...]
    onset_s: float
    leaves_s: float
    box: tuple[float, float, float, float]


def bus_offset_px(time_s: float) -> float:
    """How far right of its resting place the bus is; negative once it has left to the left."""
    brake_s = _CRUISE_PX_S / _ACCELERATION_PX_S2
    away_s = max(ONSET_S - time_s, time_s - LEAVES_S, 0.0)
    curve_s = min(away_s, brake_s)
    distance = _ACCELERATION_PX_S2 * curve_s**2 / 2 + _CRUISE_PX_S * (away_s - curve_s)
    return distance if time_s < ONSET_S else -distance


def sample_at(path: Path) -> Sample:
    """What is true of a film that `compose_sample` wrote to `path` before."""
    return Sample(path, float(DURATION_S), _ZONE, ONSET_S, LEAVES_S, _box())


def compose_sample(photo: Path, out: Path) -> Sample:
    """Compose the film of the sample camera; the same bytes each time on the same machine.

    Args:
        photo: the street photograph, picture `bus` of the models' registry.
        out: the MP4 to write; it appears whole or not at all, and its folder is made.

    Raises:
        EvaluationError: `photo` can't be read, or is another picture than the outlines were drawn on.
    """
    picture = _read_photo(photo)
    frontal = frontal_view(picture)
    scene = _Scene(street(picture, frontal), cut_bus(frontal), bollards(frontal))
    out.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{out.stem}-", suffix=".mp4", dir=out.parent)
    os.close(handle)
    part = Path(name)
    try:
        _encode(scene, part)
        part.chmod(0o644)  # a temporary file is its owner's alone
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return sample_at(out)


def _read_photo(photo: Path) -> Image:
    try:
        data = photo.read_bytes()
    except OSError as error:
        raise EvaluationError(f"{photo}: can't be read: {error.strerror}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != PHOTO_SHA256:
        raise EvaluationError(f"{photo}: sha256 is {digest}; the sample camera is made of the one with {PHOTO_SHA256}")
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def _box() -> tuple[float, float, float, float]:
    scale = WIDTH_PX / CANVAS_PX[0]
    x0, y0, x1, y1 = bus_box_px()
    dy = KERB_PX - WHEELS_PX
    return (
        (_REST_X_PX + x0 * scale) / WIDTH_PX,
        (y0 + dy) * scale / HEIGHT_PX,
        (_REST_X_PX + x1 * scale) / WIDTH_PX,
        (y1 + dy) * scale / HEIGHT_PX,
    )


class _Scene:
    """The street with the bus at any place, as planes of YUV 4:2:0; a picture that does not change is made once."""

    def __init__(self, empty: Image, bus: Sprite, front: Sprite) -> None:
        self._street: Image = np.asarray(
            cv2.resize(empty, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA), np.uint8
        )
        self._bus, self._bus_place = _halved(bus)
        self._front, self._front_place = _halved(front)
        self._still: dict[float | None, Image] = {}

    def planes(self, time_s: float) -> Image:
        """The picture at `time_s` as I420, `(H * 3 / 2, W)` uint8, without noise. Not to be written to."""
        offset_px = bus_offset_px(time_s)
        left_px = _REST_X_PX + self._bus_place[0] + offset_px
        if not -self._bus.alpha.shape[1] < left_px < WIDTH_PX:
            return self._kept(None)
        return self._draw(left_px) if offset_px else self._kept(left_px)

    def _kept(self, x_px: float | None) -> Image:
        if x_px not in self._still:
            self._still[x_px] = self._draw(x_px)
        return self._still[x_px]

    def _draw(self, x_px: float | None) -> Image:
        picture = self._street.copy()
        if x_px is not None:
            whole_px = math.floor(x_px)
            y_px = self._bus_place[1] + (KERB_PX - WHEELS_PX) // 2
            paste(picture, _shifted(self._bus, x_px - whole_px), whole_px, y_px)
        paste(picture, self._front, *self._front_place)
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)


def _halved(sprite: Sprite) -> tuple[Sprite, tuple[int, int]]:
    """The cut-out at the size of the frame, without its empty rim, and where its upper left corner lies in the whole."""
    size = (sprite.alpha.shape[1] // 2, sprite.alpha.shape[0] // 2)
    bgr = np.asarray(cv2.resize(sprite.bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
    alpha = np.asarray(cv2.resize(sprite.alpha, size, interpolation=cv2.INTER_AREA), np.float32)
    x, y, width, height = cv2.boundingRect((alpha > 0).astype(np.uint8))
    part = (slice(y, y + height), slice(x, x + width + 1))  # one column more, for a shift by a part of a pixel
    return Sprite(bgr[part], alpha[part]), (x, y)


def _shifted(sprite: Sprite, dx_px: float) -> Sprite:
    """The cut-out moved right by a part of a pixel, so that a slow bus glides instead of hopping."""
    if not dx_px:
        return sprite
    matrix = np.array([[1, 0, dx_px], [0, 1, 0]], np.float32)
    size = (sprite.alpha.shape[1], sprite.alpha.shape[0])
    return Sprite(
        np.asarray(cv2.warpAffine(sprite.bgr, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8),
        np.asarray(cv2.warpAffine(sprite.alpha, matrix, size), np.float32),
    )


def _pictures(scene: _Scene) -> Iterator[Image]:
    """All pictures of the film as I420, with the noise and the exposure of a camera."""
    rng = np.random.default_rng(_SEED)
    margin = _NOISE_MARGIN_PX
    noise: npt.NDArray[np.int16] = np.rint(
        rng.normal(0, _NOISE_SIGMA, (HEIGHT_PX + margin, WIDTH_PX + margin)),
    ).astype(np.int16)
    for index in range(DURATION_S * FPS):
        planes = scene.planes(index / FPS).copy()
        gain = 1 + _FLICKER * math.sin(2 * math.pi * _FLICKER_CYCLES * index / (DURATION_S * FPS))
        y, x = rng.integers(0, margin, 2)
        luma = cv2.convertScaleAbs(planes[:HEIGHT_PX], alpha=gain)
        cv2.add(luma, noise[y : y + HEIGHT_PX, x : x + WIDTH_PX], dst=planes[:HEIGHT_PX], dtype=cv2.CV_8U)
        yield planes


def _encode(scene: _Scene, path: Path) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options=_encoder_options())
        assert isinstance(stream, VideoStream)  # noqa: S101  (for the type checker)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        stream.codec_context.thread_count = _ENCODER_THREADS
        for index, planes in enumerate(_pictures(scene)):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _encoder_options() -> dict[str, str]:
    gop = str(GOP_S * FPS)
    return {
        "preset": "veryfast",
        "crf": _CRF,
        "g": gop,
        "keyint_min": gop,
        "sc_threshold": "0",
        "bf": "0",  # street cameras send none: they would delay the picture
    }
