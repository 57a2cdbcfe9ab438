"""What handing out a long clip costs the event system: rate, CPU, memory."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from api.schema import header_of_sha256
from evaluation.benches.events import EventSystem, event_system

RATE_MB_S = 110.0
"""What a gigabit line carries: the CPU share is also told for this rate, which does not depend on how fast the disk is."""
CORE_SHARE_MAX = 0.30
"""A third of a core is what downloads may take from everything else."""
BLOCK = b"\x00\x00\x00\x20ftypisom" + os.urandom(1024 * 1024 - 12)
"""The clip is made of this, again and again."""
RECEIVE_BYTES = 1024 * 1024
INCIDENT = "bench-download"
NAME = "clip.mp4"


def bench_download(size_mb: int = 200, rounds: int = 5) -> dict[str, Any]:
    """Fetches one clip again and again, over a real connection to an event system in a process of its own.

    Args:
        size_mb: Of the clip, in MiB.
        rounds: Each fetches it once; rates are medians.

    Returns:
        `mb_s` (10^6 bytes a second), `core_share` (CPU of the event system by wall time), `cpu_s_per_gb`,
        `core_share_at_110_mb_s`, `memory_growth_mib` (peak after the rounds minus peak before), and whether both bars hold.
    """
    with tempfile.TemporaryDirectory(prefix="streetwarden-bench-") as folder:
        home = Path(folder) / "events"
        with event_system(home) as events:
            [process] = [child for child in multiprocessing.active_children() if child.name == "event-system"]
            _put_clip(events, size_mb)
            _fetch(events)  # into the page cache
            before_mib = peak_mib(process.pid)
            measured = []
            for _ in range(rounds):
                spent_s, began = cpu_s(process.pid), time.monotonic()
                received = _fetch(events)
                measured.append((received, time.monotonic() - began, cpu_s(process.pid) - spent_s))
            growth_mib = peak_mib(process.pid) - before_mib
    mb_s = statistics.median(received / wall_s / 1e6 for received, wall_s, _ in measured)
    share = statistics.median(used_s / wall_s for _, wall_s, used_s in measured)
    per_gb = statistics.median(used_s / received * 1e9 for received, _, used_s in measured)
    at_rate = per_gb * RATE_MB_S / 1000
    return {
        "size_mib": size_mb,
        "rounds": rounds,
        "mb_s": round(mb_s, 1),
        "core_share": round(share, 3),
        "cpu_s_per_gb": round(per_gb, 3),
        "core_share_at_110_mb_s": round(at_rate, 3),
        "memory_growth_mib": round(growth_mib, 1),
        "fast_enough": mb_s >= RATE_MB_S,
        "cheap_enough": at_rate <= CORE_SHARE_MAX,
    }


def _put_clip(events: EventSystem, size_mb: int) -> None:
    digest = hashlib.sha256()
    for _ in range(size_mb):
        digest.update(BLOCK)
    at = datetime.now(UTC).isoformat()
    document = {
        "schema": 1, "id": INCIDENT, "revision": 1, "state": "confirmed", "camera": "bench", "zone": "bench",
        "type": "illegal_parking", "onset_at": at, "confirmed_at": at, "box": [0.1, 0.1, 0.2, 0.2], "score": 0.5,
    }  # fmt: skip

    def blocks() -> Iterator[bytes]:
        for _ in range(size_mb):
            yield BLOCK

    headers = {"Authorization": f"Bearer {events.worker_token}"}
    with httpx.Client(base_url=events.url, headers=headers, timeout=120.0, trust_env=False) as client:
        client.put(f"/v1/incidents/{INCIDENT}", json=document).raise_for_status()
        said = {"Repr-Digest": header_of_sha256(digest.hexdigest())}
        path = f"/v1/incidents/{INCIDENT}/evidence/{NAME}"
        client.put(path, content=blocks(), headers=said).raise_for_status()


def _fetch(events: EventSystem) -> int:
    """Fetches the clip over a bare socket, which costs the machine next to nothing, and returns the bytes received.

    Raises:
        RuntimeError: The answer is not 200.
    """
    address = urlsplit(events.url)
    request = (
        f"GET /v1/incidents/{INCIDENT}/evidence/{NAME} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n"
        f"Authorization: Bearer {events.reader_token}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=60.0) as line:
        line.sendall(request.encode())
        buffer = bytearray(RECEIVE_BYTES)
        received = line.recv_into(buffer)
        if not buffer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the event system answered {bytes(buffer[:80])!r}")
        while count := line.recv_into(buffer):
            received += count
    return received


def cpu_s(pid: int | None) -> float:
    """CPU time of a process, user and system, from Linux's /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int | None) -> float:
    """The most memory that a process has ever held, from Linux's /proc."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
