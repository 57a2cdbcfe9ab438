"""Turns a recorded clip into a reel: Annex B access units, each keyframe with its parameter sets in front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import av
from av.bitstream import BitStreamFilterContext
from av.video.stream import VideoStream

from evaluation.errors import EvaluationError
from evaluation.simulator.reel import CODECS, Picture, Reel

_START_CODE = b"\x00\x00\x01"
_PARAMETER_SETS = {"h264": {7, 8}, "hevc": {32, 33, 34}}
"""NAL unit types: SPS and PPS (H.264, table 7-1), VPS, SPS and PPS (H.265, table 7-1)."""
_BEFORE_PICTURE = {"h264": {6, 7, 8, 9}, "hevc": {32, 33, 34, 35, 39}}
"""The same with what else may stand before the first slice: access unit delimiter, SEI."""


@dataclass(frozen=True, slots=True)
class _Unit:
    data: bytes
    keyframe: bool
    decode_s: float
    show_s: float


def prepare(clip: Path, path: Path) -> Reel:
    """Reads a clip once and writes its reel: the bytes to `path`, the index beside it.

    Raises:
        EvaluationError: The clip can't be read, or is neither H.264 nor H.265, or has no keyframe or no time stamps.
    """
    try:
        with av.open(clip) as source:
            if not source.streams.video:
                raise EvaluationError(f"{clip}: holds no video; allowed is a file with H.264 or H.265")
            stream = source.streams.video[0]
            codec = stream.codec_context.name
            if codec not in CODECS:
                raise EvaluationError(f"{clip}: is {codec}; a simulated camera sends {' or '.join(CODECS)}")
            size_px = stream.codec_context.width, stream.codec_context.height
            units = list(_units(source, stream, clip))
    except (av.error.FFmpegError, OSError) as error:
        raise EvaluationError(f"{clip}: can't be read: {getattr(error, 'strerror', None) or error}") from error
    pictures = _write(units, codec, path)
    if not pictures:
        raise EvaluationError(f"{clip}: has no keyframe that a camera could begin with")
    reel = Reel(path, codec, *size_px, _duration_s(pictures), pictures)
    reel.save()
    return reel


def _units(source: av.container.InputContainer, stream: VideoStream, clip: Path) -> Iterator[_Unit]:
    annex_b = BitStreamFilterContext(f"{stream.codec_context.name}_mp4toannexb", stream)
    last_s = float("-inf")
    for packet in source.demux(stream):
        if not packet.size:
            continue
        if packet.pts is None or packet.time_base is None:
            raise EvaluationError(f"{clip}: has pictures without time stamps; allowed is a container that keeps them")
        # Some files repeat a DTS or go back; a camera's pictures leave it one after the other.
        last_s = max(last_s, float((packet.pts if packet.dts is None else packet.dts) * packet.time_base))
        show_s = float(packet.pts * packet.time_base)
        keyframe = packet.is_keyframe
        data = b"".join(bytes(part) for part in annex_b.filter(packet))
        if data:
            yield _Unit(data, keyframe, last_s, show_s)


def _write(units: list[_Unit], codec: str, path: Path) -> tuple[Picture, ...]:
    """Writes the bytes from the first keyframe on; says where each picture lies."""
    pictures: list[Picture] = []
    zero_s, offset_bytes, known = 0.0, 0, b""
    with path.open("wb") as out:
        for unit in units:
            data, header = unit.data, b""
            if unit.keyframe:
                header = _header(data, codec)
                if not header and known:
                    header, data = known, known + data
                known = header or known
            if not pictures:
                if not header:
                    continue
                zero_s = unit.decode_s
            pictures.append(
                Picture(offset_bytes, len(data), len(header), unit.decode_s - zero_s, max(unit.show_s - zero_s, 0.0))
            )
            offset_bytes += out.write(data)
    return tuple(pictures)


def _header(data: bytes, codec: str) -> bytes:
    r"""What stands before the first slice, up to the end of the last parameter set; empty if there is none.

    >>> sps, pps, picture = b"\0\0\0\1\x67sps", b"\0\0\1\x68pps", b"\0\0\1\x65picture"
    >>> _header(sps + pps + picture, "h264") == sps + pps
    True
    >>> _header(picture, "h264")
    b''
    """
    end, start = 0, data.find(_START_CODE)
    while start >= 0:
        first_byte = data[start + 3]
        kind = first_byte & 0x1F if codec == "h264" else first_byte >> 1 & 0x3F
        if kind not in _BEFORE_PICTURE[codec]:
            break
        following = data.find(_START_CODE, start + 3)
        if kind in _PARAMETER_SETS[codec] and following >= 0:
            end = following - (data[following - 1] == 0)  # a start code may have a zero more in front
        start = following
    return data[:end]


def _duration_s(pictures: tuple[Picture, ...]) -> float:
    """To the end of the last picture, which lasts as long as pictures mostly do."""
    steps_s = [b.decode_s - a.decode_s for a, b in pairwise(pictures)]
    return pictures[-1].decode_s + (median(steps_s) if steps_s else 1.0)
