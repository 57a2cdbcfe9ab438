"""Ways for a camera to misbehave in its RTP, its RTCP, and in how it sends."""

from __future__ import annotations

import random

from tests.streams.fuzz_script import Script, Twist


def _some(rng: random.Random, script: Script) -> list[int]:
    """Numbers of the frames to damage; most often of only a few."""
    if not script.frames:
        return []
    share = 10 ** rng.uniform(-2, 0)
    return [number for number in range(len(script.frames)) if rng.random() < share] or [
        rng.randrange(len(script.frames))
    ]


def _with_payload(frame: bytes, payload: bytes) -> bytes:
    return frame[:2] + (len(payload) & 0xFFFF).to_bytes(2, "big") + payload


def false_frame_head(rng: random.Random, script: Script) -> None:
    """Another channel, or a length that is not that of the frame: what follows is read at the wrong place."""
    for number in _some(rng, script):
        frame = bytearray(script.frames[number])
        if rng.random() < 0.5:
            frame[1:2] = bytes((rng.choice((1, 2, 7, 255)),))
        else:
            size = rng.choice((0, 1, 11, 12, 65535, len(frame) - 5, len(frame) + 9))
            frame[2:4] = (size & 0xFFFF).to_bytes(2, "big")
        script.frames[number] = bytes(frame)


def rtp_head(rng: random.Random, script: Script) -> None:
    """Version, padding, extension, number of sources, marker, payload type, SSRC."""
    for number in _some(rng, script):
        frame = bytearray(script.frames[number])
        place, value = rng.choice(
            ((4, 0xA0), (4, 0x90), (4, 0x8F), (4, 0x00), (4, 0xFF), (5, 0x61), (5, 0xFF), (12, 0x55))
        )
        if place < len(frame):
            frame[place] = value
        if value == 0xA0 and frame:
            frame[-1] = rng.choice((0, 1, 200, 255))  # how much padding it claims
        script.frames[number] = bytes(frame)


def rtp_order(rng: random.Random, script: Script) -> None:
    for number in _some(rng, script):
        frame = bytearray(script.frames[number])
        frame[6:8] = rng.choice((bytes(2), b"\xff\xff", rng.randbytes(2), script.frames[0][6:8]))
        script.frames[number] = bytes(frame)


def rtp_times(rng: random.Random, script: Script) -> None:
    for number in _some(rng, script):
        frame = bytearray(script.frames[number])
        frame[8:12] = rng.choice(
            (bytes(4), b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", rng.randbytes(4), script.frames[0][8:12])
        )
        script.frames[number] = bytes(frame)


def rtp_payload(rng: random.Random, script: Script) -> None:
    for number in _some(rng, script):
        frame = bytearray(script.frames[number])
        for _ in range(rng.randint(1, 8) if frame else 0):
            frame[rng.randrange(min(4, len(frame) - 1), len(frame))] ^= 1 << rng.randrange(8)
        script.frames[number] = bytes(frame)


def fragments(rng: random.Random, script: Script) -> None:
    """Fragmented NAL units (RFC 6184, 5.8; RFC 7798, 4.4.3) without a start or an end, aggregates with false sizes."""
    for number in _some(rng, script):
        frame = bytearray(script.frames[number])
        kind = rng.choice((24, 25, 28, 28, 29, 31, 48 << 1, 49 << 1, 50 << 1))
        frame[16:19] = bytes(
            (kind, rng.choice((0x05, 0x45, 0x85, 0xC5, 0xFF, 0x00)), rng.choice((0x05, 0x93, 0x53, 0xFF)))
        )
        script.frames[number] = bytes(frame)


def rtp_shortened(rng: random.Random, script: Script) -> None:
    for number in _some(rng, script):
        frame = script.frames[number]
        script.frames[number] = _with_payload(frame, frame[4 : 4 + rng.choice((0, 1, 11, 12, 13, 14, len(frame) // 2))])


def rtp_shuffled(rng: random.Random, script: Script) -> None:
    """Lost, doubled, in another order."""
    act = rng.randrange(3)
    chosen = set(_some(rng, script))
    if act == 0:
        script.frames = [frame for number, frame in enumerate(script.frames) if number not in chosen]
    elif act == 1:
        script.frames = [frame for number, frame in enumerate(script.frames) for _ in range(1 + (number in chosen) * 3)]
    else:
        start = rng.randrange(len(script.frames) or 1)
        part = script.frames[start : start + 12]
        rng.shuffle(part)
        script.frames[start : start + 12] = part


def rtcp_garbage(rng: random.Random, script: Script) -> None:
    for _ in range(rng.randint(1, 12)):
        report = rng.choice(
            (
                rng.randbytes(rng.randrange(64)),
                b"\x80\xc8\x00\x06" + rng.randbytes(24),
                b"\x80\xc8\xff\xff" + bytes(24),
                b"\x81\xcb\x00\x01" + bytes(4),
                b"\x80\xc8\x00\x06" + b"\xff" * 24,
                b"\x9f\xca\x00\x00",
                b"",
            )
        )
        script.frames.insert(rng.randrange(len(script.frames) + 1), b"$\x01" + len(report).to_bytes(2, "big") + report)


def garbage_between(rng: random.Random, script: Script) -> None:
    script.frames.insert(rng.randrange(len(script.frames) + 1), rng.randbytes(rng.choice((1, 7, 100, 5000))))


def hangs_up(rng: random.Random, script: Script) -> None:
    whole = sum(map(len, script.answers.values())) + sum(map(len, script.frames))
    script.cut_at_bytes = rng.randrange(whole)


def falls_silent(rng: random.Random, script: Script) -> None:
    script.then = "silence"
    script.frames = script.frames[: rng.randrange(len(script.frames) + 1)]


def never_ends(rng: random.Random, script: Script) -> None:
    """Data without a picture, for ever."""
    script.then = "endless"
    script.frames = script.frames[: rng.choice((0, len(script.frames)))]


def drips(_rng: random.Random, script: Script) -> None:
    script.drips = True


MEDIA: tuple[Twist, ...] = (
    false_frame_head, rtp_head, rtp_order, rtp_times, rtp_payload, rtp_payload, fragments, fragments, rtp_shortened,
    rtp_shuffled, rtcp_garbage, garbage_between, hangs_up,
)  # fmt: skip
WAITING: tuple[Twist, ...] = (falls_silent, never_ends, drips)
"""These cost seconds each."""
