"""The packet ring: the last seconds of a camera, compressed, so that one can go back to the moment that matters."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from itertools import takewhile

from streams.packet import Packet
from streams.shelf import Shelved
from streams.spill import Spill

PACKET_BYTES = 700
"""What a packet takes in memory beside its payload (measured: 600 to 700). A camera whose clock stands still sends pictures of
30 bytes that never expire: counted by their payload alone they would take twenty times what the ring may hold."""


@dataclass(slots=True, eq=False)
class _Gop:
    start_s: float
    decode_s: float
    packets: list[Packet] = field(default_factory=list)
    """Empty once they are on disk."""
    size_bytes: int = 0
    shelved: Shelved | None = None


class PacketRing:
    """Keeps whole GOPs, at least `keep_s` seconds of them, as long as they fit into `keep_bytes`.

    One GOP more than `keep_s` is kept, because a window must start at a keyframe to be of use. A GOP that does not fit
    into `keep_bytes` by itself is given up, and what follows waits for the next keyframe. Packets are held by reference,
    never copied. Filled in one thread, read in any number of others.

    Args:
        keep_s: Seconds to reach back.
        keep_bytes: Most bytes to hold, in memory and on disk, what a packet takes beside its payload included.
        spill: Where to put the oldest GOPs beyond the memory that it allows; without it all stay in memory. Then `push`
            writes a file per GOP. What can't be written makes the ring shorter, from its oldest end.
    """

    def __init__(self, keep_s: float, keep_bytes: int, spill: Spill | None = None) -> None:
        if keep_s <= 0 or keep_bytes <= 0:
            raise ValueError(f"a ring of {keep_s} s and {keep_bytes} bytes holds nothing: both must be positive")
        self.keep_s = keep_s
        self.keep_bytes = keep_bytes
        self.spill = spill
        self.dropped_for_bytes = 0
        """GOPs that had to go before their time because there was no room for them, in memory or on disk."""
        self._gops: deque[_Gop] = deque()
        self._held_bytes = 0
        self._memory_bytes = 0
        self._to_remove: list[Shelved] = []
        self._lock = threading.Lock()

    def push(self, packet: Packet) -> None:
        """Takes a packet in decoding order. What comes before the first keyframe can't be decoded and is not kept."""
        size_bytes = packet.raw.size + PACKET_BYTES
        with self._lock:
            if packet.keyframe:
                self._gops.append(_Gop(packet.time_s, packet.decode_time_s))
            elif not self._gops:
                return
            gop = self._gops[-1]
            gop.packets.append(packet)
            gop.size_bytes += size_bytes
            self._held_bytes += size_bytes
            self._memory_bytes += size_bytes
            self._trim(packet.time_s)
        if self.spill is not None:
            self._tidy(self.spill, spill_over=packet.keyframe)

    def _trim(self, now_s: float) -> None:
        # The oldest GOP may go once the one after it reaches back far enough by itself.
        while self._gops:
            expired = len(self._gops) > 1 and self._gops[1].start_s <= now_s - self.keep_s
            if not expired and self._held_bytes <= self.keep_bytes:
                return
            self.dropped_for_bytes += not expired
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        gop = self._gops.popleft()
        self._held_bytes -= gop.size_bytes
        if gop.shelved is None:
            self._memory_bytes -= gop.size_bytes
        else:
            self._to_remove.append(gop.shelved)

    def _tidy(self, spill: Spill, *, spill_over: bool) -> None:
        """Moves what is too much to disk. Only the thread that pushes comes here; no reader waits for its disk."""
        while spill_over and self._memory_bytes > spill.memory_bytes:
            oldest = next(gop for gop in self._gops if gop.shelved is None)
            if oldest is self._gops[-1]:
                break
            shelved = spill.shelve(oldest.packets)
            with self._lock:
                if shelved is not None:
                    # A new list: a reader may hold the old one.
                    oldest.shelved, oldest.packets = shelved, []
                    self._memory_bytes -= oldest.size_bytes
                else:
                    # On a full disk the oldest file makes room for this GOP; if there is none, this one goes.
                    self.dropped_for_bytes += 1
                    self._drop_oldest()
            self._remove_files(spill)
        self._remove_files(spill)

    def _remove_files(self, spill: Spill) -> None:
        while self._to_remove:
            spill.remove(self._to_remove.pop())

    def window(self, start_s: float, end_s: float) -> list[Packet]:
        """Packets from the keyframe at or before `start_s` (or the oldest held) up to `end_s`, in decoding order.

        GOPs that are on disk are read, as far as they are needed; one that can't be read is left out, and counted.
        """
        with self._lock:
            gops = [(gop, gop.packets) for gop in self._gops if gop.decode_s <= end_s]
            if gops:
                newest, filling = gops[-1]
                gops[-1] = (newest, list(filling))
        first = 0
        for index, (gop, _) in enumerate(gops):
            if gop.start_s <= start_s:
                first = index
        packets = [packet for gop, held in gops[first:] for packet in (held or self._read(gop))]
        return list(takewhile(lambda packet: packet.decode_time_s <= end_s, packets))

    def _read(self, gop: _Gop) -> list[Packet]:
        if gop.shelved is None or self.spill is None:
            return []
        packets = self.spill.read(gop.shelved)
        if packets is None:
            with self._lock:
                # It may just have become too old, between being chosen and being read.
                self.spill.unreadable += gop in self._gops
        return packets or []

    @property
    def span_s(self) -> tuple[float, float] | None:
        """Media time of the oldest keyframe and of the newest picture held; None while empty."""
        with self._lock:
            if not self._gops:
                return None
            return self._gops[0].start_s, max(packet.time_s for packet in self._gops[-1].packets)

    @property
    def held_bytes(self) -> int:
        """Bytes held now, in memory and on disk, what packets take beside their payload included."""
        return self._held_bytes

    @property
    def memory_bytes(self) -> int:
        """The part of them that is in memory."""
        return self._memory_bytes
