"""How many paced 1080p cameras a machine holds, with detection, and how soon an alarm can be read in the event system.

Held means: of 100 pictures at least 95 have been looked at no later than `LAG_LIMIT_S` after they were there. Cameras play a
street on which something always moves, so that the change gate saves nothing; beside them a few play the sample film, whose
bus parks 47 times an hour, so that evidence is made and sent at about the rate of one incident per camera-hour.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from detector.delivery.courier import Courier
from detector.delivery.outbox import Outbox
from detector.health import read_health
from detector.zoning.cameras_file import Camera
from detector.zoning.zones import Zone, ZoneKind
from evaluation.bench_source import bench_source
from evaluation.bench_streams import CLIP_S, GOP_S, POLYGON
from evaluation.benches.ceiling import BareLoops, Turn, summary
from evaluation.benches.events import EventSystem, IncidentReader, event_system
from evaluation.benches.limit import greatest_that_holds
from evaluation.benches.machine import cores, machine
from evaluation.benches.stages import Stage
from evaluation.benches.watched import Schedule, Watched, beginning_now, between, watched_shards
from evaluation.blind import totals
from evaluation.memory import MIB
from evaluation.sample.compose import Sample
from streams.patrol import INTERVAL_S
from streams.source.address import Address

log = logging.getLogger(__name__)

LAG_LIMIT_S = 2.0
"""One interval of patrol: with more, the next picture is there before the last one has been looked at."""
LATE_SHARE = 0.05
MBIT_PER_S = 4.0
WARM_UP_S = 20.0
"""Models are warm, decoders pooled and the change gate has met every view."""
CEILING_TURN_S = 5.0
SHARE_OF_CEILING = 4
"""The search begins at a quarter of the ceiling: two doublings below it."""
CAMERAS_PER_SCENE = 48
"""The sample film has an incident every 76 s, 47 an hour: one per camera-hour, with so many cameras. A few have none."""
DWELL_S = 10.0
INCIDENTS = 8
INCIDENT_CAMERAS = 4
INCIDENT_PATIENCE_S = 300.0
TICK_S = 0.5


@dataclass(frozen=True)
class Load:
    """What is watched: the clip of most cameras, and the film of those that have incidents; None: there are none."""

    clip: Path
    scene: Sample | None

    def cameras(self, count: int) -> list[Camera]:
        """So many cameras of the clip, and those of the scene that go with them."""
        zone = Zone("all", ZoneKind.NO_PARKING, POLYGON, dwell_s=60.0)
        streets = [Camera(f"cam-{number:04d}", Address(str(self.clip)), (zone,), loop=True) for number in range(count)]
        return [*self.scenes(round(count / CAMERAS_PER_SCENE)), *streets]

    def scenes(self, count: int) -> list[Camera]:
        """So many cameras with incidents."""
        if self.scene is None:
            return []
        zone = Zone("kerb", ZoneKind.NO_PARKING, self.scene.zone, dwell_s=DWELL_S)
        address = Address(str(self.scene.path))
        return [Camera(f"scene-{number:02d}", address, (zone,), loop=True) for number in range(count)]


@dataclass(frozen=True)
class Step:
    """So many cameras for so long."""

    cameras: int
    scenes: int
    held: bool
    cut_short: bool
    """Ended early, when so many pictures were late that the rest could not make up for it."""
    load: dict[str, Any]
    lags_s: tuple[float, ...]
    detail: dict[str, Any] = field(default_factory=dict)
    """What it cost; only of a step that ran to its end."""

    def row(self) -> dict[str, Any]:
        """As it stands in the report."""
        return {
            "cameras": self.cameras,
            "scene_cameras": self.scenes,
            "held": self.held,
            "cut_short": self.cut_short,
            "lag_s": quantiles(self.lags_s),
            "load_average_1_min": self.load["load_average_1_min"],
        }


def bench_cameras(
    model: str = "yolov8n",
    *,
    seconds: float = 60.0,
    most: int = 1000,
    load: Load | None = None,
    warm_up_s: float = WARM_UP_S,
    lag_limit_s: float = LAG_LIMIT_S,
    incidents: int = INCIDENTS,
) -> dict[str, Any]:
    """Searches the greatest number of cameras that is held, measures it, and sets it beside the ceiling.

    Args:
        model: name in the registry.
        seconds: how long each number of cameras is measured, once it is warm.
        most: more cameras are not tried.
        load: what the cameras show; None composes it.
        warm_up_s: before each measurement.
        lag_limit_s: how late 95 of 100 pictures may be.
        incidents: how many are awaited in the event system; 0 leaves that part out.

    Returns:
        See `evaluation/README.md`; milliseconds are CPU time per camera and second.

    Raises:
        EvaluationError: a shard has failed.
        models.errors.ModelError: the model can't be had.
    """
    load = load or usual_load()
    before = machine()
    bare = BareLoops(load.clip, model)
    turns = [bare.turn(CEILING_TURN_S)]
    steps: list[Step] = []

    def holds(count: int) -> bool:
        steps.append(_step(count, model, load, Schedule(warm_up_s, seconds, lag_limit_s)))
        log.info("%d cameras: %s, lag %s", count, "held" if steps[-1].held else "not held", steps[-1].row()["lag_s"])
        turns.append(bare.turn(CEILING_TURN_S))  # between the steps, so that both meet the same machine
        return steps[-1].held

    first = int(turns[0].cameras / SHARE_OF_CEILING)
    held = greatest_that_holds(holds, first, most)
    best = next((step for step in steps if step.cameras == held), None)
    measured = best or next((step for step in reversed(steps) if step.detail), None)
    return {
        "model": model,
        "provider": bare.provider,
        "input_px": bare.input_px,
        "clip": load.clip.name,
        "machine": before | {"load_average_1_min_after": machine()["load_average_1_min"]},
        "lag_limit_s": lag_limit_s,
        "seconds": seconds,
        "cameras_held": held,
        "at_most": held == most,
        "lag_s": quantiles(best.lags_s if best else ()),
        "cost": {"cameras": measured.cameras, **measured.detail} if measured else None,
        "ceiling": summary(turns),
        **_beside(held, measured, turns),
        "end_to_end": _end_to_end(model, load, incidents) if incidents and load.scene is not None else None,
        "steps": [step.row() for step in steps],
    }


def usual_load() -> Load:
    """1080p25 H.264 at 4 Mb/s, and the sample film; composed at the first call."""
    from evaluation.sample.film import cached_sample  # noqa: PLC0415 - fetches a photograph

    return Load(bench_source(1920, 1080, CLIP_S, mbit_per_s=MBIT_PER_S, gop_s=GOP_S), cached_sample())


def quantiles(values: Sequence[float]) -> dict[str, float | int | None]:
    """Median, 95th percentile and count."""
    if not values:
        return {"p50": None, "p95": None, "count": 0}
    p50, p95 = np.percentile(values, [50, 95])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "count": len(values)}


def surely_late(lags_s: Sequence[float], expected: float, limit_s: float) -> bool:
    """Whether so many pictures are late already that the rest, being all in time, could not make up for it."""
    return sum(lag_s > limit_s for lag_s in lags_s) > LATE_SHARE * max(expected, len(lags_s))


def _beside(held: int, measured: Step | None, turns: Sequence[Turn]) -> dict[str, Any]:
    """Ours beside the ceiling: cameras of cameras, and CPU of CPU; 1 would be a system that costs nothing of its own."""
    ceiling = summary(list(turns))
    ours_ms = measured.detail["cpu_ms_per_camera_second"]["total"] if measured else None
    return {
        "ratio": round(held / ceiling["cameras"], 3),
        "cpu_ratio": round(ceiling["total_ms"] / ours_ms, 3) if ours_ms else None,
        "cameras_by_cpu_time": {  # of a machine that does nothing else and whose cores are never idle
            "ours": round(1000 * cores() / ours_ms, 1) if ours_ms else None,
            "ceiling": round(1000 * cores() / ceiling["total_ms"], 1),
        },
    }


def _step(count: int, model: str, load: Load, schedule: Schedule) -> Step:
    cameras = beginning_now(load.cameras(count), datetime.now(UTC))
    expected = len(cameras) * schedule.seconds / INTERVAL_S
    before = machine()
    with (
        tempfile.TemporaryDirectory(prefix="streetwarden-bench-") as folder,
        event_system(Path(folder) / "events") as events,
        _delivered(Path(folder), events),
        watched_shards(cameras, model, Path(folder), schedule) as watched,
    ):
        rows: list[list[dict[str, Any]]] = []
        uploads_s = [time.process_time()]
        while not (cut_short := surely_late(watched.lags_s, expected, schedule.lag_limit_s)) and not watched.measured:
            watched.update(TICK_S)
            if not rows and all(len(one.moments) > 1 for one in watched.progress):
                rows.append(read_health(Path(folder), datetime.now(UTC)))
                uploads_s[0] = time.process_time()
        # This process does nothing but deliver meanwhile.
        uploads_s.append(time.process_time())
        rows.append(read_health(Path(folder), datetime.now(UTC)))
        lags_s = tuple(watched.lags_s)
    detail = {} if cut_short else _detail(watched, len(cameras), uploads_s[1] - uploads_s[0], rows)
    held = not cut_short and bool(lags_s) and not surely_late(lags_s, 0, schedule.lag_limit_s)
    return Step(count, len(cameras) - count, held, cut_short, before, lags_s, detail)


@contextlib.contextmanager
def _delivered(state_dir: Path, events: EventSystem) -> Iterator[None]:
    """A courier takes to the event system what the shards leave in the outbox of this folder."""
    outbox = Outbox(state_dir)
    courier = Courier(outbox, events.url, events.worker_token)
    courier.start()
    try:
        yield
    finally:
        courier.stop()
        outbox.close()


def _detail(watched: Watched, cameras: int, upload_s: float, rows: Sequence[list[dict[str, Any]]]) -> dict[str, Any]:
    seconds, shards_s, stages_s = between(watched)
    cpu_s = shards_s + upload_s
    stages_s[Stage.UPLOAD] += upload_s  # type: ignore[assignment] # a counter of seconds

    def per_camera_ms(spent_s: float) -> float:
        return round(1000 * spent_s / (cameras * seconds), 2)

    began, warm, end = zip(*(one.moments for one in watched.progress), strict=True)
    began_bytes, end_bytes = (sum(one.rss_bytes for one in moments) for moments in (began, end))
    first, last = rows[0], rows[-1]
    return {
        "cpu_ms_per_camera_second": {
            **{stage.value: per_camera_ms(stages_s[stage]) for stage in Stage},
            "other": per_camera_ms(cpu_s - sum(stages_s.values())),
            "total": per_camera_ms(cpu_s),
        },
        "cores_used": round(cpu_s / seconds, 2),
        "mib_per_camera": round((end_bytes - began_bytes) / cameras / MIB, 2),
        "mib_before_the_first_camera": round(began_bytes / MIB, 1),
        "looks": _since(first, last, "looks"),
        "analysed": _since(first, last, "analysed"),
        "drops": _counted(first, last, "drops"),
        "failures": _counted(first, last, "failures"),
        "incidents": len(watched.alarms),
        "processes": watched.shards,
        "measured_s": round(min(after.at_s - before.at_s for before, after in zip(warm, end, strict=True)), 1),
    }


def _since(first: Sequence[dict[str, Any]], last: Sequence[dict[str, Any]], name: str) -> int:
    return sum(int(row[name]) for row in last) - sum(int(row[name]) for row in first)


def _counted(first: Sequence[dict[str, Any]], last: Sequence[dict[str, Any]], name: str) -> dict[str, int]:
    """What was counted by cause since the end of warming up."""
    counted = Counter(totals(last, name))
    counted.subtract(totals(first, name))
    return {cause: count for cause, count in sorted(counted.items()) if count}


def _end_to_end(model: str, load: Load, incidents: int) -> dict[str, Any]:
    """From the picture of an alarm until its incident can be read over HTTP, on a machine that has little else to do."""
    cameras = beginning_now(load.scenes(min(incidents, INCIDENT_CAMERAS)), datetime.now(UTC))
    schedule = Schedule(0.0, INCIDENT_PATIENCE_S, LAG_LIMIT_S)
    before = machine()
    with (
        tempfile.TemporaryDirectory(prefix="streetwarden-bench-") as folder,
        event_system(Path(folder) / "events") as events,
        _delivered(Path(folder), events),
        watched_shards(cameras, model, Path(folder), schedule) as watched,
        (reader := IncidentReader(events)).reading(),
    ):
        deadline_s = time.monotonic() + INCIDENT_PATIENCE_S
        while len(watched.alarms.keys() & reader.seen_s) < incidents and time.monotonic() < deadline_s:
            watched.update(TICK_S)
        waits_s = [reader.seen_s[one] - at_s for one, at_s in watched.alarms.items() if one in reader.seen_s]
        unread = len(watched.alarms) - len(waits_s)
    return {
        "cameras": len(cameras),
        "cores": cores(),
        "load_average_1_min": before["load_average_1_min"],
        "picture_to_readable_s": quantiles(waits_s),
        "not_readable_yet": unread,
    }
