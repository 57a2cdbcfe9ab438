"""Footage for benches: a street-like picture that stands, things that move through it, and a sensor's noise.

Composed once per machine and kept in the cache. Noise makes the encoder use the bit rate that it is given, as a real camera's
does; without it a "4 Mb/s" file would hold a tenth of that, and decode accordingly fast.
"""

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal, cast

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from models.files import cache_folder, only_one, whole_file

log = logging.getLogger(__name__)

Codec = Literal["h264", "hevc"]

VERSION: Final = 2
"""Raised when the content changes, so that figures of two versions are not compared."""
FPS: Final = 25
_SEED: Final = 7
_OCTAVES: Final = 7
_NOISE_LEVELS: Final = 3.0
"""Standard deviation in grey levels: a camera at dusk."""
_NOISE_FIELDS: Final = 8
_THINGS: Final = 6
_THING_SHARE: Final = 0.14
"""Size of a moving thing, of the picture's height: a car in the middle distance."""
_ENCODERS: Final[dict[Codec, tuple[str, dict[str, str]]]] = {
    # As cameras do it: no B-frames, keyframes at their distance and nowhere else, and a constant bit rate, which keeps a
    # keyframe to some seven times the other pictures (x264 left alone makes it fifteen times).
    "h264": ("libx264", {"preset": "veryfast", "x264-params": "bframes=0:scenecut=0:ipratio=1.0"}),
    "hevc": ("libx265", {"preset": "ultrafast", "x265-params": "bframes=0:scenecut=0:open-gop=0:log-level=none"}),
}


def bench_source(
    width_px: int, height_px: int, seconds: float, *, mbit_per_s: float, gop_s: float, codec: Codec = "h264"
) -> Path:
    """A file of this size, length, bit rate and keyframe distance, 25 pictures per second; from the cache if it is there."""
    name = f"bench-{VERSION}-{width_px}x{height_px}-{seconds:g}s-{mbit_per_s:g}mbit-gop{gop_s:g}s-{codec}.mp4"
    path = cache_folder() / name
    with only_one(path):
        if not path.is_file():
            log.info("composing %s (once) …", name)
            with whole_file(path) as part:
                _compose(part, (width_px, height_px), seconds, mbit_per_s, gop_s, codec)
    return path


def _compose(
    path: Path, size_px: tuple[int, int], seconds: float, mbit_per_s: float, gop_s: float, codec: Codec
) -> None:
    encoder, options = _ENCODERS[codec]
    bit_rate = round(mbit_per_s * 1e6)
    options = options | {"maxrate": str(bit_rate), "bufsize": str(bit_rate)}
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as out:
        stream = cast("VideoStream", out.add_stream(encoder, rate=FPS, options=options))
        stream.width, stream.height = size_px
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = round(gop_s * FPS)
        stream.bit_rate = bit_rate
        for number, planes in enumerate(_pictures(*size_px, round(seconds * FPS))):
            picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))


def _pictures(width: int, height: int, count: int) -> Iterator[NDArray[np.uint8]]:
    """Planar YUV 4:2:0, `(height * 3 / 2, width)` uint8."""
    rng = np.random.default_rng(_SEED)
    ground = 40 + 150 * _texture(rng, width, height)
    noise = [rng.normal(0, _NOISE_LEVELS, (height, width)).astype(np.float32) for _ in range(_NOISE_FIELDS)]
    side = round(height * _THING_SHARE)
    things = [
        (30 + 200 * _texture(rng, 2 * side, side), int(y), float(speed))
        for y, speed in zip(
            np.linspace(height * 0.3, height - side - 1, _THINGS), rng.uniform(2, 14, _THINGS), strict=True
        )
    ]
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    for number in range(count):
        luma = ground + noise[rng.integers(_NOISE_FIELDS)]
        for index, (thing, y, speed) in enumerate(things):
            x = int(index * width / _THINGS + number * speed) % (width - 2 * side)
            luma[y : y + side, x : x + 2 * side] = thing
        planes[:height] = np.clip(luma, 0, 255)
        yield planes


def _texture(rng: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    """Noise whose detail falls off with its size, as in a photograph: `(height, width)`, 0 to 1."""
    total = np.zeros((height, width), np.float32)
    for octave in range(_OCTAVES):
        cells = 2 ** (octave + 1)
        coarse = rng.random((cells, cells), np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) / (octave + 1)
    return np.asarray((total - total.min()) / (np.ptp(total) or 1), np.float32)
