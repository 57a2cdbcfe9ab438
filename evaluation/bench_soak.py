"""A day of trouble in minutes: does memory stay where it was?

Four simulated cameras run through whole days of simulated time: outages short and long, damaged and missing packets, clocks
that are set, keyframes that stay away, pictures that change their size. Each is sampled as patrol samples, looked back at, and
cut into clips all along.
"""

from __future__ import annotations

import ctypes
import gc
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.allocator import share_one_heap
from evaluation.bench_source import bench_source
from evaluation.memory import MIB, rss_bytes
from evaluation.simulated import ADDRESS, Mischief, RawPacket, SimulatedCamera, SimulatedTiming
from streams.clip import write_clip
from streams.decoders import DecoderPool
from streams.lookback import look_back
from streams.packet import raw_packet
from streams.patrol import Patrol, PatrolDecoder
from streams.ring import PacketRing
from streams.source.feed import Feed

FPS = 10
CLIPS = ((160, 120), (192, 144))
"""Two sizes, so that a camera can come back with another one."""
HOUR_S = 3600.0
WARM_UP_H = 2
"""Rings are full and every fault has been met once: memory is compared from here on."""
CALM_S = (60.0, 600.0)
TROUBLE_S = (1.0, 120.0)
OUTAGE_SHARE = 0.3
"""Of all troubles; the others are of a connection that stands."""
DAMAGED_SHARE = 0.1
"""Of the packets, while they get damaged or lost."""
LOOK_BACK_EVERY_S = 600.0
CLIP_EVERY_S = 1800.0
RING_S, RING_BYTES = 30.0, 48 << 20


def _damaged(rng: random.Random) -> Mischief:
    def mischief(packet: RawPacket, _: int) -> RawPacket | None:
        if rng.random() > DAMAGED_SHARE:
            return packet
        torn = raw_packet(bytes(packet)[: rng.randrange(1, packet.size + 1)])
        torn.pts, torn.dts, torn.time_base, torn.is_keyframe = (
            packet.pts,
            packet.dts,
            packet.time_base,
            packet.is_keyframe,
        )
        return torn

    return mischief


def _lossy(rng: random.Random) -> Mischief:
    return lambda packet, _: packet if rng.random() > DAMAGED_SHARE else None


def _without_keyframes(_: random.Random) -> Mischief:
    return lambda packet, number: None if packet.is_keyframe and number > 1 else packet


def _shifted(rng: random.Random) -> Mischief:
    by = rng.choice((-(2**28), -90, 45, 2**31))

    def mischief(packet: RawPacket, _: int) -> RawPacket:
        packet.pts = packet.dts = (packet.pts or 0) + by
        return packet

    return mischief


def _standing(_: random.Random) -> Mischief:
    def mischief(packet: RawPacket, _: int) -> RawPacket:
        packet.pts = packet.dts = 0
        return packet

    return mischief


TROUBLES: dict[str, Callable[[random.Random], Mischief]] = {
    "damaged": _damaged,
    "lossy": _lossy,
    "no keyframes": _without_keyframes,
    "clock set": _shifted,
    "time stands": _standing,
}


@dataclass
class _Post:
    """One camera and all that hangs on it."""

    camera: SimulatedCamera
    feed: Feed
    ring: PacketRing
    patrol: Patrol
    decoder: PatrolDecoder
    rng: random.Random
    next_trouble_s: float = 60.0
    trouble_over_s: float = float("inf")
    look_back_s: float = LOOK_BACK_EVERY_S
    clip_s: float = CLIP_EVERY_S
    troubles: int = 0
    pictures: int = 0
    clips: int = 0


