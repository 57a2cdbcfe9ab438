"""An hour of trouble over real RTSP: is every camera live in the end, and what did it cost?

`simulate` serves the cameras and injects random faults, one after the other on each; the worker's own shards watch them. Faults
end some minutes before the run does.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from detector.health import read_health
from detector.zoning.cameras_file import Camera
from detector.zoning.zones import Zone, ZoneKind
from evaluation.bench_source import bench_source
from evaluation.bench_streams import POLYGON
from evaluation.blind import blind_worker, totals
from evaluation.memory import MIB
from evaluation.simulate import Simulator
from evaluation.simulator.faults import mishaps, turns
from evaluation.simulator.mischief import carry_out
from streams.source.address import Address

SIZES = ((320, 240), (352, 288))
"""Two sizes, so that a camera can change its own."""
CALM_S = 90.0
"""Left at the end: the longest fault lasts 60 s, and 30 s is what recovery may take."""
LIVE_S = 3.0
"""A camera is live when it has sent a packet no longer ago than this."""
SAMPLE_EVERY_S = 10.0


@dataclass
class _Diary:
    """What happened during the run."""

    faults: Counter[str] = field(default_factory=Counter)
    live: list[int] = field(default_factory=list)
    """Cameras that were live, every few seconds."""

    def note(self, line: dict[str, Any]) -> None:
        if line["event"] == "fault begins":
            self.faults[line["fault"]] += 1


def bench_faults(cameras: int = 50, minutes: float = 60.0, seed: int = 1) -> dict[str, Any]:
    """Watches simulated cameras for some minutes.

    Returns:
        How many are live at the end, what was injected, what the feeds counted, memory early and late.
    """
    clips = [bench_source(width, height, 10.0, mbit_per_s=0.3, gop_s=2.0) for width, height in SIZES]
    zone = Zone("all", ZoneKind.NO_PARKING, POLYGON, dwell_s=60.0)
    end_s = minutes * 60
    diary, stopped = _Diary(), threading.Event()
    with tempfile.TemporaryDirectory(prefix="streetwarden-bench-") as folder:
        state_dir = Path(folder)
        with Simulator(clips, cameras=cameras, seed=seed) as simulator:
            watched = [
                Camera(f"cam-{number:02d}", Address(simulator.url(number)), (zone,)) for number in range(cameras)
            ]
            with blind_worker(watched, state_dir) as worker:
                sampler = threading.Thread(target=_sample, args=(state_dir, diary, stopped), daemon=True)
                sampler.start()
                plan = turns(mishaps(simulator.same_codec, seed), max(0.0, end_s - CALM_S))
                carry_out(simulator, plan, diary.note, stopped=stopped, end_s=end_s)
                stopped.set()
                sampler.join()
                rows = read_health(state_dir, datetime.now(UTC))
    early = sum(readings[len(readings) // 4].rss_bytes for readings in worker.readings)
    late = sum(readings[-1].rss_bytes for readings in worker.readings)
    cpu_s = sum(readings[-1].cpu_s - readings[0].cpu_s for readings in worker.readings)
    return {
        "cameras": cameras,
        "minutes": minutes,
        "live_at_the_end": sum(map(_live, rows)),
        "not_live": [row["camera"] for row in rows if not _live(row)],
        "faults": dict(sorted(diary.faults.items())),
        "live_on_average": round(sum(diary.live) / len(diary.live), 1) if diary.live else None,
        "connections": sum(row["connections"] for row in rows),
        "failures": totals(rows, "failures"),
        "drops": totals(rows, "drops"),
        "time_jumps": sum(row["time_jumps"] for row in rows),
        "parameter_changes": sum(row["parameter_changes"] for row in rows),
        "reader_restarts": sum(row["reader_restarts"] for row in rows),
        "looks": sum(row["looks"] for row in rows),
        "cores_used": round(cpu_s / end_s, 2),
        "mib_early": round(early / MIB, 1),
        "mib_late": round(late / MIB, 1),
    }


def _live(row: dict[str, Any]) -> bool:
    age_s = row["last_packet_age_s"]
    return row["state"] == "live" and age_s is not None and age_s <= LIVE_S and "stale_s" not in row


def _sample(state_dir: Path, diary: _Diary, stopped: threading.Event) -> None:
    time.sleep(SAMPLE_EVERY_S)  # cameras have to be opened first
    while not stopped.wait(SAMPLE_EVERY_S):
        diary.live.append(sum(map(_live, read_health(state_dir, datetime.now(UTC)))))
