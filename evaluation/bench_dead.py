"""Cameras that are all dead: what does it cost to try them again and again?"""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

from evaluation.memory import rss_bytes
from streams.source.address import Address
from streams.source.feed import LONG_OUTAGE_S, Feed

SETTLE_S = 5.0


def bench_dead(cameras: int = 1000, seconds: float = 60.0) -> dict[str, Any]:
    """Feeds of cameras at a port that refuses, measured once their outage is long.

    Returns:
        Share of a core that they take, and memory each.
    """
    before = rss_bytes()
    feeds = [Feed(Address(f"rtsp://user:secret@127.0.0.1:{_refusing_port()}/{number}")) for number in range(cameras)]
    threads = [threading.Thread(target=lambda feed=feed: list(feed.packets()), daemon=True) for feed in feeds]
    for thread in threads:
        thread.start()
    time.sleep(LONG_OUTAGE_S + SETTLE_S)
    tried = sum(feed.health.failures.total() for feed in feeds)
    started_s, cpu_s = time.monotonic(), time.process_time()
    time.sleep(seconds)
    cpu_s, elapsed_s = time.process_time() - cpu_s, time.monotonic() - started_s
    tries = sum(feed.health.failures.total() for feed in feeds) - tried
    after = rss_bytes()
    for feed in feeds:
        feed.close()
    return {
        "cameras": cameras,
        "seconds": round(elapsed_s, 1),
        "cores_used": round(cpu_s / elapsed_s, 3),
        "tries_per_s": round(tries / elapsed_s, 1),
        "cpu_ms_per_try": round(1000 * cpu_s / tries, 2) if tries else None,
        "kib_per_camera": round((after - before) / cameras / 1024, 1),
    }


def _refusing_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