def bench_soak(hours: float = 24.0, cameras: int = 4, seed: int = 1) -> dict[str, Any]:
    """Runs the cameras through the hours, and measures memory after each of them."""
    share_one_heap()  # as a shard does
    clips = [bench_source(width, height, 10.0, mbit_per_s=0.2, gop_s=2.0) for width, height in CLIPS]
    pool = DecoderPool()
    chances = [random.Random(f"{seed}/{number}") for number in range(cameras)]  # noqa: S311 - hides nothing
    posts = [_post(clips[0], pool, chance) for chance in chances]
    feeds = [post.feed.packets() for post in posts]
    rss_mib: list[float] = []
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="streetwarden-soak-") as temporary:
        folder = Path(temporary)
        for hour in range(1, round(hours) + 1):
            for post, packets in zip(posts, feeds, strict=True):
                for packet in packets:
                    _take(post, packet, clips, folder)
                    if packet.time_s >= hour * HOUR_S:
                        break
            rss_mib.append(_rss_mib())
    for post, packets in zip(posts, feeds, strict=True):
        post.feed.close()
        next(packets, None)
    compared = rss_mib[WARM_UP_H:]
    return {
        "cameras": cameras,
        "simulated_hours": round(hours),
        "wall_s": round(time.monotonic() - started_s, 1),
        "packets": sum(post.feed.health.packets for post in posts),
        "pictures": sum(post.pictures for post in posts),
        "clips": sum(post.clips for post in posts),
        "troubles": sum(post.troubles for post in posts),
        "connections": sum(post.feed.health.connections for post in posts),
        "failures": dict(
            sum((post.feed.health.failures for post in posts), start=type(posts[0].feed.health.failures)())
        ),
        "undecodable_packets": sum(post.decoder.errors for post in posts),
        "live_at_the_end": sum(post.feed.health.connections > 0 and post.camera.open <= 1 for post in posts),
        "rss_mib": [round(value, 1) for value in rss_mib],
        "growth": round(max(compared) / compared[0] - 1, 4) if compared else None,
    }


def _post(clip: Path, pool: DecoderPool, rng: random.Random) -> _Post:
    timing = SimulatedTiming()
    camera = SimulatedCamera(clip, timing, fps=FPS)
    feed = Feed(ADDRESS, connect=camera.connect, timing=timing)  # type: ignore[arg-type]  # stands in for a connection
    return _Post(camera, feed, PacketRing(RING_S, RING_BYTES), Patrol(), PatrolDecoder(pool), rng)


def _take(post: _Post, packet: Any, clips: list[Path], folder: Path) -> None:
    post.ring.push(packet)
    sample = post.patrol.offer(packet)
    frame = post.decoder.decode(sample) if sample is not None else None
    if frame is not None:
        post.pictures += 1
        frame.gray(160, 120)
    if packet.time_s >= post.look_back_s:
        post.look_back_s = packet.time_s + LOOK_BACK_EVERY_S
        window = post.ring.window(packet.time_s - 5, packet.time_s)
        post.pictures += sum(1 for _ in look_back(window, packet.time_s - 5, packet.time_s))
    if packet.time_s >= post.clip_s:
        post.clip_s = packet.time_s + CLIP_EVERY_S
        window = post.ring.window(packet.time_s - 15, packet.time_s)
        write_clip(window, packet.time_s - 15, packet.time_s, folder / "clip").path.unlink()
        post.clips += 1
    _make_trouble(post, packet.time_s, clips)


def _make_trouble(post: _Post, now_s: float, clips: list[Path]) -> None:
    camera, rng = post.camera, post.rng
    if now_s >= post.trouble_over_s:
        camera.mischief, post.trouble_over_s = None, float("inf")
        post.next_trouble_s = now_s + rng.uniform(*CALM_S)
    elif now_s >= post.next_trouble_s:
        post.troubles += 1
        post.next_trouble_s = float("inf")
        lasting_s = rng.uniform(*TROUBLE_S)
        post.trouble_over_s = now_s + lasting_s
        if rng.random() < OUTAGE_SHARE:
            camera.clip = rng.choice(clips)
            camera.outage(camera.timing.now_s, lasting_s)
        else:
            camera.mischief = TROUBLES[rng.choice(sorted(TROUBLES))](rng)


def _rss_mib() -> float:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is free goes back, so that a leak is told from a hoard
    return rss_bytes() / MIB
