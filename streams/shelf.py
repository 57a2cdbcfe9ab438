"""Compressed packets on disk, and back again, the same to the byte.

No container that FFmpeg writes keeps all of a packet: NUT forgets DTS, Matroska does, too, and rounds to milliseconds, MP4
and Matroska turn Annex B into avcC, and none of them holds several codecs in one stream. So the layout is our own:

    magic, payloads one after the other, index (JSON), trailer (size and checksums, magic)

The trailer comes last: a file that was not written to its end has none, and is refused.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av

from streams.codec import VideoCodec
from streams.disk import part_of, settle
from streams.packet import TICKS_PER_S, Packet, raw_packet

_MAGIC = b"SWSHELF1"
_TRAILER = struct.Struct("<QII8s")
"""Bytes of the index, CRC-32 of the index, CRC-32 of the payloads, magic."""


class ShelfError(ValueError):
    """A shelf that can't be read: torn, damaged, or none at all. The message names the file."""


@dataclass(frozen=True, slots=True)
class Shelved:
    """Packets that lie in a file. Holds their codecs, and nothing of what they show."""

    path: Path
    start_s: float
    """Media time of the first packet."""
    end_s: float
    """Media time of the last packet, in decoding order."""
    size_bytes: int
    """Compressed size of the packets."""
    codecs: tuple[VideoCodec, ...] = field(repr=False)

    @classmethod
    def open(cls, path: Path) -> Shelved:
        """Opens a shelf that another process may have left, if it was made to be kept.

        Raises:
            ShelfError: The file is torn or damaged, is no shelf, or was not made to be kept.
            OSError: It is not there or can't be read.
        """
        payload, index = _read(path)
        if index["codecs"] is None:
            raise ShelfError(f"{path}: was not made to be kept: it says nothing of its codecs")
        try:
            codecs = tuple(VideoCodec.unpacked(bytes.fromhex(packed)) for packed in index["codecs"])
        except (av.error.FFmpegError, ValueError) as error:
            raise ShelfError(f"{path}: its codecs can't be read: {error}") from error
        rows = index["packets"]
        return cls(path, rows[0]["time_s"], rows[-1]["time_s"], len(payload), codecs)

    def packets(self) -> list[Packet]:
        """All packets, as they were but for side data, which no decoder here needs.

        Raises:
            ShelfError: The file was damaged meanwhile.
            OSError: It is gone or can't be read.
        """
        payload, index = _read(self.path)
        packets: list[Packet] = []
        begin = 0
        for row in index["packets"]:
            raw = raw_packet(payload[begin : begin + row["size"]])
            begin += row["size"]
            raw.time_base = Fraction(1, TICKS_PER_S)
            raw.pts, raw.dts, raw.duration = row["pts"], row["dts"], row["duration"]
            raw.is_keyframe = row["keyframe"]
            packets.append(Packet(row["time_s"], row["keyframe"], raw, self.codecs[row["codec"]]))
        return packets

    def remove(self) -> None:
        """Removes the file; more than once does no harm."""
        self.path.unlink(missing_ok=True)


def shelve(packets: Sequence[Packet], path: Path, *, keep: bool) -> Shelved:
    """Writes packets into a file; it has its name once it is whole.

    Args:
        packets: At least one, in decoding order; of several codecs, too.
        path: The file. Its folder exists.
        keep: True: it survives a power cut, and `Shelved.open` reads it in another process. False: only the handle that
            is returned can read it, which saves a keyframe's bytes and waiting for the disk.

    Raises:
        ValueError: There are no packets.
        OSError: It can't be written; nothing is left of it.
    """
    if not packets:
        raise ValueError(f"{path}: a shelf needs packets: got none")
    firsts: dict[VideoCodec, Packet] = {}
    for packet in packets:
        firsts.setdefault(packet.codec, packet)
    codecs = tuple(firsts)
    index = {
        "codecs": [codec.packed(first.raw).hex() for codec, first in firsts.items()] if keep else None,
        "packets": [_row(packet, codecs.index(packet.codec)) for packet in packets],
    }
    part = part_of(path)
    try:
        with part.open("wb") as file:
            _write(file, packets, json.dumps(index).encode())
        if keep:
            settle(part, path)
        else:
            part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    size_bytes = sum(packet.size_bytes for packet in packets)
    return Shelved(path, packets[0].time_s, packets[-1].time_s, size_bytes, codecs)


def _row(packet: Packet, codec: int) -> dict[str, Any]:
    raw = packet.raw
    return {
        "size": raw.size,
        "time_s": packet.time_s,
        "pts": raw.pts,
        "dts": raw.dts,
        "duration": raw.duration,
        "keyframe": packet.keyframe,
        "codec": codec,
    }


def _write(file: BinaryIO, packets: Sequence[Packet], index: bytes) -> None:
    checksum = 0
    file.write(_MAGIC)
    for packet in packets:
        file.write(packet.raw)
        checksum = zlib.crc32(packet.raw, checksum)
    file.write(index)
    file.write(_TRAILER.pack(len(index), zlib.crc32(index), checksum, _MAGIC))


def _read(path: Path) -> tuple[memoryview, dict[str, Any]]:
    data = memoryview(path.read_bytes())
    if len(data) < len(_MAGIC) + _TRAILER.size or data[: len(_MAGIC)] != _MAGIC:
        raise ShelfError(f"{path}: is no shelf of packets")
    index_bytes, index_crc, payload_crc, magic = _TRAILER.unpack(data[-_TRAILER.size :])
    payload_end = len(data) - _TRAILER.size - index_bytes
    if magic != _MAGIC or payload_end < len(_MAGIC):
        raise ShelfError(f"{path}: is torn: it was not written to its end")
    payload, index = data[len(_MAGIC) : payload_end], data[payload_end : -_TRAILER.size]
    if zlib.crc32(index) != index_crc or zlib.crc32(payload) != payload_crc:
        raise ShelfError(f"{path}: is damaged: its checksum is not the one that was written")
    content: dict[str, Any] = json.loads(bytes(index))
    return payload, content
