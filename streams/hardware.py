"""Hardware decoding, where there is some: found by trying, never by belief. A CPU can do everything."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np
from av.codec.hwaccel import HWAccel, hwdevices_available

from streams.codec import VideoCodec

log = logging.getLogger(__name__)

CPU = "cpu"
AUTO = "auto"
PREFERRED = ("cuda", "qsv", "vaapi", "videotoolbox", "d3d11va", "amf")
"""Tried in this order, as far as the installed FFmpeg has them."""
TRIAL_SIZE_PX = (640, 360)
"""Small enough to be quick, large enough for every decoder chip (some refuse less than 145 pixels)."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A device that has decoded a trial picture."""

    device: str

    def decoder(self, codec: VideoCodec) -> av.VideoCodecContext | None:
        """A decoder on the device; None if it can't take this codec, which is then the CPU's."""
        try:
            decoder = codec.decoder(HWAccel(self.device, allow_software_fallback=True))
        except (av.error.FFmpegError, ValueError, RuntimeError, NotImplementedError) as error:
            _say_once(self.device, codec.name, str(error))
            return None
        if decoder.is_hwaccel:
            return decoder
        _say_once(self.device, codec.name, "FFmpeg has no way to")
        return None


def devices() -> tuple[str, ...]:
    """Kinds of devices that the installed FFmpeg can drive; whether there is one is another question."""
    return tuple(hwdevices_available())


def accelerator(choice: str = AUTO) -> Accelerator | None:
    """Finds a device that really decodes.

    Args:
        choice: `auto`, `cpu`, or the name of a device kind, as `devices` gives them.

    Returns:
        The accelerator; None means the CPU. One line in the log says what was chosen and why.

    Raises:
        ValueError: The choice is none of these.
    """
    known = devices()
    if choice not in (AUTO, CPU, *known):
        raise ValueError(f"decoding on {choice!r}: allowed are {', '.join((AUTO, CPU, *known))}")
    if choice == CPU:
        log.info("decoding on the CPU, as asked")
        return None
    refused: list[str] = []
    for device in [name for name in PREFERRED if name in known] if choice == AUTO else [choice]:
        reason = _trial(device)
        if reason is None:
            log.info("decoding on %s", device)
            return Accelerator(device)
        refused.append(f"{device}: {reason}")
    level = logging.INFO if choice == AUTO else logging.WARNING
    log.log(level, "decoding on the CPU: %s", "; ".join(refused) or "this FFmpeg drives no other device")
    return None


@cache
def _trial(device: str) -> str | None:
    """Decodes one picture on the device; gives why it can't be done, or None."""
    try:
        codec, packet = _trial_picture()
        decoder = codec.decoder(HWAccel(device, allow_software_fallback=False))
        if not decoder.is_hwaccel:  # PyAV decodes in software without a word where the codec has no such device
            return f"FFmpeg's {codec.name} can't use it"
        pictures = [*decoder.decode(packet), *decoder.decode(None)]
    except (av.error.FFmpegError, ValueError, RuntimeError, NotImplementedError, OSError) as error:
        return " ".join(str(error).split())
    return None if pictures else "it gives no picture"


def _trial_picture() -> tuple[VideoCodec, av.Packet[av.VideoStream]]:
    """One H.264 keyframe, encoded on the spot."""
    held = io.BytesIO()
    width, height = TRIAL_SIZE_PX
    with av.open(held, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=Fraction(1))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24")
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    held.seek(0)
    with av.open(held, "r") as made:
        packet = next(packet for packet in made.demux(video=0) if packet.size)
        return VideoCodec.of(made.streams.video[0], packet), packet


@cache
def _say_once(device: str, codec: str, reason: str) -> None:
    log.info("%s can't decode %s (%s): the CPU does", device, codec, reason)
