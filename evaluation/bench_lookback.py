"""What look-back costs: our retrospective decoding beside a bare PyAV decode of the same packets, in one run.

They take turns picture by picture, so that whatever else the machine does hits both: the figure to quote is the ratio.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from evaluation.bench_source import Codec, bench_source
from streams.lookback import look_back
from streams.packet import Packet
from streams.ring import PacketRing
from streams.source.address import Address
from streams.source.feed import Feed
from streams.spill import Spill

SECONDS: Final = 20.0
SIZE_PX: Final = (1920, 1080)
MBIT_PER_S: Final = 4.0
GOP_S: Final = 2.0
_RING_S: Final = 60.0
_RING_BYTES: Final = 64 * 2**20
_SPILLED_TO_BYTES: Final = 2**20
"""One GOP of the source: all others come from disk."""


@dataclass(frozen=True)
class LookBackBench:
    """Rates in pictures per second of CPU time, one thread."""

    codec: str
    width_px: int
    height_px: int
    seconds: float
    pictures: int
    bare_per_s: float
    """PyAV's decoder alone, the packets in a list."""
    look_back_per_s: float
    """The ring's window and `look_back`."""
    rate_ratio: float
    first_picture_ms: float
    """From asking to the first picture, wall clock."""
    disk_rate_ratio: float
    """The same with the ring's GOPs on disk."""
    disk_first_picture_ms: float


def bench_lookback(seconds: float = SECONDS) -> list[dict[str, Any]]:
    """Measures H.264 and H.265, 1080p at 25 pictures and 4 Mb per second."""
    return [asdict(_bench(codec, seconds)) for codec in ("h264", "hevc")]


def _bench(codec: Codec, seconds: float) -> LookBackBench:
    source = bench_source(*SIZE_PX, seconds, mbit_per_s=MBIT_PER_S, gop_s=GOP_S, codec=codec)
    packets = list(Feed(Address(str(source))).packets())
    with tempfile.TemporaryDirectory() as folder:
        memory = _filled(PacketRing(_RING_S, _RING_BYTES), packets)
        disk = _filled(PacketRing(_RING_S, _RING_BYTES, Spill(Path(folder), _SPILLED_TO_BYTES)), packets)
        bare = _Contestant(lambda: _bare(packets))
        ours = _Contestant(lambda: _looked_back(memory))
        spilled = _Contestant(lambda: _looked_back(disk))
        # Not `or`: each has its turn in each round, also in the last.
        while bare.turn() | ours.turn() | spilled.turn():
            pass
    if not bare.pictures == ours.pictures == spilled.pictures:
        raise AssertionError(f"not the same pictures: {bare.pictures}, {ours.pictures}, {spilled.pictures}")
    return LookBackBench(
        codec=codec,
        width_px=SIZE_PX[0],
        height_px=SIZE_PX[1],
        seconds=seconds,
        pictures=bare.pictures,
        bare_per_s=round(bare.per_s, 1),
        look_back_per_s=round(ours.per_s, 1),
        rate_ratio=round(ours.per_s / bare.per_s, 3),
        first_picture_ms=round(ours.first_ms, 1),
        disk_rate_ratio=round(spilled.per_s / bare.per_s, 3),
        disk_first_picture_ms=round(spilled.first_ms, 1),
    )


class _Contestant:
    """Decodes a picture at each turn; its time runs only then."""

    def __init__(self, start: Callable[[], Iterable[object]]) -> None:
        self.pictures = 0
        self.first_ms = 0.0
        self._start = start
        self._frames: Iterator[object] | None = None
        self._cpu_s = 0.0

    def turn(self) -> bool:
        """False once there are no more."""
        began_s, cpu_s = time.monotonic(), time.process_time()
        if self._frames is None:
            self._frames = iter(self._start())
        more = next(self._frames, None) is not None
        self._cpu_s += time.process_time() - cpu_s
        if more and not self.pictures:
            self.first_ms = (time.monotonic() - began_s) * 1000
        self.pictures += more
        return more

    @property
    def per_s(self) -> float:
        return self.pictures / self._cpu_s


def _bare(packets: list[Packet]) -> Iterable[object]:
    decoder = packets[0].codec.decoder()
    for packet in packets:
        yield from decoder.decode(packet.raw)
    yield from decoder.decode(None)


def _looked_back(ring: PacketRing) -> Iterable[object]:
    start_s, end_s = ring.span_s or (0.0, 0.0)
    return look_back(ring.window(start_s, end_s), start_s, end_s)


def _filled(ring: PacketRing, packets: list[Packet]) -> PacketRing:
    for packet in packets:
        ring.push(packet)
    return ring
