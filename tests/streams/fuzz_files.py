"""One fuzz case of a file: a damaged file goes the way of every source, from the feed to a clip."""

from __future__ import annotations

import math
import random
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import av

from streams.clip import Clip, write_clip
from streams.errors import SourceError
from streams.lookback import look_back
from streams.packet import Packet
from streams.patrol import INTERVAL_S, Patrol, PatrolDecoder
from streams.ring import PacketRing
from streams.source.address import Address
from streams.source.feed import Feed
from streams.viewing import write_viewing_copy
from tests.streams.fuzz_mutations import mutated

RING_S, RING_BYTES = 60.0, 4 << 20
VIEWING_SHARE = 0.05
"""Encoding takes longer than all the rest of a case."""
Verdict = Literal["whole", "damaged", "undecodable", "empty", "refused", "fault"]


@dataclass(slots=True)
class Outcome:
    """What became of a case. `fault` alone is forbidden."""

    of: str
    mutations: tuple[str, ...]
    verdict: Verdict = "empty"
    connected: bool = False
    packets: int = 0
    pictures: int = 0
    """Pictures that patrol or look-back decoded, whichever had more."""
    errors: int = 0
    """Packets that patrol could not decode, or that look-back gave no picture of."""
    clip: bool = False
    unwritable: str | None = None
    """Why no clip could be cut; allowed, as its caller is told to expect it."""
    error: str | None = None
    fault: str | None = None
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def judge(self) -> None:
        """Sets the verdict from the counts."""
        if self.fault is not None:
            self.verdict = "fault"
        elif not self.packets:
            self.verdict = "refused" if self.error else "empty"
        elif not self.pictures:
            self.verdict = "undecodable"
        else:
            self.verdict = "damaged" if self.errors else "whole"


def write_case(seed: int, number: int, folder: Path) -> tuple[Path, Outcome]:
    """Makes the damaged file of a case in a folder."""
    of, mutations, data = mutated(random.Random(f"{seed}:{number}"))
    path = folder / f"case-{seed}-{number}{of.suffix}"
    path.write_bytes(data)
    return path, Outcome(of.name, mutations)


def run_case(seed: int, number: int, folder: Path) -> Outcome:
    """Makes a case, walks it through the pipeline, removes what it made."""
    path, outcome = write_case(seed, number, folder)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    try:
        walk(path, outcome, interval_s=random.Random(number).choice((0.0, INTERVAL_S)))
    except SourceError as error:
        outcome.error = str(error)
        if path.name not in outcome.error:
            outcome.fault = f"an error that does not name its source: {error}"
    except Exception:  # noqa: BLE001 - whatever else comes out is what the fuzz looks for
        outcome.fault = traceback.format_exc()
    finally:
        outcome.wall_s, outcome.cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        for written in (path, *clip_paths(path)):
            written.unlink(missing_ok=True)
    outcome.judge()
    return outcome


def walk(path: Path, outcome: Outcome, interval_s: float = 0.0) -> None:
    """Reads a file as a worker does, and cuts a clip of all that the ring holds.

    Raises:
        AssertionError: Something came out that must not.
    """
    feed, ring = Feed(Address(str(path))), PacketRing(RING_S, RING_BYTES)
    for packet in patrolled(feed, outcome, interval_s):
        ring.push(packet)
    outcome.connected = feed.health.connections > 0
    outcome.packets, outcome.error = feed.health.packets, feed.health.last_error
    if outcome.error is not None and path.name not in outcome.error:
        raise AssertionError(f"an error that does not name its source: {outcome.error}")
    span_s = ring.span_s
    if span_s is None:
        return
    window = ring.window(*span_s)
    seen = sum(1 for _ in look_back(window, -math.inf, math.inf))
    outcome.pictures = max(outcome.pictures, seen)
    outcome.errors = max(outcome.errors, len(window) - seen)
    if window:
        _cut(window, span_s, path, outcome)


def patrolled(feed: Feed, outcome: Outcome, interval_s: float = 0.0) -> Iterator[Packet]:
    """The packets of a feed, each once patrol has had it; counts pictures and errors.

    Raises:
        AssertionError: A packet has no time that the rest can reckon with.
    """
    patrol, decoder = Patrol(interval_s), PatrolDecoder()
    for packet in feed.packets():
        check_packet(packet)
        sample = patrol.offer(packet)
        frame = decoder.decode(sample) if sample else None
        if frame is not None:
            frame.gray(64, 48)
            outcome.pictures += 1
        outcome.errors = decoder.errors
        yield packet


def _cut(window: list[Packet], span_s: tuple[float, float], path: Path, outcome: Outcome) -> None:
    try:
        clip = write_clip(window, *span_s, path.with_name(path.stem + "-clip"))
    except (av.error.FFmpegError, ValueError) as error:
        outcome.unwritable = str(error)
        return
    check_clip(clip, damaged=outcome.errors > 0)
    outcome.clip = True
    if random.Random(path.name).random() < VIEWING_SHARE and outcome.pictures:
        _view(clip)


def _view(clip: Clip) -> None:
    copy = clip.path.with_name(f"{clip.path.stem}-view.mp4")
    try:
        made = write_viewing_copy(clip.path, copy)
    except (av.error.FFmpegError, ValueError):
        return  # what can't be decoded by itself can't be transcoded
    with av.open(made.path) as written:
        pictures = sum(1 for _ in written.decode(video=0))
    if pictures != made.pictures:
        raise AssertionError(f"a viewing copy of {pictures} pictures says that it holds {made.pictures}")


def clip_paths(path: Path) -> list[Path]:
    """A case's clip and viewing copy, whole or half."""
    return list(path.parent.glob(f"*{path.stem}-clip*"))


def check_packet(packet: Packet) -> None:
    """Media time is a number that the rest can reckon with."""
    if not math.isfinite(packet.time_s) or packet.decode_time_s > packet.time_s + 1e-3:
        raise AssertionError(f"a packet at {packet.time_s} s is decoded at {packet.decode_time_s} s")


def check_clip(clip: Clip, *, damaged: bool) -> None:
    """A clip's record tells the truth about its file. Of a packet without a single NAL unit the muxer leaves nothing."""
    with av.open(clip.path) as written:
        packets = sum(1 for packet in written.demux(video=0) if packet.size)
    if packets > clip.pictures or (packets < clip.pictures and not damaged):
        raise AssertionError(f"a clip of {packets} packets says that it holds {clip.pictures} pictures")
