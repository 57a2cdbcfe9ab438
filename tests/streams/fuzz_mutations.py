"""Ways to damage a file. Each takes a random generator and an original's bytes, and gives other bytes.

Some know nothing of formats, as a bad disk or a lost connection; others aim at what a demuxer or decoder believes:
sizes, counts, parameter sets, lengths of NAL units, timestamps.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from tests.streams.fuzz_clips import RECIPES, Original, original

Mutation = Callable[[random.Random, Original, bytearray], bytearray]

EDGES = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
EDGES_64 = (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 32, 1 << 40, (1 << 62) - 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
"""Numbers at which a computation overflows, changes sign, or asks for a great deal of memory."""

_BOXES = re.compile(
    rb"moov|mvhd|trak|tkhd|edts|elst|mdia|mdhd|hdlr|minf|stbl|stsd|avc1|avcC|hvc1|hev1|hvcC|mp4v|esds|stts|ctts|stss|stsc|"
    rb"stsz|stco|mdat|moof|mfhd|traf|tfhd|tfdt|trun|mvex|trex|sidx"
)
_TIME_BOXES = re.compile(rb"mvhd|mdhd|elst|stts|ctts|tfdt|trun|tkhd")
_PARAMETER_SETS = re.compile(
    rb"\x00[\x67\x68][\x42\x4d\x64\xee\xe8\xce\xeb]|[\x40\x42\x44]\x01|\x00\x00\x01[\xb0\xb5\x20]"
)
"""SPS and PPS of H.264; VPS, SPS and PPS of H.265; headers of MPEG-4 Visual."""
_PES = re.compile(rb"\x00\x00\x01[\xe0-\xef]..[\x80-\x8f][\x80\xc0]", re.DOTALL)


def _span(rng: random.Random, length: int) -> tuple[int, int]:
    """A range within `length` bytes, short ones more often than long ones."""
    size = min(length, max(1, int(length ** rng.random())))
    start = rng.randrange(length - size + 1)
    return start, start + size


def _flip(rng: random.Random, data: bytearray, start: int, end: int, count: int) -> bytearray:
    end = min(end, len(data))
    for _ in range(count if end > start else 0):
        data[rng.randrange(start, end)] ^= 1 << rng.randrange(8)
    return data


def _put(data: bytearray, position: int, value: int, width: int, order: str = "big") -> bytearray:
    """Overwrites a number, without making the file longer."""
    if position >= 0 and position + width <= len(data):
        written = (value % (1 << 8 * width)).to_bytes(width, "big" if order == "big" else "little")
        data[position : position + width] = written
    return data


def few_bits(rng: random.Random, _of: Original, data: bytearray) -> bytearray:
    return _flip(rng, data, 0, len(data), rng.randint(1, 8))


def many_bits(rng: random.Random, _of: Original, data: bytearray) -> bytearray:
    return _flip(rng, data, 0, len(data), max(1, int(8 * len(data) * 10 ** rng.uniform(-4, -2))))


def picture_bits(rng: random.Random, of: Original, data: bytearray) -> bytearray:
    """Bits of compressed pictures alone: the demuxer sees a healthy file, the decoder does not."""
    for start, size in rng.sample(of.payloads, rng.randint(1, len(of.payloads))):
        _flip(rng, data, start, start + size, rng.randint(1, 6))
    return data


def slice_heads(rng: random.Random, of: Original, data: bytearray) -> bytearray:
    """The first bytes of pictures: types of NAL units, headers of slices."""
    for start, _ in rng.sample(of.payloads, rng.randint(1, 8)):
        _flip(rng, data, start + 4, start + 14, rng.randint(1, 4))
    return data


def zeroed(rng: random.Random, _of: Original, data: bytearray) -> bytearray:
    start, end = _span(rng, len(data))
    data[start:end] = bytes(end - start)
    return data


def removed(rng: random.Random, _of: Original, data: bytearray) -> bytearray:
    start, end = _span(rng, len(data))
    del data[start:end]
    return data


def duplicated(rng: random.Random, _of: Original, data: bytearray) -> bytearray:
    start, end = _span(rng, len(data))
    return data[:end] + data[start:end] * rng.randint(1, 4) + data[end:]


def swapped(rng: random.Random, _of: Original, data: bytearray) -> bytearray:
    first, second = sorted((_span(rng, len(data)), _span(rng, len(data))))
    if first[1] > second[0]:
        return data[second[0] :] + data[: second[0]]
    return (
        data[: first[0]]
        + data[second[0] : second[1]]
        + data[first[1] : second[0]]
        + data[first[0] : first[1]]
        + data[second[1] :]
    )


def truncated(rng: random.Random, _of: Original, data: bytearray) -> bytearray:
    return data[: rng.randrange(len(data))]


def garbage(rng: random.Random, _of: Original, data: bytearray) -> bytearray:
    start, end = _span(rng, len(data))
    data[start:end] = rng.randbytes(end - start)
    return data


def garbage_after_head(rng: random.Random, of: Original, data: bytearray) -> bytearray:
    head = min(of.payloads[0][0] + rng.randrange(64), len(data))
    return data[:head] + rng.randbytes(rng.randrange(1, 40_000))


def appended(rng: random.Random, _of: Original, data: bytearray) -> bytearray:
    return data + original(rng.choice(list(RECIPES))).data


def spliced(rng: random.Random, _of: Original, data: bytearray) -> bytearray:
    other = original(rng.choice(list(RECIPES))).data
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def words(rng: random.Random, of: Original, data: bytearray) -> bytearray:
    """Numbers on the edge, anywhere in what is not compressed pictures, in any width and order."""
    first = of.payloads[0][0]
    last = sum(of.payloads[-1])
    for _ in range(rng.randint(1, 4)):
        places = [range(min(first + 32, len(data))), range(min(last, len(data)), len(data))]
        place = rng.choice([part for part in places if len(part)] or [range(len(data))])
        width = rng.choice((1, 2, 4, 4, 8))
        value = rng.choice(EDGES_64 if width == 8 else EDGES)
        _put(data, rng.choice(place), value, width, rng.choice(("big", "little")))
    return data


def boxes(rng: random.Random, of: Original, data: bytearray) -> bytearray:
    """Sizes, counts and entries of MP4 boxes; elsewhere `words`."""
    found = [match.start() for match in _BOXES.finditer(data)]
    if not found:
        return words(rng, of, data)
    for _ in range(rng.randint(1, 3)):
        box = rng.choice(found)
        # size lies 4 bytes before the type; version and flags, counts and entries come after it
        position = box + rng.choice((-4, -4, 4, 8, 12, 16, 4 * rng.randint(1, 30)))
        size = int.from_bytes(data[box - 4 : box], "big")
        _put(data, position, rng.choice((*EDGES, size - 1, size + 1, size - 8, size + 8, size * 2, 8)), 4)
    return data


def parameter_sets(rng: random.Random, of: Original, data: bytearray) -> bytearray:
    """What a decoder allocates by: sizes, numbers of references, bit depth."""
    found = [match.start() for match in _PARAMETER_SETS.finditer(data)]
    if not found:
        return few_bits(rng, of, data)
    for start in rng.sample(found, min(len(found), rng.randint(1, 3))):
        _flip(rng, data, start + 1, start + 32, rng.randint(1, 6))
    return data


def nal_lengths(rng: random.Random, of: Original, data: bytearray) -> bytearray:
    """The length before a NAL unit, or the start code in its place."""
    for start, size in rng.sample(of.payloads, rng.randint(1, 5)):
        _put(data, start, rng.choice((*EDGES, size, size - 3, size - 5, size + 1)), 4)
    return data


def timestamps(rng: random.Random, of: Original, data: bytearray) -> bytearray:
    """Huge, negative, repeated, where the container keeps its times."""
    if of.container == "mpegts":
        return _pes_times(rng, data)
    if of.container == "matroska":
        for start, _ in rng.sample(of.payloads, rng.randint(1, 8)):
            _put(data, start - 3, rng.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF, rng.randrange(1 << 16))), 2)
        return data
    found = [match.start() for match in _TIME_BOXES.finditer(data)]
    if not found:
        return words(rng, of, data)
    for _ in range(rng.randint(1, 4)):
        width = rng.choice((4, 4, 8))
        value = rng.choice(EDGES_64 if width == 8 else EDGES)
        _put(data, rng.choice(found) + 4 * rng.randint(2, 12), value, width)
    return data


def _pes_times(rng: random.Random, data: bytearray) -> bytearray:
    found = [match.start() for match in _PES.finditer(data)]
    for start in rng.sample(found, min(len(found), rng.randint(1, 10))):
        ticks = rng.choice((0, 1, (1 << 33) - 1, 1 << 32, rng.randrange(1 << 33)))
        # ISO/IEC 13818-1, 2.4.3.6: 33 bits in three parts, each closed by a marker bit
        coded = bytes((
            0x21 | ticks >> 29 & 0x0E, ticks >> 22 & 0xFF, 1 | ticks >> 14 & 0xFE, ticks >> 7 & 0xFF, 1 | ticks << 1 & 0xFE,
        ))  # fmt: skip
        if start + 14 <= len(data):
            data[start + 9 : start + 14] = coded
    return data


MUTATIONS: tuple[Mutation, ...] = (
    few_bits, many_bits, picture_bits, slice_heads, zeroed, removed, duplicated, swapped, truncated, garbage,
    garbage_after_head, appended, spliced, words, boxes, parameter_sets, nal_lengths, timestamps,
)  # fmt: skip


def mutated(rng: random.Random) -> tuple[Original, tuple[str, ...], bytes]:
    """One damaged file: what it was made from, the names of what was done to it, its bytes."""
    of = original(rng.choice(list(RECIPES)))
    chosen = rng.choices(MUTATIONS, k=rng.choices((1, 2, 3), (70, 20, 10))[0])
    data = bytearray(of.data)
    for mutation in chosen:
        if data:
            data = mutation(rng, of, data)
    return of, tuple(mutation.__name__ for mutation in chosen), bytes(data)
