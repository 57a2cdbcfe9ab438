"""The packet ring: the last seconds of a camera, compressed, so that one can go back to the moment that matters."""

import threading
from collections import deque
from itertools import takewhile

from streams.packet import Packet


class PacketRing:
    """Keeps whole GOPs, at least `keep_s` seconds of them, as long as they fit into `keep_bytes`.

    One GOP more than `keep_s` is kept, because a window must start at a keyframe to be of use. Packets are held by
    reference, never copied. Safe to fill in one thread and read in others.
    """

    def __init__(self, keep_s: float, keep_bytes: int) -> None:
        if keep_s <= 0 or keep_bytes <= 0:
            raise ValueError(f"a ring of {keep_s} s and {keep_bytes} bytes holds nothing: both must be positive")
        self.keep_s = keep_s
        self.keep_bytes = keep_bytes
        self.dropped_for_bytes = 0
        """GOPs that had to go before their time because `keep_bytes` was too small."""
        self._gops: deque[list[Packet]] = deque()
        self._held_bytes = 0
        self._lock = threading.Lock()

    def push(self, packet: Packet) -> None:
        """Takes a packet in decoding order. What comes before the first keyframe can't be decoded and is not kept."""
        with self._lock:
            if packet.keyframe:
                self._gops.append([])
            elif not self._gops:
                return
            self._gops[-1].append(packet)
            self._held_bytes += packet.size_bytes
            self._trim(packet.time_s)

    def _trim(self, now_s: float) -> None:
        # The oldest GOP may go once the one after it reaches back far enough by itself.
        while len(self._gops) > 1:
            expired = self._gops[1][0].time_s <= now_s - self.keep_s
            crowded = self._held_bytes > self.keep_bytes
            if not (expired or crowded):
                return
            self.dropped_for_bytes += not expired
            self._held_bytes -= sum(packet.size_bytes for packet in self._gops.popleft())

    def window(self, start_s: float, end_s: float) -> list[Packet]:
        """Packets from the keyframe at or before `start_s` (or the oldest held) up to `end_s`, in decoding order."""
        with self._lock:
            gops = list(self._gops)
            newest = list(gops[-1]) if gops else []
        first = 0
        for index, gop in enumerate(gops):
            if gop[0].time_s <= start_s:
                first = index
        packets = [packet for gop in gops[first:-1] for packet in gop] + newest
        return list(takewhile(lambda packet: packet.decode_time_s <= end_s, packets))

    @property
    def span_s(self) -> tuple[float, float] | None:
        """Media time of the oldest and the newest packet held; None while empty."""
        with self._lock:
            if not self._gops:
                return None
            return self._gops[0][0].time_s, self._gops[-1][-1].time_s

    @property
    def held_bytes(self) -> int:
        """Compressed bytes held now."""
        return self._held_bytes
