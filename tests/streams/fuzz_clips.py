"""What the fuzz starts from: small real files of the codecs and containers that cameras and recorders make.

Encoded on the spot by one thread and with the muxers' `bitexact`, so that the same libraries give the same bytes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH_PX, HEIGHT_PX = 160, 120
FPS = 10
PICTURES = 25
GOP = 8
"""Four keyframes in 2.5 s: damage to one GOP leaves others to go on with."""

_X264 = {"x264-params": "scenecut=0:threads=1", "preset": "veryfast"}
_X265 = {"x265-params": "log-level=none:pools=none:frame-threads=1:crf=20", "preset": "ultrafast"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an original is made."""

    suffix: str
    container: str
    codec: str
    options: dict[str, str] = field(default_factory=dict)
    muxer: dict[str, str] = field(default_factory=dict)


RECIPES = {
    "h264-mp4": Recipe(".mp4", "mp4", "libx264", {**_X264, "bf": "0"}),
    "h264-bframes-mp4": Recipe(".mp4", "mp4", "libx264", {**_X264, "bf": "3"}, {"movflags": "+faststart"}),
    "h264-fragmented-mp4": Recipe(".mp4", "mp4", "libx264", _X264, {"movflags": "+frag_keyframe+empty_moov"}),
    "h264-opengop-mkv": Recipe(".mkv", "matroska", "libx264", {**_X264, "bf": "3", "flags": "-cgop"}),
    "h264-ts": Recipe(".ts", "mpegts", "libx264", {**_X264, "bf": "0"}),
    "h264-annexb": Recipe(".h264", "h264", "libx264", {**_X264, "profile": "baseline"}),
    "h264-avi": Recipe(".avi", "avi", "libx264", {**_X264, "bf": "3"}),
    "hevc-mp4": Recipe(".mp4", "mp4", "libx265", _X265),
    "hevc-mkv": Recipe(".mkv", "matroska", "libx265", {**_X265, "preset": "superfast"}),
    "hevc-ts": Recipe(".ts", "mpegts", "libx265", _X265),
    "hevc-annexb": Recipe(".h265", "hevc", "libx265", _X265),
    "mpeg4-mp4": Recipe(".mp4", "mp4", "mpeg4", {"bf": "2", "threads": "1"}),
    "mpeg4-avi": Recipe(".avi", "avi", "mpeg4", {"threads": "1"}),
    "msmpeg4-avi": Recipe(".avi", "avi", "msmpeg4v3", {"threads": "1"}),
    "mjpeg-avi": Recipe(".avi", "avi", "mjpeg", {"threads": "1"}),
    "mjpeg-mkv": Recipe(".mkv", "matroska", "mjpeg", {"threads": "1"}),
}


@dataclass(frozen=True, slots=True)
class Original:
    """A healthy file and where in it the compressed pictures lie."""

    name: str
    suffix: str
    container: str
    data: bytes = field(repr=False)
    payloads: tuple[tuple[int, int], ...] = field(repr=False)
    """Offset and length in bytes of each packet; approximate where the container cuts packets up (MPEG-TS)."""


def picture(number: int) -> NDArray[np.uint8]:
    """RGB picture `(120, 160, 3)` uint8: a white square crosses a soft ground with a little noise."""
    ramp = np.linspace(40, 160, WIDTH_PX, dtype=np.float32)[None, :, None]
    noise = np.random.default_rng(number).normal(0, 5, (HEIGHT_PX, WIDTH_PX, 3))
    image = np.clip(ramp + noise, 0, 255).astype(np.uint8)
    cv2.rectangle(image, (5 * number, 40), (5 * number + 30, 70), (255, 255, 255), -1)
    return image


@cache
def original(name: str) -> Original:
    """Encodes one of `RECIPES`."""
    recipe = RECIPES[name]
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"original{recipe.suffix}"  # a real file: the muxer reads it again to put its index first
        _encode(recipe, path)
        data = path.read_bytes()
    return Original(name, recipe.suffix, recipe.container, data, _payloads(data))


def _encode(recipe: Recipe, path: Path) -> None:
    with av.open(path, "w", format=recipe.container, options={"fflags": "+bitexact", **recipe.muxer}) as out:
        stream = out.add_stream(recipe.codec, rate=FPS, options=recipe.options)
        stream.width, stream.height = WIDTH_PX, HEIGHT_PX
        stream.pix_fmt = "yuvj420p" if recipe.codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = GOP
        for number in range(PICTURES):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _payloads(data: bytes) -> tuple[tuple[int, int], ...]:
    with av.open(io.BytesIO(data)) as source:
        found = [(packet.pos, packet.size, bytes(packet)[:16]) for packet in source.demux(video=0) if packet.size]
    # Some demuxers give the place of a packet's head: its first bytes are looked for from there on.
    places = []
    for position, size, head in found:
        start = data.find(head, max(position or 0, 0)) if head else -1
        if start >= 0:
            places.append((start, min(size, len(data) - start)))
    return tuple(places)
