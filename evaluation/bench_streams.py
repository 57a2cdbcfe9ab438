"""Many cameras in one worker: what everything but inference costs, and whether anything is lost.

Paced 1080p recordings stand in for cameras. They begin at different moments, as cameras do, and play round and round.
"""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av

from detector.health import read_health
from detector.zoning.cameras_file import Camera
from detector.zoning.zones import Zone, ZoneKind
from evaluation.bench_source import bench_source
from evaluation.blind import Reading, blind_worker, totals
from evaluation.memory import MIB
from streams.source.address import Address

CLIP_S = 60.0
GOP_S = 2.0
WARM_UP_S = 60.0
"""Until the rings of 30 s are full, and everything has been met once: then memory says what it will stay at."""
POLYGON = ((0.1, 0.35), (0.9, 0.35), (1.0, 1.0), (0.0, 1.0))


def bench_streams(cameras: int = 100, minutes: float = 15.0, mbit_per_s: float = 4.0) -> dict[str, Any]:
    """Watches `cameras` recordings of 1080p25 H.264 for some minutes, after a minute of warming up.

    Returns:
        CPU milliseconds per camera-second beside those of a bare keyframe loop on the same file, MiB per camera, and
        everything that was dropped, by cause.
    """
    clip = bench_source(1920, 1080, CLIP_S, mbit_per_s=mbit_per_s, gop_s=GOP_S)
    zone = Zone("all", ZoneKind.NO_PARKING, POLYGON, dwell_s=60.0)
    watched = [Camera(f"cam-{number:03d}", Address(str(clip)), (zone,), loop=True) for number in range(cameras)]
    with (
        tempfile.TemporaryDirectory(prefix="streetwarden-bench-") as folder,
        blind_worker(watched, Path(folder)) as worker,
    ):
        time.sleep(WARM_UP_S + minutes * 60)
        rows = read_health(Path(folder), datetime.now(UTC))
        bare_ms = _bare_ms(clip)  # with the cameras running: on a busy core everything costs more
    shares = [_warm(readings) for readings in worker.readings]
    elapsed_s = max(warm[-1].at_s - warm[0].at_s for warm in shares)
    cpu_s = sum(warm[-1].cpu_s - warm[0].cpu_s for warm in shares)
    before = sum(readings[0].rss_bytes for readings in worker.readings)
    peak = sum(max(reading.rss_bytes for reading in readings) for readings in worker.readings)
    after = sum(warm[-1].rss_bytes for warm in shares)
    cpu_ms = 1000 * cpu_s / (cameras * elapsed_s)
    return {
        "cameras": cameras,
        "seconds": round(elapsed_s, 1),
        "cpu_ms_per_camera_second": round(cpu_ms, 2),
        "bare_keyframe_loop_ms": round(bare_ms, 2),
        "ratio": round(cpu_ms / bare_ms, 2),
        "cores_used": round(cpu_s / elapsed_s, 2),
        "mib_per_camera": round((after - before) / cameras / MIB, 2),
        "peak_mib_per_camera": round((peak - before) / cameras / MIB, 2),
        "mib_before_the_first_camera": round(before / MIB, 1),
        "ring_mib_per_camera": round(sum(row["ring_bytes"] for row in rows) / cameras / MIB, 2),
        "pictures_per_s": round(sum(row["fps"] or 0.0 for row in rows) / cameras, 2),
        "packets": sum(row["packets"] for row in rows),
        "looks": sum(row["looks"] for row in rows),
        "drops": totals(rows, "drops"),
        "failures": totals(rows, "failures"),
        "clip": clip.name,
        "processes": worker.shards,
        "cpus": os.cpu_count(),
    }


def _warm(readings: list[Reading]) -> list[Reading]:
    return [reading for reading in readings if reading.at_s >= readings[0].at_s + WARM_UP_S]


def _bare_ms(clip: Path) -> float:
    """CPU of decoding the keyframes alone, with PyAV and nothing of ours, per second of video."""
    started_s = time.process_time()
    with av.open(clip) as source:
        stream = source.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY"
        stream.codec_context.thread_count = 1
        for _ in source.decode(stream):
            pass
    return 1000 * (time.process_time() - started_s) / CLIP_S
