"""Small clips for simulated cameras, and how a client sees those: raw PyAV, no code of ours between."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

LARGE, SMALL, HEVC = range(3)
RTP_TURN_S = 2**32 / 90_000


def encode(path: Path, size: tuple[int, int], codec: str = "libx264") -> Path:
    """1.2 s of noise that moves: 30 pictures, 25 a second, every tenth a keyframe, no reordering."""
    noise = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    parameters = {"x264-params": "scenecut=0:bframes=0", "x265-params": "scenecut=0:bframes=0:log-level=none"}
    with av.open(path, "w") as out:
        stream = out.add_stream(codec, rate=25, options=parameters)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = 10
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(np.roll(noise, number, axis=1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def encode_clips(folder: Path) -> list[Path]:
    """What `LARGE`, `SMALL` and `HEVC` count."""
    return [
        encode(folder / "large.mp4", (160, 128)),
        encode(folder / "small.mp4", (128, 96)),
        encode(folder / "hevc.mp4", (160, 128), "libx265"),
    ]


@contextmanager
def watching(url: str, transport: str = "tcp", read_s: float = 1.5) -> Iterator[InputContainer]:
    # Else FFmpeg takes a second or two to measure frame rate and reordering.
    options = {"rtsp_transport": transport, "fpsprobesize": "0", "analyzeduration": "100000"}
    with av.open(url, options=options, timeout=(5.0, read_s)) as source:
        yield source


def read(source: InputContainer, seconds: float) -> list[av.Packet]:
    """What arrives within some seconds, or until nothing comes."""
    packets, until_s = [], time.monotonic() + seconds
    try:
        for packet in source.demux(video=0):
            if packet.size:
                packets.append(packet)
            if time.monotonic() >= until_s or not packet.size:
                break
    except (av.error.ExitError, av.error.TimeoutError):
        pass
    return packets


def times_s(packets: list[av.Packet]) -> list[float]:
    return [float(packet.pts * packet.time_base) for packet in packets if packet.pts is not None]
